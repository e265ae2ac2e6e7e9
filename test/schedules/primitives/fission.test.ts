import { goldens } from "../golden.ts";

goldens("fission");
