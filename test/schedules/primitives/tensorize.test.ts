import { goldens } from "../golden.ts";

goldens("tensorize");
