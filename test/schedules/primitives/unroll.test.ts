import { goldens } from "../golden.ts";

goldens("unroll");
