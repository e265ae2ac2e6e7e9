import { goldens } from "../golden.ts";

goldens("stage");
