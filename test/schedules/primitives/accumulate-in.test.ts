import { goldens } from "../golden.ts";

goldens("accumulate-in");
