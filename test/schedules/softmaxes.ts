/**
 * Random kernels like softmax: rows of values, their maximum, weights e^(x - maximum), sums that hold weights; of all values at once, or in blocks that have maxima of
 * their own.
 */
import fc from "fast-check";
import { type Buffer, b, type Expr, exp, type Program, type Stmt, type Tensor, tensor } from "../../ir/index.ts";
import { randomOf } from "../ir/samples.ts";

export interface Softmax {
  readonly program: Program;
  readonly symbols: Readonly<Record<string, number>>;
  readonly inputs: ReadonlyMap<string, Tensor>;
}

/** What a random softmax is made of: M rows of T blocks of `block` values, T and M being symbols or not. */
interface Parts {
  readonly rows: number;
  readonly blocks: number;
  readonly symbolic: readonly ("M" | "T")[];
  readonly block: number;
  readonly width: number;
  /** Some values are -Infinity. Maxima are guarded then, and where blocks have their own. */
  readonly masked: boolean;
  /** Where they are: from some value of each row on, or here and there. */
  readonly causal: boolean;
  readonly monoid: "max" | "pmax";
  /** Each block has a maximum, which its weights are relative to. */
  readonly ownMaxima: boolean;
  /** Weights are stored, or computed where they are summed. */
  readonly stored: boolean;
  /** Rows share their workspaces, one after another, or have elements of their own. */
  readonly shared: boolean;
  readonly factor: "none" | "negative" | "chosen";
  readonly seed: number;
}

export const softmaxes: fc.Arbitrary<Softmax> = fc
  .record<Parts>({
    rows: fc.integer({ min: 0, max: 4 }),
    blocks: fc.integer({ min: 1, max: 6 }),
    symbolic: fc.subarray(["M", "T"]),
    block: fc.integer({ min: 1, max: 4 }),
    width: fc.integer({ min: 1, max: 4 }),
    masked: fc.boolean(),
    causal: fc.boolean(),
    monoid: fc.constantFrom("max", "pmax"),
    ownMaxima: fc.boolean(),
    stored: fc.boolean(),
    shared: fc.boolean(),
    factor: fc.constantFrom("none", "negative", "chosen"),
    seed: fc.nat(1000),
  })
  .map(softmaxOf);

const f32 = (value: number): Expr => b.constant(value, "f32");

