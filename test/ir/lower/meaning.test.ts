/** Each pass, and the list, keeps a kernel's meaning: random kernels before and after. */
import fc from "fast-check";
import { describe, test } from "vitest";
import { lower, verifyKernel } from "../../../ir/index.ts";
import { arbitraryKernel } from "../arbitrary.ts";
import { lowered } from "./same.ts";

describe("random kernels", () => {
  test("mean the same after each pass", () => {
    fc.assert(
      fc.property(arbitraryKernel(), (sample) => {
        lowered(sample);
      }),
      { numRuns: 150 },
    );
  });

  test("are in lowered form at the end", () => {
    fc.assert(
      fc.property(arbitraryKernel(), ({ kernel }) => {
        // Each thread loop is a kernel of its own by then.
        fc.pre(kernel.body.filter((s) => s.kind === "for" && s.loopKind === "thread").length <= 1);
        verifyKernel(lower(kernel, "wasm"), "lowered");
      }),
      { numRuns: 150 },
    );
  });
});
