import { goldens } from "../golden.ts";

goldens("specialize");
