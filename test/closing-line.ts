// The last line of a test run, for whoever reads only that: `12 passed, 0 failed`.

import type { Reporter, TestModule } from "vitest/node";

export const closingLine: Reporter = {
  onTestRunEnd(modules, unhandledErrors) {
    const passed = count(modules, "passed");
    // A file that can't be loaded, a hook that throws and an error outside of tests each fail the run without a failed test.
    const broken = modules.filter((module) => !module.ok() && count([module], "failed") === 0).length;
    const failed = count(modules, "failed") + broken + unhandledErrors.length;
    process.stdout.write(`${passed} passed, ${failed} failed\n`);
  },
};

function count(modules: readonly TestModule[], state: "passed" | "failed"): number {
  return modules.reduce((sum, module) => sum + [...module.children.allTests(state)].length, 0);
}
