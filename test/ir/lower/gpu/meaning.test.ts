/** Kernels for GPUs mean the same after every pass, in any order of their invocations and for any subgroups. */
import { describe, expect, test } from "vitest";
import { type InterpretOptions, parseKernel, verifyKernel } from "../../../../ir/index.ts";
import { sampleOf } from "../same.ts";
import { type GridKernel, gridKernels, gridNames, plainKernels } from "./kernels.ts";
import { loweredForGpu, shuffledLeaders, subgroupSizes } from "./run.ts";

const orders: readonly InterpretOptions[] = [{}, { order: 1 }, { order: 2 }, { order: 3 }];

describe.each(gridNames)("%s", (name: GridKernel) => {
  const text = gridKernels[name];
  const symbols = text.includes("symbol") ? [{ M: 0 }, { M: 1 }, { M: 4 }, { M: 6 }] : [{}];

  test("computes the same after each pass", () => {
    for (const values of symbols) loweredForGpu(sampleOf(text, values), orders);
  });

  test("keeps the rules of its forms", () => {
    const kernel = parseKernel(text);
    verifyKernel(kernel, "grid");
    const stages = loweredForGpu(sampleOf(text, symbols[0]), []);
    verifyKernel([...stages.values()].at(-1) ?? kernel, "invocation");
  });
});

test.each(["thread", "unbound"] as const)("%s", (name) => {
  const text = plainKernels[name];
  for (const N of text.includes("symbol") ? [0, 1, 63, 64, 130] : [0]) {
    const sample = sampleOf(text, text.includes("symbol") ? { N } : {});
    const stages = loweredForGpu(sample, orders.slice(0, 2));
    verifyKernel([...stages.values()].at(-1) ?? sample.kernel, "invocation");
  }
});

describe("sums over subgroups", () => {
  test.each(subgroupSizes)("of %i invocations, mapped at random", (size) => {
    for (const name of ["subgroups", "flat leader"] as const)
      for (const seed of [1, 2])
        loweredForGpu(sampleOf(gridKernels[name]), [{ leader: shuffledLeaders(size, seed), order: seed }]);
  });

  test("leaders that lead nobody are refused", () => {
    const sample = sampleOf(gridKernels.subgroups);
    const leader = (count: number): Int32Array => Int32Array.from({ length: count }, (_, i) => (i + 1) % count);
    expect(() => loweredForGpu(sample, [{ leader }])).toThrowErrorMatchingInlineSnapshot(
      `[InterpretError: k: leader: the leaders of 64 invocations are given by 64 numbers, of which number 0, 1, is no leader of its own]`,
    );
    expect(() => loweredForGpu(sample, [{ leader: () => new Int32Array(3) }])).toThrowErrorMatchingInlineSnapshot(
      `[InterpretError: k: leader: the leaders of 64 invocations are given by 3 numbers]`,
    );
  });
});
