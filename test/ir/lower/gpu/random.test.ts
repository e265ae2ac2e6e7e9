/** Random kernels in grid form mean the same after each pass for WGSL, in shuffled orders of invocations and for subgroups of every size. */
import fc from "fast-check";
import { describe, test } from "vitest";
import { lower, verifyKernel } from "../../../../ir/index.ts";
import { patience, runs } from "../../../schedules/runs.ts";
import { arbitraryKernel } from "../../arbitrary.ts";
import { arbitraryGrid } from "./arbitrary.ts";
import { loweredForGpu, shuffledLeaders, subgroupSizes } from "./run.ts";

describe("random kernels", () => {
  test("in grid form", { timeout: patience }, () => {
    fc.assert(
      fc.property(arbitraryGrid(), fc.nat(2 ** 20), (sample, seed) => {
        verifyKernel(sample.kernel, "grid");
        const size = subgroupSizes[seed % subgroupSizes.length] as number;
        const every = [
          {},
          { order: seed, leader: shuffledLeaders(size, seed) },
          { order: seed + 1, leader: shuffledLeaders(4, seed + 1) },
        ];
        // All of them where barriers come to matter and at the end.
        const decisive = new Set(["invocations", "cse"]);
        const stages = loweredForGpu(sample, every, (pass) => (decisive.has(pass) ? every : every.slice(1, 2)));
        verifyKernel([...stages.values()].at(-1) ?? sample.kernel, "invocation");
      }),
      { numRuns: runs(40) },
    );
  });

  test("without parallel loops, or with a thread loop", { timeout: patience }, () => {
    fc.assert(
      fc.property(arbitraryKernel(), (sample) => {
        fc.pre(
          sample.kernel.body.length === 1 ||
            sample.kernel.body.every((s) => s.kind !== "for" || s.loopKind === "serial"),
        );
        loweredForGpu(sample, [{}, { order: 1 }]);
        verifyKernel(lower(sample.kernel, "wgsl"), "invocation");
      }),
      { numRuns: runs(30) },
    );
  });
});
