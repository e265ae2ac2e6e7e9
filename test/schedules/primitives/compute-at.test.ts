import { goldens } from "../golden.ts";

goldens("compute-at");
