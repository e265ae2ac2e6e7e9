/**
 * Operator attention: its definition as a naive program, three passes over the tokens of a cache for every query and head: scores and their maximum, the
 * weights e^(x - max) and their sum, the weighted sum of values.
 *
 * Tokens go in whole blocks of the cache, those from T on being masked: what lies there reaches no result, be it NaN.
 */

import { type AttentionWorkload, cacheBlock } from "../attention.ts";
import {
  add,
  and,
  buffer,
  cast,
  constant,
  div,
  floordiv,
  kernel,
  load,
  loop,
  lt,
  max,
  mul,
  reduce,
  select,
  store,
  sub,
  symbol,
  variable,
} from "../build.ts";
import { WorkloadError } from "../errors.ts";
import { checkRow, decodeFields, type Field, type Format, formatOf, rowEntries } from "../formats/index.ts";
import { exp, log, tanh } from "../math.ts";
import type { Buffer, Expr, Program, SizeSymbol, Stmt } from "../nodes.ts";
import { isFloat } from "../types.ts";
import { checkSize } from "./shapes.ts";

/** Symbols: queries, and tokens that the cache holds. */
export const queriesSymbol = "S";
export const tokensSymbol = "T";

const T = variable(tokensSymbol);

/** Tokens of a cache in whole blocks. */
export const cachedTokens: Expr = mul(floordiv(add(T, cacheBlock - 1), cacheBlock), cacheBlock);

/** Least finite f32: subtracted in place of a maximum of -Infinity, whose difference from itself is NaN. */
const least = -(2 - 2 ** -23) * 2 ** 127;

const f32 = (value: number): Expr => constant(Math.fround(value), "f32");
const [zero, minusInfinity] = [constant(0, "f32"), constant(Number.NEGATIVE_INFINITY, "f32")];

/** The fields of cached keys (`k`) or values (`v`): `[tokens, kv heads, entries]`. */
export function cacheFields(tensor: "k" | "v", format: Format, kvHeads: number, headSize: number): readonly Buffer[] {
  checkRow(format, headSize);
  return format.fields.map(({ name, scalar, span, range }) =>
    buffer(`${tensor}.${name}`, scalar, [cachedTokens, kvHeads, rowEntries(span, headSize)], {
      role: "cache",
      ...(range && { range }),
    }),
  );
}

/** The cached value at (token, head, d). `isThere` masks fields that are floats: codes are finite whatever their bits. */
function cachedAt(format: Format, fields: readonly Buffer[], [t, h, d]: readonly Expr[], isThere?: Expr): Expr {
  return decodeFields(format, d as Expr, (field: Field, entry) => {
    const of = fields[format.fields.indexOf(field)] as Buffer;
    return load(of, [t as Expr, h as Expr, entry], isFloat(of.scalar) ? isThere : undefined);
  });
}

function check({ heads, kvHeads, headSize, window, causal }: AttentionWorkload): void {
  checkSize("heads", heads);
  checkSize("kvHeads", kvHeads);
  checkSize("headSize", headSize);
  if (heads % kvHeads !== 0)
    throw new WorkloadError(`kvHeads: ${heads} heads can't be grouped by ${kvHeads}; use a divisor of ${heads}`);
  if (window !== undefined && !causal) throw new WorkloadError("window: it needs causal: true");
}

/**
 * The program of an attention workload: a kernel `empty` for a cache without tokens, and `main` with loops hk (kv heads), i (queries), hg (query heads that share keys). What a query has: `s`
 * (scores), `x` (as they enter the exponential), `m`, `p`, `l`, `o`.
 */
