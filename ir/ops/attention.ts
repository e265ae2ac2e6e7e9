/**
 * Operator attention: its definition as a naive program. For every query and head three passes over the tokens of a cache: scores and their maximum, weights
 * e^(x - max) and their sum, the weighted sum of values.
 *
 * Tokens go in whole blocks of the cache. Those from T on are masked: what lies there reaches no result, be it NaN.
 */
import { type AttentionWorkload, attentionBounds, cacheBlock } from "../attention.ts";
import {
  add,
  and,
  buffer,
  cast,
  constant,
  div,
  kernel,
  load,
  loop,
  lt,
  max,
  mul,
  op,
  reduce,
  select,
  store,
  sub,
  symbol,
  variable,
} from "../build.ts";
import { WorkloadError } from "../errors.ts";
import { cacheFormatOf, type Format, fieldOf, integerAt, smallestScale, spanOf } from "../formats/index.ts";
import { exp, leastFinite, log, tanh } from "../math.ts";
import type { Buffer, Expr, Program, Stmt } from "../nodes.ts";
import { emptyKernel } from "./attention-empty.ts";
import { referenceAttention, referencePaged } from "./attention-reference.ts";
import { type Batch, batchOf, type Passes, type Place, passesOver } from "./batch.ts";
import { type Cached, cachedEntry, cachedTensor, cachedValue, rowWidth, type Token, tokensSymbol } from "./cache.ts";
import { type Operator, valuesOf } from "./operator.ts";
import { codeReach, quantizedBuffers, quantizeRows } from "./quantize.ts";
import { quantizeReference } from "./reference.ts";
import { checkSize, groupOf, rowsOf } from "./shapes.ts";

const T = variable(tokensSymbol);

const f32 = (value: number): Expr => constant(Math.fround(value), "f32");
const [zero, minusInfinity] = [f32(0), f32(Number.NEGATIVE_INFINITY)];

/** What a query and head has, by the loops around: kv head, sequence (with pages), query, head of the group. */
interface Scope {
  readonly workload: AttentionWorkload;
  readonly batch: Batch;
  /** Index of what each has of its own, and of what a query has. */
  readonly at: readonly Expr[];
  readonly query: readonly Expr[];
  readonly kvHead: Expr;
  readonly head: Expr;
  /** Position of the query. */
  readonly position: Expr;
  /** Declares a workspace with an element per query and head, or with further axes. */
  readonly own: (name: string, more?: readonly (Expr | number)[], scalar?: "i8") => Buffer;
  readonly keys: Cached;
  readonly values: Cached;
  readonly passes: Passes;
}

/** Statements, and the buffers that they are about. */
interface Piece {
  readonly buffers: readonly Buffer[];
  readonly body: readonly Stmt[];
}

/** Where a token of the query's sequence lies. */
const tokenOf = ({ batch }: Scope, [block, place]: Place): Token => ({ block: batch.place(block), place });

/** Reads an entry of a cached row of the query's keys or values. */
const entryOf = (scope: Scope, of: Cached, place: Place, isThere?: Expr): ReturnType<typeof cachedEntry> =>
  cachedEntry(of, scope.workload, tokenOf(scope, place), scope.kvHead, isThere);

function check({ heads, kvHeads, headSize, window, causal, keys, values, numerics }: AttentionWorkload): void {
  checkSize("heads", heads);
  checkSize("kvHeads", kvHeads);
  checkSize("headSize", headSize);
  if (heads % kvHeads !== 0)
    throw new WorkloadError(`kvHeads: ${heads} heads can't be grouped by ${kvHeads}; use a divisor of ${heads}`);
  if (window !== undefined && !causal) throw new WorkloadError("window: it needs causal: true");
  const cached = cacheFormatOf(keys);
  if (numerics.scores === "i8" && cached.format.codes === undefined)
    throw new WorkloadError(`numerics.scores: i8 multiplies integer codes and ${keys} has none; use "f32"`);
  if (numerics.scores === "i8" && cached.tokens > 1)
    throw new WorkloadError(
      `numerics.scores: i8 sums codes of one scale, of which ${keys} has one per value; use "f32"`,
    );
  const { format } = cacheFormatOf(values);
  const { codes, rule } = format;
  if (numerics.weights === "f32") return;
  const reason =
    codes === undefined
      ? "has none"
      : fieldOf(format, "o") || fieldOf(format, "z")
        ? "has zero points of its own"
        : codes.bits === 8 && rule !== "absmax" && rule !== "power"
          ? "may have negative scales"
          : undefined;
  if (reason !== undefined)
    throw new WorkloadError(`numerics.weights: i8 multiplies integer codes and ${values} ${reason}; use "f32"`);
}

