/**
 * Interval analysis: between which bounds an expression's values lie, given the loops and buffers of its kernel. It proves
 * that sums fit their type, that indices are in bounds and that masks always hold. It never guesses: bounds may be too
 * wide, never too narrow.
 */
import { type Affine, addAffine, affineOf, exprOf } from "./affine.ts";
import { constant, mod, sub } from "./build.ts";
import type { Buffer, Expr, Kernel, Stmt } from "./nodes.ts";
import { castValue, wrap } from "./scalar-ops.ts";
import { isFloat, type Scalar, scalarRange } from "./types.ts";
import { eachNode, eachStmt, variablesOf } from "./visit.ts";

export type Interval = readonly [number, number];

/** What is known of the names in an expression. */
export interface Facts {
  /** Bounds of a loop variable, symbol or let. */
  variable(name: string): Interval | undefined;
  /** The extent of a loop, so that `m < M` is known where M is a symbol. */
  extent(name: string): Expr | undefined;
  buffer(name: string): Buffer | undefined;
  /** Remembered results. */
  readonly memo: Map<Expr, Interval>;
}

/** The facts of a whole kernel: loop names are unique in it, so one set serves every place. */
export function factsOf(kernel: Pick<Kernel, "symbols" | "buffers" | "body">): Facts {
  const extents = new Map<string, Expr>();
  const lets = new Map<string, Expr>();
  eachStmt(kernel.body, (s: Stmt) => {
    if (s.kind === "for") extents.set(s.loop, s.extent);
    if (s.kind === "let") lets.set(s.name, s.value);
  });
  const symbols = new Map(kernel.symbols.map((s) => [s.name, s]));
  const buffers = new Map(kernel.buffers.map((buffer) => [buffer.name, buffer]));
  const facts: Facts = {
    memo: new Map(),
    extent: (name) => extents.get(name),
    buffer: (name) => buffers.get(name),
    variable: (name) => {
      const symbol = symbols.get(name);
      if (symbol) return [symbol.min, symbol.max];
      const extent = extents.get(name);
      if (extent) return [0, Math.max(0, rangeOf(extent, facts)[1] - 1)];
      const value = lets.get(name);
      return value && rangeOf(value, facts);
    },
  };
  return facts;
}

const within = ([low, high]: Interval, [min, max]: Interval): boolean => low >= min && high <= max;

const hull = (values: readonly number[]): Interval => [Math.min(...values), Math.max(...values)];

/** Bounds of the values of an expression (of every lane of a vector). */
export function rangeOf(e: Expr, facts: Facts): Interval {
  const known = facts.memo.get(e);
  if (known !== undefined) return known;
  const exact = exactRange(e, facts);
  const type = scalarRange(e.type.scalar);
  // Outside its type an integer has wrapped: anything is possible. A float is rounded, which keeps order: so are its bounds.
  const { scalar } = e.type;
  const rounded = isFloat(scalar) ? ([wrap(exact[0], scalar), wrap(exact[1], scalar)] as const) : exact;
  const range = rounded[0] <= rounded[1] && within(rounded, type) ? rounded : type;
  facts.memo.set(e, range);
  return range;
}

function exactRange(e: Expr, facts: Facts): Interval {
  const unknown = scalarRange(e.type.scalar);
  switch (e.kind) {
    case "const":
      return [e.value, e.value];
    case "var":
      return facts.variable(e.name) ?? unknown;
    case "lanes": {
      const ends = e.strides.map((stride, i) => stride * ((e.type.lanes[i] as number) - 1));
      return [
        ends.reduce((sum, end) => sum + Math.min(0, end), 0),
        ends.reduce((sum, end) => sum + Math.max(0, end), 0),
      ];
    }
    case "load": {
      const { range: declared, below } = facts.buffer(e.buffer) ?? {};
      const range = below ? ([0, Math.max(0, rangeOf(below, facts)[1] - 1)] as const) : (declared ?? unknown);
      return e.mask ? [Math.min(0, range[0]), Math.max(0, range[1])] : range;
    }
    case "cast": {
      if (e.mode === "bits") return unknown;
      const from = e.arg.type.scalar;
      const range = rangeOf(e.arg, facts);
      if (isFloat(from)) return isFloat(e.type.scalar) ? range : clampTo(range, from, e.type.scalar);
      return isFloat(e.type.scalar) || within(range, unknown) ? range : unknown;
    }
    case "op": {
      const ranges = e.args.map((arg) => rangeOf(arg, facts));
      const range = opRange(e.op, ranges, unknown);
      // Where the second operand is NaN, which no range of floats excludes, the first is the result.
      const passes = (e.op === "pmin" || e.op === "pmax") && e.args[1]?.kind !== "const";
      return passes ? hull([...range, ...(ranges[0] as Interval)]) : range;
    }
    case "table": {
      const [low, high] = rangeOf(e.index, facts);
      const reached = e.values.slice(low, high + 1);
      return reached.length > 0 ? hull(reached) : unknown;
    }
    case "call":
      return unknown;
  }
}

