// Append and attention through the API on the GPU that this process finds: a program, one JSON line for each workload, and one for what is refused.

import { decodeReference, encode, errorBoundOf, formatOf, quantizeReference, referenceAttention } from "../../../../ir/index.ts";
import {
  type AppendWorkload,
  type AttentionWorkload,
  compile,
  type GpuKvCache,
  type GpuRuntime,
  openGpu,
  WasmRuntime,
} from "../../../../src/index.ts";
import { nmse, normals } from "../../../ir/samples.ts";

const [kvHeads, headSize] = [2, 32];
const row = kvHeads * headSize;
const integers = { scores: "i8", weights: "i8" } as const;

const attentionOf = (options: Partial<AttentionWorkload>): AttentionWorkload => ({
  ...{ op: "attention", m: "any", heads: 4, kvHeads, headSize, keys: "f32", values: "f32", causal: true },
  numerics: { scores: "f32", weights: "f32" },
  ...options,
});
const appendOf = ({ keys, values }: AttentionWorkload): AppendWorkload => ({
  ...{ op: "append", m: "any", kvHeads, headSize, keys, values },
});

interface Kernel {
  newCache(capacity?: number): Promise<GpuKvCache>;
  run(args: object): Promise<Float32Array | { y: Float32Array; lse: Float32Array }>;
  dispose(): void;
}

const kernelOf = async (gpu: GpuRuntime, workload: AttentionWorkload | AppendWorkload): Promise<Kernel> =>
  (await compile(workload as AppendWorkload, { runtime: gpu, db: false })) as unknown as Kernel;

const decoded = (format: string, values: readonly number[]): Float32Array => {
  const x = Float32Array.from(values);
  const rows = x.length / headSize;
  return decodeReference(formatOf(format), encode(formatOf(format), x, rows, headSize), rows, headSize);
};

function queriesOf({ numerics }: AttentionWorkload, q: Float32Array): ArrayLike<number> {
  if (numerics.scores === "f32") return q;
  const { q: codes, s } = quantizeReference(q, headSize);
  return Float64Array.from(codes, (code, i) => code * (s[Math.floor(i / headSize)] as number));
}

const say = (line: unknown): void => void process.stdout.write(`${JSON.stringify(line)}\n`);
const said = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => "nothing was refused",
    (error: Error) => `${error.name}: ${error.message}`,
  );

/** Turns of several tokens, of one, and of none before the first; runs are not waited for one by one. */
async function turns(gpu: GpuRuntime, options: Partial<AttentionWorkload>, counts: readonly number[]): Promise<void> {
  const workload = attentionOf(options);
  const { heads, keys, values } = workload;
  const [append, attend] = [await kernelOf(gpu, appendOf(workload)), await kernelOf(gpu, workload)];
  const cache = await append.newCache(10);
  const sinks = workload.sinks ? { sinks: normals(heads, 9) } : {};
  const all: { k: number[]; v: number[] } = { k: [], v: [] };
  const errors: number[] = [];
  for (const [turn, count] of counts.entries()) {
    const added = { k: normals(count * row, turn * 3 + 1), v: normals(count * row, turn * 3 + 2) };
    for (const name of ["k", "v"] as const) all[name].push(...added[name]);
    const m = Math.max(1, count);
    const q = normals(m * heads * headSize, turn * 3 + 3);
    const appended = append.run({ ...added, cache, m: count });
    const made = await attend.run({ q, cache, m, ...sinks });
    await appended;
    const wanted = referenceAttention(workload, {
      ...{ q: queriesOf(workload, q), keys: decoded(keys, all.k), values: decoded(values, all.v) },
      ...sinks,
    });
    const got = made instanceof Float32Array ? { y: made } : made;
    for (const [name, array] of Object.entries(got)) {
      const right = wanted[name as "y" | "lse"];
      const isSame = array.length === right.length && array.every((value, i) => value === right[i]);
      errors.push(isSame ? 0 : nmse(array, right));
    }
  }
  say({ keys, values, tokens: cache.tokens, within: errors.every((error) => error < errorBoundOf(workload)), runs: errors.length });
  for (const part of [cache, append, attend]) part.dispose();
}

