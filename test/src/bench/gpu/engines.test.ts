// The limits' kernels as shaders: every engine at hand gives what they must; f16 where there is an engine that has it, and validated in any case.

import { describe, expect, test } from "vitest";
import { compileShaders } from "../../../../backends/index.ts";
import { bytesOfTensor, type Feature, lower } from "../../../../ir/index.ts";
import {
  type Arithmetic,
  type RateVariant,
  rateInputs,
  rateKernel,
  rateResult,
} from "../../../../src/bench/gpu/rate-kernels.ts";
import { fillKernel, type ReadVariant, readKernel, readResult } from "../../../../src/bench/gpu/read-kernel.ts";
import { type Engine, inEngine, running } from "../../../backends/wgsl/engines.ts";
import { type Case, runIn } from "../../../backends/wgsl/harness.ts";

const bytes = 2 ** 14;
const rounds = 3;
const swept: ReadVariant = { groups: 8, local: 64, unrolled: 2, order: "swept" };
const apart: ReadVariant = { groups: 2, local: 64, unrolled: 4, order: "apart" };
const rates: readonly (readonly [Arithmetic, RateVariant, readonly Feature[]])[] = [
  ["f32", { groups: 3, chains: 4, lanes: 4 }, []],
  ["f32", { groups: 3, chains: 8, lanes: 1 }, []],
  ["i8", { groups: 3, chains: 4, lanes: 1 }, ["packed-dot"]],
  ["f16", { groups: 3, chains: 4, lanes: 2 }, ["f16"]],
  ["f16", { groups: 3, chains: 2, lanes: 4 }, ["f16"]],
];

/** The words that `fill` writes, as it was run before. */
const readCase = (variant: ReadVariant, x: Uint8Array): Case => ({
  name: `read ${variant.order}`,
  kernel: lower(readKernel(bytes, variant), "wgsl"),
  inputs: { x },
});

const rateCase = ([arithmetic, variant, features]: (typeof rates)[number]): Case => {
  const inputs = Object.entries(rateInputs(arithmetic, variant)).map(([name, of]) => [name, bytesOfTensor(of)]);
  return {
    name: `${arithmetic} by ${variant.lanes}`,
    kernel: lower(rateKernel(arithmetic, variant), "wgsl"),
    inputs: Object.fromEntries(inputs) as Case["inputs"],
    symbols: { rounds },
    features,
  };
};

const fill: Case = { name: "fill", kernel: lower(fillKernel(bytes), "wgsl"), inputs: {} };

/** SwiftShader has no f16. */
const has = (engine: Engine, [arithmetic]: (typeof rates)[number]): boolean =>
  arithmetic !== "f16" || engine === "deno-llvmpipe";

describe.each(running)("%s", (engine) => {
  test("reads every word, and computes what the loops must", { timeout: 60_000 }, async () => {
    const own = rates.filter((rate) => has(engine, rate));
    const [filled, ...computed] = await runIn(engine, [fill, ...own.map(rateCase)]);
    own.forEach(([arithmetic, variant], i) => {
      const wanted = rateResult(arithmetic, variant, rateInputs(arithmetic, variant), rounds);
      expect(computed[i]!["y"], `${arithmetic} by ${variant.lanes}`).toEqual([...wanted]);
    });
    const x = new Uint8Array(Int32Array.from(filled!["x"]!).buffer);
    const sums = await runIn(engine, [readCase(swept, x), readCase(apart, x)]);
    expect(sums.map((of) => of["y"])).toEqual([[...readResult(bytes, swept)], [...readResult(bytes, apart)]]);
  });
});

test("the validator takes all of them", async () => {
  const x = new Uint8Array(0);
  const all = [fill, readCase(swept, x), readCase(apart, x), ...rates.map(rateCase)];
  const shaders = all.map(({ name, kernel, features = [] }) => ({
    name,
    code: compileShaders([kernel], features)[0]!.code,
  }));
  const { results } = await inEngine("dawn-null", shaders);
  expect(results.map(({ errors }) => errors)).toEqual(all.map(() => []));
});