/**
 * The program of an attention workload: a kernel `empty` for a cache without tokens, `quantize` where scores are sums of integers, and `main` with loops i (queries), hk (kv
 * heads), hg (query heads that share keys); in it one nest for each of `s` (scores), `x` (as they enter the exponential), `m` (their maximum), the weights
 * `p`, their sum `l`, and the weighted sum `o`. Quantized weights are, per block, `e` (relative to the block's maximum `xb`) times the values' scale, in codes
 * `w.q` with a scale `w.s`, and `r`, how far the block's maximum is below the whole one.
 */
export function attentionProgram(workload: AttentionWorkload): Program {
  check(workload);
  const { heads, kvHeads, headSize, numerics } = workload;
  const group = heads / kvHeads;
  const { extent: M, symbols: rowSymbols } = rowsOf(workload.m);
  const batch = batchOf(workload);
  const perRun = [...rowSymbols, ...batch.symbols];
  const input = (name: string, shape: readonly (Expr | number)[], scalar: "f32" | "i32" = "f32"): Buffer =>
    buffer(name, scalar, shape, { role: "input" });
  const inputs = {
    positions: input("positions", [...batch.axes, M], "i32"),
    slopes: input("slopes", [heads]),
    bias: input("bias", [...batch.axes, M, T]),
    sinks: input("sinks", [heads]),
  };
  const used = [
    ...batch.inputs,
    ...(workload.positions === "given" ? [inputs.positions] : []),
    ...(workload.slopes ? [inputs.slopes] : []),
    ...(workload.bias ? [inputs.bias] : []),
    ...(workload.sinks ? [inputs.sinks] : []),
  ];
  const [hk, i, hg] = [variable("hk"), variable("i"), variable("hg")];
  const query = [...batch.at, i];
  const scope: Scope = {
    ...{ workload, batch, query, passes: passesOver(batch.blocks) },
    ...{ at: [hk, ...query, hg], kvHead: hk, head: add(mul(hk, group), hg) },
    position: workload.positions === "given" ? load(inputs.positions, query) : add(sub(batch.tokens, M), i),
    own: (name, more = [], scalar) =>
      buffer(name, scalar ?? "f32", [kvHeads, ...batch.axes, M, group, ...more], {
        ...(scalar === "i8" && { range: weightRange(cacheFormatOf(workload.values).format) }),
      }),
    keys: cachedTensor("k", workload, batch.capacity),
    values: cachedTensor("v", workload, batch.capacity),
  };
  const rows = [...batch.axes, mul(M, heads)];
  const q = input("q", [...rows, headSize]);
  const m = scope.own("m");
  const scores = scoresOf(scope, q, rows);
  const [s] = scores.buffers as [Buffer];
  const exponents = exponentsOf(scope, s, inputs);
  const [x] = exponents.buffers as [Buffer];
  const weighted = numerics.weights === "f32" ? plainWeights(scope, x, m) : quantizedWeights(scope, x, m);
  const outputs = [
    buffer("y", "f32", [...batch.axes, M, heads, headSize], { role: "output" }),
    ...(workload.lse ? [buffer("lse", "f32", [heads, ...batch.axes, M], { role: "output" })] : []),
  ];
  const body = [
    ...scores.body,
    ...exponents.body,
    ...weighted.body,
    ...resultsOf(scope, { m, l: scope.own("l"), o: weightedSum(scope), ...inputs }, outputs),
  ];
  const main = kernel("main", "main", {
    symbols: [...perRun, symbol(tokensSymbol, { min: 1 })],
    buffers: [
      ...(numerics.scores === "i8" ? [] : [q]),
      ...scope.keys.fields,
      ...scope.values.fields,
      ...used,
      ...scores.buffers,
      ...exponents.buffers,
      m,
      ...weighted.buffers,
      ...outputs,
    ],
    body: [loop("i", M, batch.each([loop("hk", kvHeads, [loop("hg", group, body)])]))],
  });
  const width = rowWidth("k", scope.keys.format, headSize);
  const quantize = quantizeRows(
    ...(["q", { extent: mul(M, heads), symbols: perRun }, headSize, width, "prologue", "workspace"] as const),
    ...([codeReach, { width, batch }] as const),
  );
  return {
    name: "attention",
    kernels: [
      ...(numerics.scores === "i8" ? [quantize] : []),
      main,
      emptyKernel(outputs, perRun, workload.sinks ? inputs.sinks : undefined),
    ],
  };
}

