import { goldens } from "../golden.ts";

goldens("fuse");