/** What append kernels write, against those of Wasm, which write what `encode` gives. */
async function encoded(gpu: GpuRuntime, keys: string, values: string, counts: readonly number[]): Promise<void> {
  const workload = appendOf(attentionOf({ keys, values }));
  const wasm = new WasmRuntime();
  const [there, here] = [await kernelOf(gpu, workload), await compile(workload, { runtime: wasm, db: false })];
  const [cache, other] = [await there.newCache(), here.newCache()];
  for (const [turn, m] of counts.entries()) {
    const added = { k: normals(m * row, turn * 2 + 1), v: normals(m * row, turn * 2 + 2), m };
    await there.run({ ...added, cache });
    here.run({ ...added, cache: other });
  }
  const differ: string[] = [];
  for (const [name, tensor] of cache.tensors) {
    const bytes = await gpu.read(tensor);
    const right = wasm.bytes(other.addresses.get(name) as number, bytes.length);
    if (!bytes.every((byte, i) => byte === right[i])) differ.push(name);
  }
  say({ keys, values, differ });
  for (const part of [cache, there, here, wasm]) part.dispose();
}

/** A cache that was filled, grown and cut off, and what does not fit it. */
async function caches(gpu: GpuRuntime): Promise<void> {
  const workload = attentionOf({ m: 1, heads: 2, keys: "i8_row", values: "i8_row" });
  const [append, attend] = [await kernelOf(gpu, appendOf(workload)), await kernelOf(gpu, workload)];
  const tokens = (m: number, seed: number) => ({ k: normals(m * row, seed), v: normals(m * row, seed + 1), m });
  const q = normals(2 * headSize, 1);
  const [small, large] = [await append.newCache(), await attend.newCache(300)];
  for (const cache of [small, large])
    for (let turn = 0; turn < 3; turn++) await append.run({ ...tokens(50, turn), cache });
  const [grown, whole] = [await attend.run({ q, cache: small }), await attend.run({ q, cache: large })];
  await append.run({ ...tokens(3, 90), cache: large });
  const more = await attend.run({ q, cache: large });
  large.truncate(150);
  const cut = await attend.run({ q, cache: large });
  const same = (x: unknown, y: unknown): boolean => JSON.stringify(x) === JSON.stringify(y);
  say({ grown: same(grown, whole), more: !same(more, whole), cut: same(cut, whole), capacity: small.capacity >= 150 });
  const other = await kernelOf(gpu, appendOf(attentionOf({})));
  const faults = [
    await said(attend.run({ q })),
    await said(other.run({ ...tokens(1, 1), cache: small })),
    await said(append.run({ ...tokens(2, 1), m: 3, cache: small })),
    await said(attend.newCache(-1)),
    await said((async () => small.truncate(151))()),
    await said(
      kernelOf(gpu, attentionOf({ keys: "int4_row_zf", values: "int4_row_zf", positions: "given", bias: true })),
    ),
  ];
  small.dispose();
  say([...faults, await said(attend.run({ q, cache: small }))]);
  for (const part of [large, append, attend, other]) part.dispose();
}

const gpu = await openGpu();
await turns(gpu, { keys: "i8_row", values: "int4_row", window: 40, sinks: true, lse: true }, [0, 70, 1, 5]);
await turns(gpu, { keys: "int4_row_zf", values: "q4_0", numerics: integers }, [70, 1, 5]);
await encoded(gpu, "i8_row", "int4_row", [70, 1, 5]);
await encoded(gpu, "int4_row_zf", "e4m3", [3, 66]);
await encoded(gpu, "kv2_t32_m", "f16", [64, 32]);
await caches(gpu);
gpu.dispose();