function clampTo([low, high]: Interval, from: Scalar, to: Scalar): Interval {
  const limits = scalarRange(to);
  const at = (v: number, fallback: number): number => (Number.isFinite(v) ? castValue(v, from, to) : fallback);
  // NaN, which no range of floats excludes, becomes 0.
  return [Math.min(0, at(low, limits[0])), Math.max(0, at(high, limits[1]))];
}

/** `2^n - 1` covering a non-negative value. */
const ones = (value: number): number => 2 ** Math.ceil(Math.log2(value + 1)) - 1;

type OpExpr = Extract<Expr, { kind: "op" }>;

function opRange(op: OpExpr["op"], args: readonly Interval[], unknown: Interval): Interval {
  const [a, b, c] = args as [Interval, Interval, Interval];
  const constantB = b !== undefined && b[0] === b[1] ? b[0] : undefined;
  const products = (): Interval =>
    hull([a[0] * b[0], a[0] * b[1], a[1] * b[0], a[1] * b[1]].map((v) => (Number.isNaN(v) ? 0 : v)));
  switch (op) {
    case "add":
      return [a[0] + b[0], a[1] + b[1]];
    case "sub":
      return [a[0] - b[1], a[1] - b[0]];
    case "mul":
      return products();
    case "floordiv":
      return constantB !== undefined && constantB > 0
        ? [Math.floor(a[0] / constantB), Math.floor(a[1] / constantB)]
        : unknown;
    case "mod":
      if (constantB === undefined || constantB <= 0) return b[0] > 0 ? [0, b[1] - 1] : unknown;
      return a[0] >= 0 && a[1] < constantB ? a : [0, constantB - 1];
    case "min":
    case "pmin":
      return [Math.min(a[0], b[0]), Math.min(a[1], b[1])];
    case "max":
    case "pmax":
      return [Math.max(a[0], b[0]), Math.max(a[1], b[1])];
    case "and":
      if (a[0] >= 0 && b[0] >= 0) return [0, Math.min(a[1], b[1])];
      return a[0] >= 0 ? [0, a[1]] : b[0] >= 0 ? [0, b[1]] : unknown;
    case "or":
    case "xor":
      return a[0] >= 0 && b[0] >= 0 ? [0, Math.max(ones(a[1]), ones(b[1]))] : unknown;
    case "shl":
      return b[0] >= 0 && b[1] < 32
        ? hull([a[0] * 2 ** b[0], a[0] * 2 ** b[1], a[1] * 2 ** b[0], a[1] * 2 ** b[1]])
        : unknown;
    case "shr":
      return constantB !== undefined ? [Math.floor(a[0] / 2 ** constantB), Math.floor(a[1] / 2 ** constantB)] : unknown;
    case "select":
      return a[0] === a[1] ? (a[0] !== 0 ? b : c) : [Math.min(b[0], c[0]), Math.max(b[1], c[1])];
    case "neg":
      return [-a[1], -a[0]];
    case "abs":
      return a[0] >= 0 ? a : a[1] <= 0 ? [-a[1], -a[0]] : [0, Math.max(-a[0], a[1])];
    case "popcount":
      return [0, a[0] >= 0 ? Math.min(32, Math.ceil(Math.log2(a[1] + 1))) : 32];
    case "eq":
    case "ne":
    case "lt":
    case "le":
      return [0, 1];
    case "floor":
    case "trunc":
    case "nearest":
    case "round":
      return [Math.floor(a[0]), Math.ceil(a[1])];
    case "exp":
      return [0, Math.exp(Math.min(a[1], 88.4)) * (1 + 2 ** -20)];
    case "div":
    case "sqrt":
      return unknown;
  }
}

/** Smallest value of a linear form, taken as a mathematical integer (index arithmetic does not wrap). */
function smallest(form: Affine, facts: Facts): number {
  let sum = form.constant;
  for (const [atom, c] of form.terms) {
    const [low, high] = rangeOf(atom, facts);
    sum += c > 0 ? c * Math.max(low, least(atom, facts)) : c * high;
  }
  form.lanes?.strides.forEach((stride, i) => {
    sum += Math.min(0, stride * ((form.lanes?.sizes[i] as number) - 1));
  });
  return sum;
}

/** What a quotient of a loop's variable is at least, as far as one: its dividend may be bounded by other variables. */
function least(atom: Expr, facts: Facts): number {
  if (atom.kind !== "op" || atom.op !== "floordiv") return Number.NEGATIVE_INFINITY;
  const [a, d] = atom.args as [Expr, Expr];
  const isBound =
    d.kind === "const" && d.value > 0 && [...variablesOf(a)].some((name) => facts.extent(name) !== undefined);
  return isBound && lowerBound(sub(a, d), facts) >= 0 ? 1 : Number.NEGATIVE_INFINITY;
}

