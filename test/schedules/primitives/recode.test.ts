import { goldens } from "../golden.ts";

goldens("recode");
