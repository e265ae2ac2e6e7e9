/**
 * Random kernels like softmax: rows of values, their maximum (guarded where some are -Infinity), weights e^(x - max), and sums that hold weights, in naive form or
 * in blocks that have maxima of their own.
 */
import { type Buffer, b, type Expr, type Program, type Stmt, type Tensor, tensor } from "../../ir/index.ts";
import { randomOf } from "../ir/samples.ts";

export interface Softmax {
  readonly program: Program;
  readonly symbols: Readonly<Record<string, number>>;
  readonly inputs: ReadonlyMap<string, Tensor>;
}

/** What a random softmax is made of. */
export interface SoftmaxShape {
  readonly rows: number | "M";
  /** Values per row, as blocks of so many; a symbolic number of blocks is `T`. */
  readonly blocks: number | "T";
  readonly block: number;
  readonly width: number;
  /** Whether some values are -Infinity, and what the maximum is guarded with then. */
  readonly masked: boolean;
  readonly monoid: "max" | "pmax";
  /** The maximum of each block is kept, and weights are relative to it. */
  readonly ownMaxima: boolean;
  /** Weights are stored, or computed where they are summed. */
  readonly stored: boolean;
  /** Whether a row's values and results have elements of their own, or share them with other rows. */
  readonly shared: boolean;
  readonly factor: "none" | "negative" | "chosen";
  readonly seed: number;
}

