import { goldens } from "../golden.ts";

goldens("bind");