/** `s`: products of a query and the keys. */
function scoresOf(scope: Scope, q: Buffer, rows: readonly Expr[]): Piece {
  const { workload, batch, at, query, head, keys, own, passes } = scope;
  const { heads, headSize, numerics } = workload;
  const s = own("s", [batch.blocks, cacheBlock]);
  const row = [...batch.at, add(mul(query.at(-1) as Expr, heads), head)];
  const d = variable("s/d");
  // Codes of queries are zeros beyond the head, so that there the keys' may be anything.
  const width = numerics.scores === "i8" ? rowWidth("k", keys.format, headSize) : headSize;
  const codes = quantizedBuffers(rows, width, width, "workspace", codeReach, "q");
  const value =
    numerics.scores === "i8"
      ? mul(cast("f32", load(codes.q, [...row, d])), load(codes.s, [...row, 0]))
      : load(q, [...row, d]);
  const nest = passes.eachToken("s", (place) => {
    const key = cachedValue(keys, workload, tokenOf(scope, place), scope.kvHead, d);
    return loop("s/d", width, [reduce(s.name, [...at, ...place], mul(value, key), ["s/d"])]);
  });
  return { buffers: [s, ...(numerics.scores === "i8" ? [codes.q, codes.s] : [])], body: [nest] };
}

/** `x`: scores as they enter the exponential, -Infinity where a token is not seen. */
function exponentsOf(
  { workload, batch, at, query, head, position, own, passes }: Scope,
  s: Buffer,
  { slopes, bias }: Readonly<Record<"slopes" | "bias", Buffer>>,
): Piece {
  const { causal, window, softcap, headSize, scale = 1 / Math.sqrt(headSize) } = workload;
  const x = own("x", [batch.blocks, cacheBlock]);
  const nest = passes.eachToken("x", (place, t) => {
    const isThere = lt(t, batch.tokens);
    const conditions = [
      isThere,
      ...(causal ? [lt(t, add(position, 1))] : []),
      ...(window === undefined ? [] : [lt(sub(position, window), t)]),
    ];
    const scaled = mul(load(s, [...at, ...place]), f32(scale));
    const capped = softcap === undefined ? scaled : mul(tanh(div(scaled, f32(softcap))), f32(softcap));
    const sloped = workload.slopes ? add(capped, mul(load(slopes, [head]), cast("f32", sub(t, position)))) : capped;
    const biased = workload.bias ? add(sloped, load(bias, [...query, t], isThere)) : sloped;
    return store(x.name, [...at, ...place], select([...new Set(conditions)].reduce(and), biased, minusInfinity));
  });
  return { buffers: [x], body: [nest] };
}

/** A maximum as it is subtracted. */
const finite = (maximum: Expr): Expr => op("pmax", maximum, f32(leastFinite));

/** Values of a row that are summed: `o` has whole vectors, of which y takes the head's. */
const valueWidth = ({ workload, values }: Scope): number => rowWidth("v", values.format, workload.headSize);

const weightedSum = (scope: Scope): Buffer => scope.own("o", [valueWidth(scope)]);

