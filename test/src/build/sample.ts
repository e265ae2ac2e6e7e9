// A build of one kernel of each operator, and what each should compute; shared by the tests of builds.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import {
  type Containers,
  type DequantizeWorkload,
  decodeReference,
  encode,
  formatOf,
  type MatmulWorkload,
  type QuantizeWorkload,
  quantizeReference,
  referenceMatmul,
} from "../../../ir/index.ts";
import { type BuildConfig, type BuildOptions, type BuildResult, buildFolder } from "../../../src/build/index.ts";

const n = 16;
const k = 64;

export const attention: MatmulWorkload = {
  op: "matmul",
  m: "any",
  n,
  k,
  w: "q4_0",
  bias: false,
  numerics: { compute: "i8", xGroup: 32 },
};
export const head: MatmulWorkload = { ...attention, m: 1, w: "int4_g32", bias: true, numerics: { compute: "f32" } };
export const quantize: QuantizeWorkload = { op: "quantize", m: "any", k, group: 32 };
export const dequantize: DequantizeWorkload = { op: "dequantize", n, k, w: "int4_g32" };

/** The quickest to compile. */
export const small: BuildConfig = { kernels: [{ name: "quant", workload: quantize }] };

export const config: BuildConfig = {
  kernels: [
    { name: "attn-q", workload: attention },
    { name: "head", workload: head },
    ...small.kernels,
    { name: "deq", workload: dequantize },
  ],
};

/** Builds without records, so that what other runs on this machine have tuned does not matter. */
export const build = (of: BuildConfig, out: string, options: BuildOptions = {}): Promise<BuildResult> =>
  buildFolder(of, out, { db: false, ...options });

/** A folder outside the repository, so that nothing in it finds a package; gone after the test. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "qloom-build-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

const wave = (length: number, step: number): Float32Array<ArrayBuffer> =>
  Float32Array.from({ length }, (_, i) => Math.sin(i * step));

const stored = (format: string): Containers => encode(formatOf(format), wave(n * k, 0.37), n, k);
const withoutPrefix = (containers: Containers): Record<string, readonly number[]> =>
  Object.fromEntries(Object.entries(containers).map(([name, bytes]) => [name.slice(2), [...bytes]]));

const rows = 3;
const x = wave(rows * k, 0.71);
const bias = wave(n, 0.13);

/** What a program without any import of ours needs to run the sample's kernels, as JSON. */
export const inputs: unknown = {
  rows,
  x: [...x],
  bias: [...bias],
  attention: withoutPrefix(stored("q4_0")),
  int4: withoutPrefix(stored("int4_g32")),
};

/** The results, from the references. */
export function expected(): Record<"attention" | "head" | "codes" | "scales" | "weights", readonly number[]> {
  const { q, s } = quantizeReference(x, 32);
  return {
    attention: [...referenceMatmul(attention, x, stored("q4_0")).y],
    head: [...referenceMatmul(head, x.subarray(0, k), stored("int4_g32"), { bias }).y],
    codes: [...q],
    scales: [...s],
    // JSON knows no negative zero.
    weights: [...decodeReference(formatOf("int4_g32"), stored("int4_g32"), n, k)].map((value) => value + 0),
  };
}

/** A module that exports `runAll(kernels, inputs, options)`: every kernel of the sample, in plain JavaScript. */
export const runner: string = `
export async function runAll({ loadAttnQ, loadHead, loadQuant, loadDeq }, inputs, options) {
  const bytes = (arrays) => Object.fromEntries(Object.entries(arrays).map(([name, a]) => [name, Uint8Array.from(a)]));
  const x = Float32Array.from(inputs.x);
  const [attnQ, head, quant, deq] = await Promise.all([loadAttnQ, loadHead, loadQuant, loadDeq].map((f) => f(options)));
  const { q, s } = quant.run({ x, m: inputs.rows });
  const y = attnQ.run({ x, w: attnQ.pack(bytes(inputs.attention)), m: inputs.rows });
  const packed = head.loadPacked(head.pack(bytes(inputs.int4)).toBytes());
  const logits = head.run({ x: x.subarray(0, ${k}), w: packed, bias: Float32Array.from(inputs.bias) });
  const weights = deq.run({ w: deq.pack(bytes(inputs.int4)) });
  const results = { attention: [...y], head: [...logits], codes: [...q], scales: [...s], weights: [...weights] };
  for (const kernel of [attnQ, head, quant, deq]) kernel.dispose();
  return results;
}
`;
