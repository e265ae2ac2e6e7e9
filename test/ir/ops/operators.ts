// Workloads of the operators that a decoder layer has beside matmul and attention, and of merge, and numbers to run them on; shared by the tests of programs, schedules and kernels.

import fc from "fast-check";
import {
  type Buffer,
  buffersWithRole,
  type Containers,
  encode,
  formatNames,
  formatOf,
  programOf,
  type QuantizedResult,
  type Rows,
  ropePairings,
  sizeOf,
  type Tensor,
  tensor,
  type Workload,
} from "../../../ir/index.ts";
import { containerTensors } from "../interpreted.ts";
import { normals, randomOf } from "../samples.ts";

/** The workloads of an operator; sizes are as small as tails allow. */
export type OperatorName = "rmsnorm" | "embed" | "rope" | "swiglu" | "merge";

const lengths = fc.constantFrom(1, 3, 4, 8, 12, 16, 33, 40, 64, 96);
const rows = fc.constantFrom<Rows[]>("any", "any", 0, 1, 3);
const tables = fc.constantFrom(...formatNames()).chain((w) => {
  const { block } = formatOf(w);
  return fc.record({ w: fc.constant(w), k: block === 1 ? lengths : fc.constantFrom(block, 2 * block) });
});

/** Half of these with their results, rows of k, quantized. */
const quantizable = <W extends { readonly k: number }>(
  workloads: fc.Arbitrary<W>,
): fc.Arbitrary<W & { readonly quantize?: QuantizedResult }> =>
  workloads.chain((workload) => {
    const groups = [1, 4, 8, 16, 32, 64].filter((group) => workload.k % group === 0);
    const quantize: fc.Arbitrary<QuantizedResult> = fc.record({
      group: fc.constantFrom("row" as const, ...groups),
      bits: fc.constantFrom(undefined, 4),
      keep: fc.constantFrom(undefined, true),
    });
    return fc.oneof(
      fc.constant(workload),
      quantize.map((result) => ({ ...workload, quantize: result })),
    );
  });

/** Random workloads of each operator. */
export const arbitraryWorkloads: { readonly [Op in OperatorName]: fc.Arbitrary<Extract<Workload, { op: Op }>> } = {
  rmsnorm: quantizable(
    fc.record({
      op: fc.constant("rmsnorm"),
      m: rows,
      k: fc.oneof(lengths, fc.constantFrom(128, 256)),
      eps: fc.constantFrom(0, 1e-6, 1e-5),
      residual: fc.boolean(),
    }),
  ),
  embed: fc
    .record({ m: rows, n: fc.integer({ min: 1, max: 9 }), table: tables })
    .map(({ m, n, table: { w, k } }) => ({ op: "embed", m, n, k, w })),
  rope: fc
    .record({
      m: rows,
      heads: fc.integer({ min: 1, max: 3 }),
      pairs: fc.constantFrom(1, 2, 3, 4, 8, 12, 16),
      rest: fc.constantFrom(0, 0, 1, 4, 6, 16),
      pairing: fc.constantFrom(...ropePairings),
      scale: fc.constantFrom(1, 0.75),
    })
    .map(({ pairs, rest, ...of }) => ({ op: "rope", d: 2 * pairs + rest, rotary: 2 * pairs, ...of })),
  swiglu: quantizable(fc.record({ op: fc.constant("swiglu"), m: rows, k: lengths })),
  merge: fc.record({
    op: fc.constant("merge"),
    m: rows,
    parts: fc.integer({ min: 1, max: 5 }),
    heads: fc.integer({ min: 1, max: 3 }),
    headSize: fc.constantFrom(1, 4, 6, 16),
  }),
};

export const operatorNames = Object.keys(arbitraryWorkloads) as readonly OperatorName[];

/** Numbers that a workload is run on, by name: what is given at each run, and weights as they are stored. */
export interface Numbers {
  readonly inputs: ReadonlyMap<string, Tensor>;
  readonly weights: Containers;
}

/** Random numbers for `m` rows: whole ones where every order of summation is to be exact, else normal ones. Integers are in their buffer's range. */
export function numbersOf(workload: Workload, m: number, seed: number, exact: boolean): Numbers {
  const random = randomOf(seed);
  const values = (of: Buffer, shape: readonly number[]): readonly number[] => {
    const length = shape.reduce((product, size) => product * size, 1);
    if (of.scalar !== "f32") {
      const [low, high] = of.range ?? [-(2 ** 20), 2 ** 20];
      return Array.from({ length }, () => low + Math.floor(random() * (high - low + 1)));
    }
    return exact ? Array.from({ length }, () => Math.floor(random() * 15) - 7) : [...normals(length, seed + length)];
  };
  const inputs = buffersWithRole(programOf(workload), "input").map((of) => {
    const shape = of.shape.map((size) => sizeOf(size, { M: m }));
    return [of.name, tensor(of.scalar, shape, values(of, shape))] as const;
  });
  const weights =
    "w" in workload ? encode(formatOf(workload.w), normals(workload.n * workload.k, seed), workload.n, workload.k) : {};
  return { inputs: new Map(inputs), weights };
}

/** All that a program takes. */
export const tensorsOf = (workload: Workload, { inputs, weights }: Numbers): ReadonlyMap<string, Tensor> =>
  "w" in workload
    ? new Map([...inputs, ...containerTensors(formatOf(workload.w), weights, workload.n, workload.k)])
    : inputs;

/** Values of M that a workload is run with. */
export const rowsTried = (workload: Workload): readonly number[] => {
  const m = "m" in workload ? workload.m : 0;
  return m === "any" ? [0, 1, 5] : [m];
};
