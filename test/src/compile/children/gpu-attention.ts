// Append and attention through the API on the GPU that this process finds: a program, one JSON line for each workload, and one for what is refused.

import {
  decodeReference,
  encode,
  errorBoundOf,
  formatOf,
  quantizeReference,
  referenceAttention,
} from "../../../../ir/index.ts";
import {
  type AppendWorkload,
  type AttentionWorkload,
  compile,
  type GpuKvCache,
  type GpuPagedCache,
  type GpuRuntime,
  openGpu,
  type RotateWorkload,
  WasmRuntime,
  type Workload,
} from "../../../../src/index.ts";
import { nmse, normals } from "../../../ir/samples.ts";

const [kvHeads, headSize] = [2, 32];
const row = kvHeads * headSize;
const integers = { scores: "i8", weights: "i8" } as const;
const mixed = { scores: "f32", weights: "i8" } as const;

const attentionOf = (options: Partial<AttentionWorkload>): AttentionWorkload => ({
  ...{ op: "attention", m: "any", heads: 4, kvHeads, headSize, keys: "f32", values: "f32", causal: true },
  numerics: { scores: "f32", weights: "f32" },
  ...options,
});
const appendOf = ({ keys, values, pages }: AttentionWorkload): AppendWorkload => ({
  ...{ op: "append", m: "any", kvHeads, headSize, keys, values, pages },
});
const turnOf = (keys: string): RotateWorkload => ({
  ...{ op: "rotate", m: "any", kvHeads, headSize, keys, rotary: 24, pairing: "neox" },
});

interface Kernel {
  newCache(capacity?: number): Promise<GpuKvCache>;
  newPagedCache(capacity?: number): Promise<GpuPagedCache>;
  run(args: object): Promise<Float32Array | { y: Float32Array; lse: Float32Array }>;
  dispose(): void;
}

const kernelOf = async (gpu: GpuRuntime, workload: Workload): Promise<Kernel> =>
  (await compile(workload, { runtime: gpu, db: false })) as unknown as Kernel;

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
  say({
    keys,
    values,
    tokens: cache.tokens,
    within: errors.every((error) => error < errorBoundOf(workload)),
    runs: errors.length,
  });
  for (const part of [cache, append, attend]) part.dispose();
}

/** What append kernels write, and rotate where it can turn such keys, against those of Wasm, which write what `encode` gives. */
async function encoded(
  gpu: GpuRuntime,
  keys: string,
  values: string,
  counts: readonly number[],
  turned = 0,
): Promise<void> {
  const workload = appendOf(attentionOf({ keys, values }));
  const wasm = new WasmRuntime();
  const [there, here] = [await kernelOf(gpu, workload), await compile(workload, { runtime: wasm, db: false })];
  const [cache, other] = [await there.newCache(), here.newCache()];
  for (const [turn, m] of counts.entries()) {
    const added = { k: normals(m * row, turn * 2 + 1), v: normals(m * row, turn * 2 + 2), m };
    await there.run({ ...added, cache });
    here.run({ ...added, cache: other });
  }
  if (turned > 0) {
    const [turn, same] = [await kernelOf(gpu, turnOf(keys)), await compile(turnOf(keys), { runtime: wasm, db: false })];
    const deltas = Int32Array.from({ length: turned }, (_, i) => 3 * i - 50);
    const how = { first: 5, m: turned, deltas, frequencies: Float32Array.from({ length: 12 }, (_, i) => 2 ** -i) };
    await turn.run({ ...how, cache });
    same.run({ ...how, cache: other });
    for (const part of [turn, same]) part.dispose();
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

/** Sequences of several lengths in pages: against float64, and the same wherever the pages lie and whoever shares them. */
async function pages(gpu: GpuRuntime): Promise<void> {
  const workload = attentionOf({ m: 2, keys: "int4_row", values: "i8_row", pages: 64, numerics: mixed });
  const [append, attend] = [await kernelOf(gpu, appendOf(workload)), await kernelOf(gpu, workload)];
  const lengths = [70, 3, 0, 129];
  const tokens = lengths.map((m, b) => ({ k: normals(m * row, b), v: normals(m * row, b + 10), m }));
  const q = normals(lengths.length * 2 * workload.heads * headSize, 99);
  const filled = async (order: readonly number[]) => {
    const cache = await append.newPagedCache();
    const sequences = lengths.map(() => cache.sequence());
    for (const b of order) await append.run({ ...tokens[b], cache, sequences: [sequences[b]] });
    return { cache, sequences, y: (await attend.run({ cache, sequences, q })) as Float32Array };
  };
  const [one, other] = [await filled([0, 1, 2, 3]), await filled([3, 1, 0])];
  const each = one.y.length / lengths.length;
  const within = tokens.every(({ k, v }, b) => {
    const cached = { keys: decoded(workload.keys, [...k]), values: decoded(workload.values, [...v]) };
    const { y } = referenceAttention(workload, { q: q.slice(b * each, (b + 1) * each), ...cached });
    const got = one.y.slice(b * each, (b + 1) * each);
    return y.every((value) => value === 0) ? got.every((value) => value === 0) : nmse(got, y) < errorBoundOf(workload);
  });
  const same = (x: unknown, y: unknown): boolean => JSON.stringify(x) === JSON.stringify(y);
  const pagesOf = (from: typeof one): unknown => from.sequences.map((sequence) => sequence.pages);
  // What is appended to a twin is written to a page of its own.
  const { cache, sequences, y } = one;
  const twin = sequences[0]?.fork();
  await append.run({ ...tokens[1], cache, sequences: [twin] });
  const kept = same(await attend.run({ cache, sequences, q }), y);
  const last = { q: q.slice(0, each), cache };
  const differs = !same(await attend.run({ ...last, sequences: [twin] }), y.slice(0, each));
  say({ within, permuted: same(one.y, other.y) && !same(pagesOf(one), pagesOf(other)), kept, differs });
  say([
    await said(attend.run({ q, cache })),
    await said(append.run({ ...tokens[1], cache, sequences: [twin, twin] })),
    await said(attend.newCache()),
    await said(kernelOf(gpu, { ...workload, numerics: integers })),
  ]);
  for (const part of [cache, other.cache, append, attend]) part.dispose();
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
await encoded(gpu, "i8_row", "int4_row", [70, 1, 5], 40);
await encoded(gpu, "int4_row_zf", "e4m3", [3, 66], 60);
await encoded(gpu, "kv2_t32_m", "f16", [64, 32]);
await pages(gpu);
await caches(gpu);
gpu.dispose();
