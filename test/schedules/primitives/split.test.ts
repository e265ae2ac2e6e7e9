import { goldens } from "../golden.ts";

goldens("split");