function plainWeights(scope: Scope, x: Buffer, m: Buffer): Piece {
  const { workload, batch, at, own, values, passes } = scope;
  const { eachToken } = passes;
  const [p, l, o] = [own("p", [batch.blocks, cacheBlock]), own("l"), weightedSum(scope)];
  const d = variable("o/d");
  const value = (place: Place, t: Expr): Expr =>
    cachedValue(values, workload, tokenOf(scope, place), scope.kvHead, d, lt(t, batch.tokens));
  const body = [
    eachToken("m", (place) => reduce(m.name, at, load(x, [...at, ...place]), ["m/tb", "m/ti"], "pmax")),
    eachToken("p", (place) =>
      store(p.name, [...at, ...place], exp(sub(load(x, [...at, ...place]), finite(load(m, at))))),
    ),
    eachToken("l", (place) => reduce(l.name, at, load(p, [...at, ...place]), ["l/tb", "l/ti"])),
    eachToken("o", (place, t) =>
      loop("o/d", valueWidth(scope), [
        reduce(o.name, [...at, d], mul(load(p, [...at, ...place]), value(place, t)), ["o/tb", "o/ti"]),
      ]),
    ),
  ];
  return { buffers: [p, l, o], body };
}

/** Weights of 8-bit values are never negative, so that these codes have 7 bits; of narrower ones they have the sign of the scale. */
const weightRange = ({ codes }: Format): readonly [number, number] => [codes?.bits === 8 ? 0 : -codeReach, codeReach];

function quantizedWeights(scope: Scope, x: Buffer, m: Buffer): Piece {
  const { workload, at, own, values, passes } = scope;
  const { eachToken, eachBlock } = passes;
  const { blocks, tokens } = scope.batch;
  const { headSize } = workload;
  const { format } = values;
  const span = spanOf(format.group ?? "row", headSize);
  const groups = headSize / span;
  const [xb, r, lb] = [own("xb", [blocks]), own("r", [blocks]), own("lb", [blocks])];
  const e = own("e", [blocks, cacheBlock]);
  const [w, codes] = [own("w", [groups, blocks, cacheBlock]), own("w.q", [groups, blocks, cacheBlock], "i8")];
  const [most, scale] = [own("w.max", [groups, blocks]), own("w.s", [groups, blocks])];
  const [l, o] = [own("l"), weightedSum(scope)];
  const perGroup = (name: string, s: (g: Expr) => Stmt): Stmt => loop(`${name}/g`, groups, [s(variable(`${name}/g`))]);
  /** Loops over the groups that share a scale, in every block. */
  const perGroupTokens = (name: string, s: (g: Expr, place: Place, token: Expr) => Stmt): Stmt => {
    const ti = variable(`${name}/ti`);
    return eachBlock(name, (tb) =>
      perGroup(name, (g) => loop(`${name}/ti`, cacheBlock, [s(g, [tb, ti], add(mul(tb, cacheBlock), ti))])),
    );
  };
  const [low, high] = weightRange(format);
  const inverse = (g: Expr, tb: Expr): Expr => {
    const step = load(scale, [...at, g, tb]);
    return select(lt(step, smallestScale), zero, div(f32(1), step));
  };
  const body = [
    eachToken("xb", ([tb, ti]) => reduce(xb.name, [...at, tb], load(x, [...at, tb, ti]), ["xb/ti"], "pmax")),
    eachBlock("m", (tb) => reduce(m.name, at, load(xb, [...at, tb]), ["m/tb"], "pmax")),
    eachToken("e", ([tb, ti]) =>
      store(e.name, [...at, tb, ti], exp(sub(load(x, [...at, tb, ti]), finite(load(xb, [...at, tb]))))),
    ),
    eachBlock("r", (tb) => store(r.name, [...at, tb], exp(sub(finite(load(xb, [...at, tb])), finite(load(m, at)))))),
    eachToken("lb", ([tb, ti]) => reduce(lb.name, [...at, tb], load(e, [...at, tb, ti]), ["lb/ti"])),
    eachBlock("l", (tb) => reduce(l.name, at, mul(load(lb, [...at, tb]), load(r, [...at, tb])), ["l/tb"])),
    perGroupTokens("w", (g, [tb, ti], t) => {
      const of = fieldOf(format, "s") as Format["fields"][number];
      const scaled = mul(load(e, [...at, tb, ti]), entryOf(scope, values, [tb, ti], lt(t, tokens))(of, g));
      return store(w.name, [...at, g, tb, ti], scaled);
    }),
    perGroupTokens("w.max", (g, [tb, ti]) =>
      reduce(most.name, [...at, g, tb], op("abs", load(w, [...at, g, tb, ti])), ["w.max/ti"], "pmax"),
    ),
    eachBlock("w.s", (tb) =>
      perGroup("w.s", (g) => store(scale.name, [...at, g, tb], div(load(most, [...at, g, tb]), f32(codeReach)))),
    ),
    perGroupTokens("w.q", (g, [tb, ti]) => {
      const steps = op("nearest", mul(load(w, [...at, g, tb, ti]), inverse(g, tb)));
      return store(codes.name, [...at, g, tb, ti], cast("i8", op("pmin", op("pmax", steps, f32(low)), f32(high))));
    }),
    eachToken("o", ([tb, ti]) => {
      const d = variable("o/d");
      const g = groupOf(d, span, headSize);
      const product = mul(
        cast("f32", load(codes, [...at, g, tb, ti])),
        cast("f32", integerAt(format, d, entryOf(scope, values, [tb, ti]))),
      );
      const by = mul(load(r, [...at, tb]), load(scale, [...at, g, tb]));
      return loop("o/d", valueWidth(scope), [reduce(o.name, [...at, d], mul(by, product), ["o/tb", "o/ti"])]);
    }),
  ];
  return { buffers: [xb, e, r, lb, l, w, most, scale, codes, o], body };
}

