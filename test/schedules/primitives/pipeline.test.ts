import { goldens } from "../golden.ts";

goldens("pipeline");
