import { goldens } from "../golden.ts";

goldens("reorder");