/** The kernel `main`: y[i, 0] = sum of weights, y[i, d] = sums of weights times v. */
export function softmaxOf(s: SoftmaxShape): Softmax {
  const [M, T] = [s.rows, s.blocks].map((n) => (typeof n === "number" ? b.constant(n) : b.variable(n))) as [Expr, Expr];
  const i = b.variable("i");
  const place: readonly Expr[] = s.shared ? [] : [i];
  const own = (name: string, more: readonly Expr[] = []): Buffer =>
    b.buffer(name, "f32", [...(s.shared ? [] : [M]), ...more]);
  const length = b.mul(T, s.block);
  const input = b.buffer("z", "f32", [M, length], { role: "input", range: [-9, 9] });
  const v = b.buffer("v", "f32", [length, s.width], { role: "input" });
  const [x, m, p, l, o] = [own("x", [length]), own("m"), own("p", [length]), own("l"), own("o", [b.constant(s.width)])];
  const [xb, r] = [own("xb", [T]), own("r", [T])];
  const y = b.buffer("y", "f32", [M, b.constant(s.width + 1)], { role: "output" });
  const guarded = (e: Expr): Expr => (s.masked ? b.op("pmax", e, b.constant(-100, "f32")) : e);

  type Place = { readonly tb: Expr; readonly t: Expr; readonly over: readonly string[] };
  const each = (name: string, body: (place: Place) => Stmt): Stmt => {
    const [tb, ti] = [b.variable(`${name}/tb`), b.variable(`${name}/ti`)];
    const inner = body({ tb, t: b.add(b.mul(tb, s.block), ti), over: [`${name}/tb`, `${name}/ti`] });
    return b.loop(`${name}/tb`, T, [b.loop(`${name}/ti`, s.block, [inner])]);
  };
  const value = (t: Expr): Expr => {
    if (!s.masked) return b.load(input, [i, t]);
    const isSeen = b.lt(b.mod(b.add(t, s.seed), 5), 1 + (s.seed % 3));
    return b.select(isSeen, b.load(input, [i, t]), b.constant(-Infinity, "f32"));
  };
  const fromOwn = (name: string, tb: Expr): Expr =>
    s.ownMaxima ? b.load(r, [...place, tb]) : b.constant(name === "" ? 0 : 1, "f32");
  const relativeTo = (tb: Expr): Expr => (s.ownMaxima ? b.load(xb, [...place, tb]) : b.load(m, place));
  const exponential = (t: Expr, tb: Expr): Expr =>
    b.op("exp", b.sub(b.load(s.masked ? x : input, s.masked ? [...place, t] : [i, t]), guarded(relativeTo(tb))));
  const plain = (t: Expr, tb: Expr): Expr => (s.stored ? b.load(p, [...place, t]) : exponential(t, tb));
  const weight = (t: Expr, tb: Expr): Expr => {
    const w = plain(t, tb);
    const all = s.ownMaxima ? b.mul(w, fromOwn("r", tb)) : w;
    if (s.factor === "negative") return b.op("neg", b.mul(all, b.constant(0.5, "f32")));
    return s.factor === "chosen" ? b.select(b.lt(b.mod(t, 3), 2), all, b.constant(0, "f32")) : all;
  };
  const of = (t: Expr): Expr => b.load(s.masked ? x : input, s.masked ? [...place, t] : [i, t]);
  const max = (buffer: Buffer, at: readonly Expr[], e: Expr, over: readonly string[]): Stmt =>
    b.reduce(buffer.name, at, e, over, s.monoid);
  const maxima: readonly Stmt[] = s.ownMaxima
    ? [
        each("xb", ({ tb, t, over }) => max(xb, [...place, tb], of(t), over.slice(1))),
        b.loop("m/tb", T, [max(m, place, b.load(xb, [...place, b.variable("m/tb")]), ["m/tb"])]),
        b.loop("r/tb", T, [
          b.store(
            "r",
            [...place, b.variable("r/tb")],
            b.op("exp", b.sub(guarded(b.load(xb, [...place, b.variable("r/tb")])), guarded(b.load(m, place)))),
          ),
        ]),
      ]
    : [each("m", ({ t, over }) => max(m, place, of(t), over))];
  const d = b.variable("o/d");
  const body = [
    ...(s.masked ? [each("x", ({ t }) => b.store("x", [...place, t], value(t)))] : []),
    ...maxima,
    ...(s.stored ? [each("p", ({ tb, t }) => b.store("p", [...place, t], exponential(t, tb)))] : []),
    each("l", ({ tb, t, over }) => b.reduce("l", place, weight(t, tb), over)),
    each("o", ({ tb, t, over }) =>
      b.loop("o/d", s.width, [b.reduce("o", [...place, d], b.mul(weight(t, tb), b.load(v, [t, d])), over)]),
    ),
    b.store("y", [i, b.constant(0)], b.load(l, place)),
    b.loop("y/d", s.width, [b.store("y", [i, b.add(b.variable("y/d"), 1)], b.load(o, [...place, b.variable("y/d")]))]),
  ];
  const used = [
    input,
    v,
    m,
    l,
    o,
    y,
    ...(s.masked ? [x] : []),
    ...(s.stored ? [p] : []),
    ...(s.ownMaxima ? [xb, r] : []),
  ];
  const symbols = [
    ...(s.rows === "M" ? [b.symbol("M", { max: 4 })] : []),
    ...(s.blocks === "T" ? [b.symbol("T", { min: 1, max: 6 })] : []),
  ];
  const random = randomOf(s.seed);
  const sizes = {
    M: s.rows === "M" ? Math.floor(random() * 5) : s.rows,
    T: s.blocks === "T" ? 1 + Math.floor(random() * 6) : s.blocks,
  };
  const count = sizes.T * s.block;
  const numbers = (n: number): number[] => Array.from({ length: n }, () => Math.floor(random() * 19) - 9);
  return {
    program: {
      name: "softmax",
      kernels: [b.kernel("main", "main", { symbols, buffers: used, body: [b.loop("i", M, body)] })],
    },
    symbols: { ...(s.rows === "M" && { M: sizes.M }), ...(s.blocks === "T" && { T: sizes.T }) },
    inputs: new Map([
      ["z", tensor("f32", [sizes.M, count], numbers(sizes.M * count))],
      ["v", tensor("f32", [count, s.width], numbers(count * s.width))],
    ]),
  };
}
