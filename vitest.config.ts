import type { ViteUserConfig } from "vitest/config";
import { closingLine } from "./test/closing-line.ts";

const config: ViteUserConfig = {
  test: {
    include: ["test/**/*.test.ts"],
    watch: false,
    // What is chosen does not depend on what was measured elsewhere.
    env: { QLOOM_RECORDS: "no-records" },
    // The suite has to fit a machine with two cores, where a compile or a child process can wait for its turn.
    maxWorkers: 2,
    testTimeout: 20_000,
    hookTimeout: 60_000,
    // Browsers and other engines that tests start may take too long on a busy machine; what is wrong is not tried again.
    retry: { count: 2, condition: /time(d )?out/i },
    reporters: ["default", closingLine],
  },
};

export default config;
