// One computation for every host: compiles workloads, packs random weights, runs them. What it uses besides its arguments is everywhere, so that
// its text can be run in a page.

import type { compile, MatmulWorkload, openMemoryStore } from "../../../src/index.ts";

interface Library {
  readonly compile: typeof compile;
  readonly openMemoryStore: typeof openMemoryStore;
}

export interface Computed {
  /** The bits of y, a number each. */
  readonly y: readonly number[];
  readonly features: readonly string[];
  /** Length and sum of the module's bytes. */
  readonly code: readonly [number, number];
  readonly explanation: readonly string[];
}

const matmul = { op: "matmul", m: 5, n: 48, k: 256, bias: false } as const;

/** Integer and float arithmetic, one kernel with threads' and one without; tails in m. */
export const workloads: readonly MatmulWorkload[] = [
  { ...matmul, w: "int4_g32", numerics: { compute: "i8", xGroup: 32 } },
  { ...matmul, w: "q4_K", numerics: { compute: "f32" } },
];

/** Enough that threads share it. */
export const large: MatmulWorkload = {
  ...matmul,
  n: 512,
  k: 512,
  w: "int4_g32",
  numerics: { compute: "i8", xGroup: 32 },
};

export async function compute(library: Library, workload: MatmulWorkload, threads: number = 1): Promise<Computed> {
  let state = 1;
  const next = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  const bytes = (length: number): Uint8Array => Uint8Array.from({ length }, () => 256 * next());
  const floats = (length: number): Float32Array => Float32Array.from({ length }, () => next() - 0.5);
  const { m, n, k, w } = workload;
  const kernel = await library.compile(workload, {
    db: library.openMemoryStore("a store in memory"),
    threads,
  });
  // Blocks of random bytes have random f16 scales: none may be infinite or NaN.
  const raw = bytes(w === "q4_K" ? (n * k * 144) / 256 : 0).map((byte, i) => (i % 144 < 4 ? byte & 0x3f : byte));
  const weights = w === "q4_K" ? { raw } : { codes: bytes((n * k) / 2), scales: floats((n * k) / 32) };
  const x = floats(Number(m) * k);
  const y = kernel.run({ m: Number(m), x, w: kernel.pack(weights) }) as Float32Array;
  kernel.dispose();
  const { code, features } = kernel.artifact;
  return {
    y: [...new Uint32Array(y.slice().buffer)],
    features,
    code: [code.length, code.reduce((sum, byte) => sum + byte, 0)],
    explanation: kernel.explanation,
  };
}
