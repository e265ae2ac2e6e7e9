import { goldens } from "../golden.ts";

goldens("hoist");
