import { goldens } from "../golden.ts";

goldens("factor");
