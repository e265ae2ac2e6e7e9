/** The typical kernel after each pass for WGSL: what an expert would write, and that it still computes the same. */
import { expect, test } from "vitest";
import { lower, parseKernel, printKernel, verifyKernel } from "../../../../ir/index.ts";
import { sampleOf } from "../same.ts";
import { typicalGrid } from "./kernels.ts";
import { loweredForGpu } from "./run.ts";

test("computes the same after each pass", () => {
  verifyKernel(parseKernel(typicalGrid), "grid");
  loweredForGpu(sampleOf(typicalGrid, { M: 17 }, ["w.q", "w.s"]), [{ order: 1 }], (pass) =>
    ["barriers", "invocations", "predicate", "cse"].includes(pass) ? [{ order: 1 }] : [],
  );
});

test("after each pass", async () => {
  const seen = new Map<string, number>();
  const texts: [string, string][] = [];
  const last = lower(parseKernel(typicalGrid), "wgsl", (pass, kernel) => {
    const times = (seen.get(pass) ?? 0) + 1;
    seen.set(pass, times);
    texts.push([times === 1 ? pass : `${pass}-${times}`, printKernel(kernel)]);
  });
  verifyKernel(last, "invocation");
  for (const [i, [pass, text]] of texts.entries())
    await expect(text).toMatchFileSnapshot(`golden/${String(i + 1).padStart(2, "0")}-${pass}.txt`);
});