/** The kernel `main`: total[i] = sum of weights, y[i, d] = sum of weights times v[.., d]. */
function softmaxOf(parts: Parts): Softmax {
  const { block, width, masked, monoid, ownMaxima, stored, shared, factor, seed } = parts;
  const size = (name: "M" | "T", value: number): Expr =>
    parts.symbolic.includes(name) ? b.variable(name) : b.constant(value);
  const [M, T, i] = [size("M", parts.rows), size("T", parts.blocks), b.variable("i")];
  const row = shared ? [] : [i];
  const buffers: Buffer[] = [];
  const declare = (name: string, shape: readonly Expr[], options: Parameters<typeof b.buffer>[3] = {}): Buffer => {
    const made = b.buffer(name, "f32", shape, options);
    buffers.push(made);
    return made;
  };
  const own = (name: string, ...more: readonly Expr[]): Buffer => declare(name, [...(shared ? [] : [M]), ...more]);
  const z = declare("z", [M, T, b.constant(block)], { role: "input", range: [-9, 9] });
  const v = declare("v", [T, b.constant(block), b.constant(width)], { role: "input" });
  declare("total", [M], { role: "output" });
  declare("y", [M, b.constant(width)], { role: "output" });
  const [m, l, o] = [own("m"), own("l"), own("o", b.constant(width))] as [Buffer, Buffer, Buffer];

  const blocks = (name: string, s: (tb: Expr) => Stmt): Stmt => b.loop(`${name}/tb`, T, [s(b.variable(`${name}/tb`))]);
  const values = (name: string, s: (at: readonly Expr[]) => Stmt): Stmt =>
    blocks(name, (tb) => b.loop(`${name}/ti`, block, [s([tb, b.variable(`${name}/ti`)])]));
  const guarded = (e: Expr): Expr => (masked || ownMaxima ? b.op("pmax", e, f32(-100)) : e);
  const body: Stmt[] = [];

  const x = masked ? own("x", T, b.constant(block)) : z;
  const valueAt = (at: readonly Expr[]): Expr => b.load(x, masked ? [...row, ...at] : [i, ...at]);
  if (masked)
    body.push(
      values("x", (at) => {
        const number = b.add(b.mul(at[0] as Expr, block), at[1] as Expr);
        const isSeen = parts.causal
          ? b.lt(number, b.add(i, seed % 7))
          : b.lt(b.mod(b.add(number, seed), 7), 1 + (seed % 6));
        return b.store("x", [...row, ...at], b.select(isSeen, b.load(z, [i, ...at]), f32(-Infinity)));
      }),
    );
  let relativeTo = (_tb: Expr): Expr => b.load(m, row);
  let scale = (_tb: Expr): Expr => f32(2);
  if (ownMaxima) {
    const [xb, r] = [own("xb", T), own("r", T)];
    relativeTo = (tb) => b.load(xb, [...row, tb]);
    scale = (tb) => b.load(r, [...row, tb]);
    body.push(
      values("xb", (at) => b.reduce("xb", [...row, at[0] as Expr], valueAt(at), ["xb/ti"], monoid)),
      blocks("m", (tb) => b.reduce("m", row, relativeTo(tb), ["m/tb"], monoid)),
      blocks("r", (tb) => b.store("r", [...row, tb], exp(b.sub(guarded(relativeTo(tb)), guarded(b.load(m, row)))))),
    );
  } else body.push(values("m", (at) => b.reduce("m", row, valueAt(at), ["m/tb", "m/ti"], monoid)));

  let exponential = (at: readonly Expr[]): Expr => exp(b.sub(valueAt(at), guarded(relativeTo(at[0] as Expr))));
  if (stored) {
    const [p, made] = [own("p", T, b.constant(block)), exponential];
    body.push(values("p", (at) => b.store("p", [...row, ...at], made(at))));
    exponential = (at) => b.load(p, [...row, ...at]);
  }
  const weight = (at: readonly Expr[]): Expr => {
    const w = b.mul(exponential(at), scale(at[0] as Expr));
    if (factor === "negative") return b.op("neg", w);
    return factor === "chosen" ? b.select(b.lt(at[1] as Expr, 2), w, f32(0)) : w;
  };
  const d = b.variable("o/d");
  body.push(
    values("l", (at) => b.reduce("l", row, weight(at), ["l/tb", "l/ti"])),
    values("o", (at) => {
      const term = b.mul(weight(at), b.load(v, [...at, d]));
      return b.loop("o/d", width, [b.reduce("o", [...row, d], term, ["o/tb", "o/ti"])]);
    }),
    b.store("total", [i], b.load(l, row)),
    b.loop("y/d", width, [b.store("y", [i, b.variable("y/d")], b.load(o, [...row, b.variable("y/d")]))]),
  );

  const random = randomOf(seed);
  const filled = (...shape: readonly number[]): Tensor => {
    const count = shape.reduce((product, n) => product * n, 1);
    const numbers = Array.from({ length: count }, () => Math.floor(random() * 19) - 9);
    return tensor("f32", shape, numbers);
  };
  const given = { M: parts.rows, T: parts.blocks };
  const least = { M: 0, T: 1 };
  const symbols = parts.symbolic.map((name) => b.symbol(name, { min: least[name], max: 6 }));
  const kernel = b.kernel("main", "main", { symbols, buffers, body: [b.loop("i", M, body)] });
  return {
    program: { name: "softmax", kernels: [kernel] },
    symbols: Object.fromEntries(parts.symbolic.map((name) => [name, given[name]])),
    inputs: new Map([
      ["z", filled(given.M, given.T, block)],
      ["v", filled(given.T, block, width)],
    ]),
  };
}