export function attentionProgram(workload: AttentionWorkload): Program {
  check(workload);
  const { s: queries, heads, kvHeads, headSize } = workload;
  const group = heads / kvHeads;
  const [keys, values] = [formatOf(workload.keys), formatOf(workload.values)];
  const [k, v] = [cacheFields("k", keys, kvHeads, headSize), cacheFields("v", values, kvHeads, headSize)];
  const S: Expr = queries === "any" ? variable(queriesSymbol) : constant(queries);
  const perRun: readonly SizeSymbol[] = queries === "any" ? [symbol(queriesSymbol)] : [];
  const input = (name: string, shape: readonly (Expr | number)[]): Buffer =>
    buffer(name, "f32", shape, { role: "input" });
  const q = input("q", [S, heads, headSize]);
  const y = buffer("y", "f32", [S, heads, headSize], { role: "output" });
  const lse = buffer("lse", "f32", [heads, S], { role: "output" });
  const positions = buffer("positions", "i32", [S], { role: "input" });
  const slopes = input("slopes", [heads]);
  const bias = input("bias", [S, T]);
  const sinks = input("sinks", [heads]);
  const optional = [
    ...(workload.positions === "given" ? [positions] : []),
    ...(workload.slopes ? [slopes] : []),
    ...(workload.bias ? [bias] : []),
    ...(workload.sinks ? [sinks] : []),
    ...(workload.lse ? [lse] : []),
  ];

  const [hk, i, hg] = [variable("hk"), variable("i"), variable("hg")];
  const at = [hk, i, hg] as const;
  const head = add(mul(hk, group), hg);
  const perQuery = (name: string, more: readonly (Expr | number)[] = []): Buffer =>
    buffer(name, "f32", [kvHeads, S, group, ...more]);
  const [s, x, p] = ["s", "x", "p"].map((name) => perQuery(name, [cachedTokens])) as [Buffer, Buffer, Buffer];
  const [m, l, o] = [perQuery("m"), perQuery("l"), perQuery("o", [headSize])];
  const tokens = (name: string, body: (t: Expr) => readonly Stmt[]): Stmt =>
    loop(`${name}/t`, cachedTokens, body(variable(`${name}/t`)));
  const d = (name: string): Expr => variable(`${name}/d`);

  const position = workload.positions === "given" ? load(positions, [i]) : add(sub(T, S), i);
  const isSeen = (t: Expr): Expr => {
    const conditions = [
      lt(t, T),
      ...(workload.causal ? [lt(t, add(position, 1))] : []),
      ...(workload.window === undefined ? [] : [lt(sub(position, workload.window), t)]),
    ];
    return [...new Set(conditions)].reduce(and);
  };
  const score = (t: Expr): Expr => {
    const scaled = mul(load(s, [...at, t]), f32(workload.scale ?? 1 / Math.sqrt(headSize)));
    const { softcap } = workload;
    const capped = softcap === undefined ? scaled : mul(tanh(div(scaled, f32(softcap))), f32(softcap));
    const sloped = workload.slopes ? add(capped, mul(load(slopes, [head]), cast("f32", sub(t, position)))) : capped;
    const biased = workload.bias ? add(sloped, load(bias, [i, t], lt(t, T))) : sloped;
    return select(isSeen(t), biased, minusInfinity);
  };
  const greatest = max(load(m, at), f32(least));

  const body: readonly Stmt[] = [
    tokens("s", (t) => [
      loop("s/d", headSize, [
        reduce(s.name, [...at, t], mul(load(q, [i, head, d("s")]), cachedAt(keys, k, [t, hk, d("s")])), ["s/d"]),
      ]),
    ]),
    tokens("x", (t) => [store(x.name, [...at, t], score(t))]),
    tokens("m", (t) => [reduce(m.name, at, load(x, [...at, t]), ["m/t"], "max")]),
    tokens("p", (t) => [store(p.name, [...at, t], exp(sub(load(x, [...at, t]), greatest)))]),
    tokens("l", (t) => [reduce(l.name, at, load(p, [...at, t]), ["l/t"])]),
    tokens("o", (t) => [
      loop("o/d", headSize, [
        reduce(o.name, [...at, d("o")], mul(load(p, [...at, t]), cachedAt(values, v, [t, hk, d("o")], lt(t, T))), [
          "o/t",
        ]),
      ]),
    ]),
    ...results(workload, { at, head, m, l, o, sinks, y, lse }),
  ];
  const main = kernel("main", "main", {
    symbols: [...perRun, symbol(tokensSymbol, { min: 1 })],
    buffers: [q, ...k, ...v, ...optional, s, x, m, p, l, o, y],
    body: [loop("hk", kvHeads, [loop("i", S, [loop("hg", group, body)])])],
  });
  const outputs = workload.lse ? [y, lse] : [y];
  const empty = kernel("empty", "main", {
    symbols: [...perRun, symbol(tokensSymbol, { max: 0 })],
    buffers: outputs,
    body: outputs.map((of) => filled(of, of === y ? zero : minusInfinity)),
  });
  return { name: "attention", kernels: [main, empty] };
}

/** One value in all elements. */
function filled({ name, shape }: Buffer, value: Expr): Stmt {
  const loops = shape.map((_, axis) => `${name}/${axis}`);
  return loops.reduceRight<Stmt>(
    (inner, of, axis) => loop(of, shape[axis] as Expr, [inner]),
    store(
      name,
      loops.map((of) => variable(of)),
      value,
    ),
  );
}

interface Results {
  readonly at: readonly Expr[];
  readonly head: Expr;
  readonly m: Buffer;
  readonly l: Buffer;
  readonly o: Buffer;
  readonly sinks: Buffer;
  readonly y: Buffer;
  readonly lse: Buffer;
}

/** What is made of the sums of a query. A sink takes part in the divisor alone. */
function results(workload: AttentionWorkload, { at, head, m, l, o, sinks, y, lse }: Results): readonly Stmt[] {
  const i = at[1] as Expr;
  const [greatest, sum] = [max(load(m, at), f32(least)), load(l, at)];
  const sink = load(sinks, [head]);
  const top = workload.sinks ? max(greatest, sink) : greatest;
  const shrink = exp(sub(greatest, top));
  const divisor = workload.sinks ? add(mul(sum, shrink), exp(sub(sink, top))) : sum;
  const weighted = load(o, [...at, variable("y/d")]);
  const value = div(workload.sinks ? mul(weighted, shrink) : weighted, divisor);
  return [
    loop("y/d", workload.headSize, [store(y.name, [i, head, variable("y/d")], select(lt(zero, divisor), value, zero))]),
    ...(workload.lse
      ? [store(lse.name, [head, i], select(lt(zero, divisor), add(top, log(divisor)), minusInfinity))]
      : []),
  ];
}
