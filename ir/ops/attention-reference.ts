/** The oracle of attention: softmax over all tokens that are seen, in float64, apart from the IR. */
import type { AttentionWorkload } from "../attention.ts";

/** What attention reads, row-major: `q` m x heads x headSize; `keys` and `values` T x kvHeads x headSize, decoded; the others as the workload has them. */
export interface AttentionInputs {
  readonly q: ArrayLike<number>;
  readonly keys: ArrayLike<number>;
  readonly values: ArrayLike<number>;
  readonly positions?: ArrayLike<number> | undefined;
  readonly slopes?: ArrayLike<number> | undefined;
  readonly bias?: ArrayLike<number> | undefined;
  readonly sinks?: ArrayLike<number> | undefined;
}

/** `y` (m x heads x headSize) and `lse` (heads x m) of an attention workload. */
export function referenceAttention(
  workload: AttentionWorkload,
  inputs: AttentionInputs,
): { readonly y: Float64Array<ArrayBuffer>; readonly lse: Float64Array<ArrayBuffer> } {
  const { heads, kvHeads, headSize } = workload;
  const queries = inputs.q.length / (heads * headSize);
  const tokens = inputs.keys.length / (kvHeads * headSize);
  const y = new Float64Array(inputs.q.length);
  const lse = new Float64Array(heads * queries);
  for (let h = 0; h < heads; h++) {
    const shared = Math.floor(h / (heads / kvHeads));
    for (let i = 0; i < queries; i++) {
      const row = (i * heads + h) * headSize;
      const scores = Array.from({ length: tokens }, (_, t) =>
        scoreOf(workload, inputs, { h, i, t, shared, queries, tokens }),
      );
      const sink = workload.sinks ? (inputs.sinks?.[h] as number) : Number.NEGATIVE_INFINITY;
      const greatest = scores.reduce((a, b) => Math.max(a, b), sink);
      if (greatest === Number.NEGATIVE_INFINITY) {
        lse[h * queries + i] = greatest;
        continue;
      }
      const weights = scores.map((x) => Math.exp(x - greatest));
      const divisor = weights.reduce((a, b) => a + b, Math.exp(sink - greatest));
      weights.forEach((p, t) => {
        if (p === 0) return;
        for (let d = 0; d < headSize; d++)
          (y[row + d] as number) += ((inputs.values[(t * kvHeads + shared) * headSize + d] as number) * p) / divisor;
      });
      lse[h * queries + i] = greatest + Math.log(divisor);
    }
  }
  return { y, lse };
}

/** What attention over pages reads: keys and values are those of the pool, page by page. */
export interface PagedInputs extends AttentionInputs {
  readonly lengths: ArrayLike<number>;
  readonly pageTable: ArrayLike<number>;
}

/** `y` (B x m x heads x headSize) and `lse` (heads x B x m) of an attention workload with pages: each sequence by itself, its tokens gathered from their pages. */
export function referencePaged(
  workload: AttentionWorkload & { readonly pages: number },
  inputs: PagedInputs,
): ReturnType<typeof referenceAttention> {
  const { heads, kvHeads, headSize, pages } = workload;
  const { lengths, pageTable, q } = inputs;
  const count = lengths.length;
  const m = count === 0 ? 0 : q.length / (count * heads * headSize);
  const perRow = pageTable.length / count;
  const y = new Float64Array(q.length);
  const lse = new Float64Array(heads * count * m);
  const row = kvHeads * headSize;
  for (let b = 0; b < count; b++) {
    const tokens = lengths[b] as number;
    const gathered = (pool: ArrayLike<number>): Float64Array =>
      Float64Array.from({ length: tokens * row }, (_, i) => {
        const t = Math.floor(i / row);
        const page = pageTable[b * perRow + Math.floor(t / pages)] as number;
        return pool[(page * pages + (t % pages)) * row + (i % row)] as number;
      });
    const own = (of: ArrayLike<number> | undefined): number[] | undefined =>
      of && Array.from({ length: of.length / count }, (_, i) => of[(b * of.length) / count + i] as number);
    const biases = own(inputs.bias);
    const columns = (biases?.length ?? 0) / m;
    const one = referenceAttention(workload, {
      ...inputs,
      ...{ q: own(q) ?? [], keys: gathered(inputs.keys), values: gathered(inputs.values) },
      positions: own(inputs.positions),
      bias: biases?.filter((_, i) => i % columns < tokens),
    });
    y.set(one.y, b * one.y.length);
    for (let h = 0; h < heads; h++) lse.set(one.lse.subarray(h * m, (h + 1) * m), (h * count + b) * m);
  }
  return { y, lse };
}

interface Place {
  readonly h: number;
  readonly i: number;
  readonly t: number;
  readonly shared: number;
  readonly queries: number;
  readonly tokens: number;
}

function scoreOf(
  workload: AttentionWorkload,
  inputs: AttentionInputs,
  { h, i, t, shared, queries, tokens }: Place,
): number {
  const { heads, kvHeads, headSize, causal, window = Number.POSITIVE_INFINITY, softcap } = workload;
  const position = workload.positions === "given" ? (inputs.positions?.[i] as number) : tokens - queries + i;
  if (causal && (t > position || t <= position - window)) return Number.NEGATIVE_INFINITY;
  let sum = 0;
  for (let d = 0; d < headSize; d++)
    sum +=
      (inputs.q[(i * heads + h) * headSize + d] as number) *
      (inputs.keys[(t * kvHeads + shared) * headSize + d] as number);
  const scaled = sum * (workload.scale ?? 1 / Math.sqrt(headSize));
  const capped = softcap === undefined ? scaled : softcap * Math.tanh(scaled / softcap);
  const sloped = workload.slopes ? capped + (inputs.slopes?.[h] as number) * (t - position) : capped;
  return workload.bias ? sloped + (inputs.bias?.[i * tokens + t] as number) : sloped;
}
