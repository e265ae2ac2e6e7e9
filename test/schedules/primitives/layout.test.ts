import { goldens } from "../golden.ts";

goldens("layout");
