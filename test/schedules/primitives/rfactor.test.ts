import { goldens } from "../golden.ts";

goldens("rfactor");
