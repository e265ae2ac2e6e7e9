import { goldens } from "../golden.ts";

goldens("vectorize");
