import type { TestProjectConfiguration, ViteUserConfig } from "vitest/config";
import { closingLine } from "./test/closing-line.ts";

/** Tests of what computes and holds no state: files that a worker runs one after the other share the modules that they load. */
const stateless = ["ir", "schedules", "backends", "tune-db", "architecture", "src/cli", "src/gguf"].map(
  (folder) => `test/${folder}/**/*.test.ts`,
);

const project = (
  name: string,
  isolate: boolean,
  include: string[],
  exclude: string[] = [],
): TestProjectConfiguration => ({
  extends: true,
  test: { name, isolate, include, exclude },
});

const config: ViteUserConfig = {
  test: {
    projects: [project("shared", false, stateless), project("isolated", true, ["test/**/*.test.ts"], stateless)],
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