/** What is made of the sums of a query. A sink takes part in the divisor alone. */
function resultsOf(
  { workload, at, query, head }: Scope,
  { m, l, o, sinks }: Readonly<Record<"m" | "l" | "o" | "sinks", Buffer>>,
  [y, lse]: readonly Buffer[],
): readonly Stmt[] {
  const [greatest, sum, sink] = [finite(load(m, at)), load(l, at), load(sinks, [head])];
  const top = workload.sinks ? max(greatest, sink) : greatest;
  const shrink = exp(sub(greatest, top));
  const divisor = workload.sinks ? add(mul(sum, shrink), exp(sub(sink, top))) : sum;
  const d = variable("y/d");
  const weighted = load(o, [...at, d]);
  const value = div(workload.sinks ? mul(weighted, shrink) : weighted, divisor);
  const isSeen = lt(zero, divisor);
  return [
    loop("y/d", workload.headSize, [store((y as Buffer).name, [...query, head, d], select(isSeen, value, zero))]),
    ...(lse === undefined
      ? []
      : [store(lse.name, [head, ...query], select(isSeen, add(top, log(divisor)), minusInfinity))]),
  ];
}

/** Queries as the numerics have them: f32, or 8-bit codes decoded. */
function queriesOf({ numerics, headSize }: AttentionWorkload, q: ArrayLike<number>): ArrayLike<number> {
  if (numerics.scores === "f32") return q;
  const { q: codes, s } = quantizeReference(Float32Array.from(q), headSize);
  return Float64Array.from(codes, (code, i) => code * (s[Math.floor(i / headSize)] as number));
}

/** Its reference takes the cache decoded: `keys` and `values`, tokens (with pages those of the pool) x kvHeads x headSize. */
export const attention: Operator<AttentionWorkload> = {
  program: attentionProgram,
  reference: (workload, inputs) => {
    const [keys, values] = [valuesOf(inputs, "keys"), valuesOf(inputs, "values")];
    const given = { ...inputs, q: queriesOf(workload, valuesOf(inputs, "q")), keys, values };
    const { pages } = workload;
    const { y, lse } =
      pages === undefined
        ? referenceAttention(workload, given)
        : referencePaged(
            { ...workload, pages },
            { ...given, lengths: valuesOf(inputs, "lengths"), pageTable: valuesOf(inputs, "pageTable") },
          );
    return workload.lse ? { y, lse } : { y };
  },
  meaning: ({ softcap, causal, sinks, pages }) => {
    const b = pages === undefined ? "" : "b,";
    return `y[${b}i,h,d] = softmax_t(${softcap === undefined ? "" : "softcap "}scale * q[${b}i,h] . k[${b}t]${causal ? ", t up to i" : ""}${sinks ? ", and a sink" : ""}) . v[${b}t,d]`;
  },
  bound: ({ numerics }) => attentionBounds[numerics.weights],
};
