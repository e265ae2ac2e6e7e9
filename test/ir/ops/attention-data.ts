/** Random numbers for attention: caches, inputs, and what the float64 definition gives for them. */
import { type AttentionWorkload, referenceOf, type Tensor, type Tensors, tensor } from "../../../ir/index.ts";
import { f32 } from "../interpreted.ts";
import { normals } from "../samples.ts";
import { cacheOf, pagesOf, pooled } from "./cached.ts";

export interface AttentionData {
  readonly inputs: ReadonlyMap<string, Tensor>;
  readonly symbols: Readonly<Record<string, number>>;
  /** The outputs, by name. */
  readonly reference: Tensors;
}

/** What a run is given: cached tensors, inputs, and what the reference takes of both. With pages three sequences, one of them of so many tokens, one without any. */
export function attentionData(
  workload: AttentionWorkload,
  queries: number,
  tokens: number,
  seed: number,
): AttentionData {
  const { heads, kvHeads, headSize, pages } = workload;
  const row = kvHeads * headSize;
  const lengths = pages === undefined ? [tokens] : [(seed * 7) % (tokens + 1), tokens, 0];
  const batch = pages === undefined ? undefined : pagesOf(lengths, pages, seed);
  const axes = batch ? [lengths.length] : [];
  const count = lengths.length * queries;
  const q = normals(count * heads * headSize, seed);
  const [k, v] = (["k", "v"] as const).map((name, i) => {
    const rows = lengths.map((length, b) => normals(length * row, seed + i + 1 + 10 * b));
    const stored = batch ? pooled(batch, rows, row) : (rows[0] as Float32Array);
    const isThere = batch && ((token: number) => batch.tokenAt[token] !== undefined);
    return cacheOf(name, i === 0 ? workload.keys : workload.values, stored, [kvHeads, headSize], isThere);
  }) as [ReturnType<typeof cacheOf>, ReturnType<typeof cacheOf>];
  const positions = Array.from({ length: count }, (_, i) => (i * 37 + seed) % (tokens + 3));
  const others = {
    ...(batch && {
      lengths: tensor("i32", axes, lengths),
      pageTable: tensor("i32", [...axes, batch.table.length / lengths.length], batch.table),
    }),
    ...(workload.positions === "given" && { positions: tensor("i32", [...axes, queries], positions) }),
    ...(workload.slopes && { slopes: f32([heads], normals(heads, 5)) }),
    ...(workload.sinks && { sinks: f32([heads], normals(heads, 6)) }),
    ...(workload.bias && { bias: f32([...axes, queries, tokens], normals(count * tokens, 7)) }),
  };
  const inputs = new Map<string, Tensor>([
    ["q", f32([...axes, queries * heads, headSize], q)],
    ...k.fields,
    ...v.fields,
    ...Object.entries(others),
  ]);
  const symbols = { M: queries, T: tokens, ...(batch && { B: lengths.length, P: batch.count }) };
  const values = Object.fromEntries(Object.entries(others).map(([name, of]) => [name, of.values]));
  return {
    inputs,
    symbols,
    reference: referenceOf(workload, { q, keys: k.decoded, values: v.decoded, ...values }, {}),
  };
}