/**
 * A lower bound of an i32 expression, taken as a mathematical integer, that also uses symbolic extents: a variable of `loop < E`, or an element
 * of a buffer below E, with a negative coefficient is replaced by `E - 1`, one with a positive coefficient by 0, `d * (a // d)` by `a - a % d`, and
 * `-min(a, c)` by `-a`. Of a minimum alone both operands are bounded.
 */
export function lowerBound(e: Expr, facts: Facts): number {
  if (e.kind === "op" && e.op === "min") return Math.min(...e.args.map((arg) => lowerBound(arg, facts)));
  let form = affineOf(e);
  // What is bounded is `scale` times the expression, so that quotients in it can be multiplied out.
  let scale = 1;
  for (let step = 0; ; step++) {
    const direct = Math.ceil(smallest(form, facts) / scale);
    const next = direct >= 0 || step === 32 ? undefined : replaceOne(form, facts);
    if (next === undefined) return direct;
    form = next.form;
    scale *= next.scale;
  }
}

/** What can be replaced in a form, and by how much it was multiplied for that. */
type Replaced = { readonly form: Affine; readonly scale: number } | undefined;

/**
 * What is subtracted comes first: its bound may cancel what is added. Quotients of symbols alone come after it: extents, which bound loops, are made of them and cancel. Last is
 * what constants bound, whose own range is no wider than what it would be replaced by.
 */
function replaceOne(form: Affine, facts: Facts): Replaced {
  const rank = (atom: Expr): number => {
    const extents = [...variablesOf(atom)].map((name) => facts.extent(name));
    if (extents.every((extent) => extent === undefined)) return 1;
    return extents.every((extent) => extent?.kind === "const") ? 2 : 0;
  };
  const terms = [...form.terms].sort(([, x], [, y]) => Number(x > 0) - Number(y > 0));
  for (const wanted of [0, 1, 2]) {
    const replaced = replaceOneOf(
      terms.filter(([atom]) => rank(atom) === wanted),
      form,
      facts,
    );
    if (replaced !== undefined) return replaced;
  }
  return undefined;
}

function replaceOneOf(terms: readonly (readonly [Expr, number])[], form: Affine, facts: Facts): Replaced {
  const without = (atom: Expr): Affine => ({
    ...form,
    terms: new Map([...form.terms].filter(([other]) => other !== atom)),
  });
  const alone = (atom: Expr): boolean => [...form.terms.keys()].every((other) => other === atom || !holds(other, atom));
  let remainder: Affine | undefined;
  for (const [atom, c] of terms) {
    if (atom.kind === "op" && (atom.op === "floordiv" || atom.op === "mod")) {
      const [a, d] = atom.args as [Expr, Expr];
      if (d.kind !== "const" || d.value <= 0) continue;
      if (atom.op === "mod") {
        const least = c > 0 ? 0 : c * (d.value - 1);
        remainder ??= addAffine(without(atom), affineOf(constant(least)));
        continue;
      }
      // c * (a // d) = c/d * (a - a % d), all times d where it does not divide c
      const scale = c % d.value === 0 ? 1 : d.value;
      const scaled = scale === 1 ? without(atom) : addAffine(without(atom), without(atom), scale - 1);
      return { form: addAffine(scaled, affineOf(sub(a, mod(a, d))), (c * scale) / d.value), scale };
    }
    if (atom.kind === "op" && atom.op === "min" && c < 0) {
      const [first, second] = atom.args as [Expr, Expr];
      return { form: addAffine(without(atom), affineOf(variablesOf(first).size > 0 ? first : second), c), scale: 1 };
    }
    const extent = extentOf(atom, facts);
    if (extent === undefined || !alone(atom)) continue;
    if (c > 0) return { form: without(atom), scale: 1 };
    if (variablesOf(extent).size > 0) return { form: addAffine(without(atom), affineOf(sub(extent, 1)), c), scale: 1 };
  }
  // A remainder stands in the way of its variable: 0..d-1 is all that is known of it then.
  return remainder && { form: remainder, scale: 1 };
}

/** What a loop's variable is below, or what a buffer holds; undefined where nothing is declared. */
function extentOf(atom: Expr, facts: Facts): Expr | undefined {
  if (atom.kind === "var") return facts.extent(atom.name);
  return atom.kind === "load" && atom.mask === undefined ? facts.buffer(atom.buffer)?.below : undefined;
}

/** Whether an expression is part of another. */
function holds(e: Expr, part: Expr): boolean {
  let found = false;
  eachNode(e, (node) => {
    found ||= node === part;
  });
  return found;
}

/** Whether `a < b` for every value of their variables. */
export function provablyLess(a: Expr, b: Expr, facts: Facts): boolean {
  const [low] = rangeOf(b, facts);
  if (rangeOf(a, facts)[1] < low) return true;
  const difference = addAffine(addAffine(affineOf(b), affineOf(a), -1), affineOf(constant(-1)));
  return lowerBound(exprOf(difference), facts) >= 0;
}
