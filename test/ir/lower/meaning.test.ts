/** Each pass, and the list, keeps a kernel's meaning: random kernels before and after. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { lower, printKernel, verifyKernel } from "../../../ir/index.ts";
import { arbitraryKernel } from "../arbitrary.ts";
import { bytesMade } from "./same.ts";

describe("random kernels", () => {
  test("mean the same after each pass", () => {
    fc.assert(
      fc.property(arbitraryKernel(), (sample) => {
        const expected = bytesMade(sample, sample.kernel);
        lower(sample.kernel, (pass, kernel) => {
          try {
            expect(bytesMade(sample, kernel)).toEqual(expected);
          } catch (e) {
            throw new Error(`${pass}: ${(e as Error).message}\n${printKernel(kernel)}`);
          }
        });
      }),
      { numRuns: 100 },
    );
  });

  test("are in lowered form at the end", () => {
    fc.assert(
      fc.property(arbitraryKernel(), ({ kernel }) => {
        // Each thread loop is a kernel of its own by then.
        fc.pre(kernel.body.filter((s) => s.kind === "for" && s.loopKind === "thread").length <= 1);
        verifyKernel(lower(kernel), "lowered");
      }),
      { numRuns: 100 },
    );
  });
});
