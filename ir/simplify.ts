/**
 * The algebraic simplifier: named rules, one equation each, applied bottom up until none applies. Rules for writing rules: the right
 * side is never larger or slower; what needs a proof asks the interval analysis; sums of indices are put in order by `affine.ts`
 * alone; floats are never reassociated.
 */
import { type Affine, addAffine, affineOf, exprOf } from "./affine.ts";
import { add, cast, constant, floordiv, lanes, mod, op, reload } from "./build.ts";
import { type Facts, factsOf, provablyLess, rangeOf } from "./interval.ts";
import type { Expr, Kernel, Stmt } from "./nodes.ts";
import type { OpName } from "./scalar-ops.ts";
import { boolType, isFloat, isInteger, scalarRange, scalars, typeOf } from "./types.ts";
import { mapExprs, mapStmts, rewriter, withBody } from "./visit.ts";

type OpExpr = Extract<Expr, { kind: "op" }>;

interface Rule {
  readonly name: string;
  readonly ops: readonly OpName[];
  /** The node to stand in place of `e`, or undefined when the rule does not apply. */
  readonly apply: (e: OpExpr, a: Expr, b: Expr, facts: Facts) => Expr | undefined;
}

const isConst = (e: Expr | undefined, value?: number): boolean =>
  e?.kind === "const" && (value === undefined || e.value === value);
const int = (e: Expr): boolean => isInteger(e.type.scalar);
/** `a`, in the lane shape of the node that it replaces. */
const shaped = (a: Expr, e: Expr): Expr | undefined => (a.type === e.type ? a : undefined);

/** Splits a linear form into what `d` divides and the rest; vector patterns stay in the rest unless all strides divide. */
function divide(form: Affine, d: number): { quotient: Affine; rest: Affine } {
  const divisible = new Map<Expr, number>();
  const left = new Map<Expr, number>();
  for (const [atom, c] of form.terms) (c % d === 0 ? divisible : left).set(atom, c);
  const strides = form.lanes?.strides ?? [];
  const whole = strides.map((s) => (s % d === 0 ? s : 0));
  const rest = strides.map((s) => (s % d === 0 ? 0 : s));
  const constantWhole = Math.floor(form.constant / d) * d;
  const pattern = (values: number[]): Affine["lanes"] =>
    values.some((s) => s !== 0) ? { sizes: form.shape, strides: values } : undefined;
  return {
    quotient: {
      constant: constantWhole / d,
      terms: new Map([...divisible].map(([atom, c]) => [atom, c / d])),
      lanes: pattern(whole.map((s) => s / d)),
      shape: form.shape,
    },
    rest: { constant: form.constant - constantWhole, terms: left, lanes: pattern(rest), shape: form.shape },
  };
}

/**
 * `form = c*p + r` with c a divisor of `d` above 1 and 0 <= r < c: then `form // d = p // (d/c)` and `form % d = c*(p % (d/c)) + r`. Undefined when
 * no coefficient is such a c.
 */
function coarser(form: Affine, d: number, facts: Facts): { c: number; quotient: Affine; rest: Affine } | undefined {
  const candidates = [...new Set([...form.terms.values(), ...(form.lanes?.strides ?? [])])];
  for (const c of candidates.filter((v) => v > 1 && v < d && d % v === 0).sort((a, b) => a - b)) {
    const { quotient, rest } = divide(form, c);
    const [low, high] = rangeOf(exprOf(rest), facts);
    if (low >= 0 && high < c) return { c, quotient, rest };
  }
  return undefined;
}

/** A lane pattern divided elementwise, when the result is a pattern again: each axis either repeats or advances. */
function dividePattern(form: Affine, d: number): Expr | undefined {
  if (!form.lanes || form.terms.size > 0 || form.constant < 0 || form.constant >= d) return undefined;
  const { sizes, strides } = form.lanes;
  // Only the axes below one quotient step may be dropped: together with the constant they never reach d.
  const small = strides.reduce((sum, s, i) => sum + (s % d === 0 ? 0 : s * ((sizes[i] as number) - 1)), form.constant);
  if (small >= d || strides.some((s) => s < 0)) return undefined;
  return lanes(
    sizes,
    strides.map((s) => (s % d === 0 ? s / d : 0)),
  );
}

const rules: readonly Rule[] = [
  // sums and multiples of indices in one order: b + 2*a + a = 3*a + b
  {
    name: "affine",
    ops: ["add", "sub", "neg", "mul", "shl"],
    apply: (e) => (e.type.scalar === "i32" ? shaped(exprOf(affineOf(e)), e) : undefined),
  },
  // 1 << p = p + 1 where p is 0 or 1
  {
    name: "power",
    ops: ["shl"],
    apply: (e, a, b, facts) => {
      if (!isConst(a, 1) || e.type.scalar !== "i32") return undefined;
      const [low, high] = rangeOf(b, facts);
      return low >= 0 && high <= 1 ? shaped(add(b, 1), e) : undefined;
    },
  },
  // a + 0 = a, a - 0 = a, a | 0 = a, a ^ 0 = a, a << 0 = a, a >> 0 = a   (integers)
  {
    name: "neutral-zero",
    ops: ["add", "sub", "or", "xor", "shl", "shr"],
    apply: (e, a, b) => (int(e) && isConst(b, 0) ? shaped(a, e) : undefined),
  },
  // a * 1 = a, a / 1 = a
  { name: "neutral-one", ops: ["mul", "div"], apply: (e, a, b) => (isConst(b, 1) ? shaped(a, e) : undefined) },
  // a * 0 = 0, a & 0 = 0   (integers)
  {
    name: "zero",
    ops: ["mul", "and"],
    apply: (e, _a, b) => (int(e) && isConst(b, 0) ? constant(0, e.type) : undefined),
  },
  // (d*p + r) // d = p + r // d, r // d = 0 when 0 <= r < d, and (c*p + r) // d = p // (d/c) when 0 <= r < c
  {
    name: "quotient",
    ops: ["floordiv"],
    apply: (e, a, b, facts) => {
      if (b.kind !== "const" || b.value <= 0 || e.type.scalar !== "i32") return undefined;
      if (b.value === 1) return shaped(a, e);
      const { quotient, rest } = divide(affineOf(a), b.value);
      const remainder = exprOf(rest);
      const [low, high] = rangeOf(remainder, facts);
      if (low >= 0 && high < b.value) return shaped(exprOf(quotient), e);
      const coarse = coarser(rest, b.value, facts);
      if (coarse) {
        const inner = floordiv(exprOf(coarse.quotient), b.value / coarse.c);
        return shaped(exprOf(addAffine(quotient, affineOf(inner))), e);
      }
      const pattern = dividePattern(rest, b.value);
      if (pattern) return shaped(exprOf(addAffine(quotient, affineOf(pattern))), e);
      if (quotient.terms.size === 0 && quotient.constant === 0 && !quotient.lanes) return undefined;
      return shaped(add(exprOf(quotient), floordiv(remainder, b.value)), e);
    },
  },
  // (a // b) // c = a // (b*c)
  {
    name: "quotient-of-quotient",
    ops: ["floordiv"],
    apply: (_e, a, b) => {
      if (a.kind !== "op" || a.op !== "floordiv" || b.kind !== "const") return undefined;
      const [inner, by] = a.args as [Expr, Expr];
      return by.kind === "const" ? floordiv(inner, by.value * b.value) : undefined;
    },
  },
  // (d*p + r) % d = r % d, r % d = r when 0 <= r < d, and (c*p + r) % d = c*(p % (d/c)) + r when 0 <= r < c
  {
    name: "remainder",
    ops: ["mod"],
    apply: (e, a, b, facts) => {
      if (b.kind !== "const" || b.value <= 0 || e.type.scalar !== "i32") return undefined;
      const { quotient, rest } = divide(affineOf(a), b.value);
      const remainder = exprOf(rest);
      const [low, high] = rangeOf(remainder, facts);
      if (low >= 0 && high < b.value) return shaped(remainder, e);
      const coarse = coarser(rest, b.value, facts);
      if (coarse) {
        const inner = mod(exprOf(coarse.quotient), b.value / coarse.c);
        return shaped(exprOf(addAffine(coarse.rest, affineOf(inner), coarse.c)), e);
      }
      const same = quotient.terms.size === 0 && quotient.constant === 0 && !quotient.lanes;
      return same ? undefined : shaped(mod(remainder, b.value), e);
    },
  },
  // a < b, a <= b, a == b, a != b where the ranges decide
  {
    name: "compare",
    ops: ["lt", "le", "eq", "ne"],
    apply: (e, a, b, facts) => {
      if (a.type.scalar !== "i32") return undefined;
      const truth = compare(e.op, a, b, facts);
      return truth === undefined ? undefined : constant(Number(truth), e.type);
    },
  },
  // min(a, b), max(a, b) where the ranges decide
  {
    name: "extremum",
    ops: ["min", "max"],
    apply: (e, a, b, facts) => {
      if (a === b) return shaped(a, e);
      if (e.type.scalar !== "i32") return undefined;
      const first = provablyLess(a, add(b, 1), facts);
      if (!first && !provablyLess(b, add(a, 1), facts)) return undefined;
      return shaped(first === (e.op === "min") ? a : b, e);
    },
  },
  // a & m = a when 0 <= a <= m = 2^n - 1
  {
    name: "mask",
    ops: ["and"],
    apply: (e, a, b, facts) => {
      if (b.kind !== "const" || ((b.value + 1) & b.value) !== 0 || b.value < 0) return undefined;
      const [low, high] = rangeOf(a, facts);
      return low >= 0 && high <= b.value ? shaped(a, e) : undefined;
    },
  },
  // (a & m) & n = a & (m & n), (a & m) | n = a | n where m | n holds all bits of a
  {
    name: "mask-of-mask",
    ops: ["and", "or"],
    apply: (e, a, b, facts) => {
      if (a.kind !== "op" || a.op !== "and" || b.kind !== "const" || b.value < 0 || !int(e)) return undefined;
      const [inner, mask] = a.args as [Expr, Expr];
      if (mask.kind !== "const" || mask.value < 0) return undefined;
      if (e.op === "and") return shaped(op("and", inner, constant(mask.value & b.value, mask.type)), e);
      const [low, high] = rangeOf(inner, facts);
      const all = mask.value | b.value;
      return low >= 0 && high <= all && (all & (all + 1)) === 0 ? shaped(op("or", inner, b), e) : undefined;
    },
  },
  // (h << n | l) & m = l & m when 0 <= m < 2^n; (h << n | l) >> n = h when 0 <= l < 2^n and h << n loses no bits
  {
    name: "joined-bits",
    ops: ["and", "shr"],
    apply: (e, a, b, facts) => {
      const joined = b.kind === "const" ? joinedBits(a, facts) : undefined;
      if (joined === undefined || b.kind !== "const") return undefined;
      const { high, low, at } = joined;
      if (e.op === "and") return b.value >= 0 && b.value < 2 ** at ? shaped(op("and", low, b), e) : undefined;
      return b.value === at ? shaped(high, e) : undefined;
    },
  },
  // a & true = a, a & false = false, a | true = true, a | false = a   (bools; constants stand right)
  {
    name: "logic",
    ops: ["and", "or"],
    apply: (e, a, b) => {
      if (e.type.scalar !== "bool") return undefined;
      if (a === b) return a;
      if (b.kind !== "const") return undefined;
      return (b.value === 1) === (e.op === "and") ? shaped(a, e) : constant(b.value, e.type);
    },
  },
  // select(true, a, b) = a, select(c, a, a) = a
  {
    name: "select",
    ops: ["select"],
    apply: (e, a, b) => {
      const other = e.args[2] as Expr;
      if (b === other) return shaped(b, e);
      return a.kind === "const" ? shaped(a.value !== 0 ? b : other, e) : undefined;
    },
  },
];

function compare(name: OpName, a: Expr, b: Expr, facts: Facts): boolean | undefined {
  const less = (): boolean => provablyLess(a, b, facts);
  const lessOrEqual = (): boolean => provablyLess(a, add(b, 1), facts);
  const greater = (): boolean => provablyLess(b, a, facts);
  const greaterOrEqual = (): boolean => provablyLess(b, add(a, 1), facts);
  switch (name) {
    case "lt":
      return less() ? true : greaterOrEqual() ? false : undefined;
    case "le":
      return lessOrEqual() ? true : greater() ? false : undefined;
    default:
      if (less() || greater()) return name === "ne";
      return a === b ? name === "eq" : undefined;
  }
}

/** The parts of `high << at | low`, or of a cast of it to a wider type, when they do not overlap and nothing is lost. */
function joinedBits(e: Expr, facts: Facts): { high: Expr; low: Expr; at: number } | undefined {
  if (e.kind === "cast" && e.mode === "value") {
    const { bits, class: kind } = scalars[e.arg.type.scalar];
    const parts = kind === "uint" && bits < scalars[e.type.scalar].bits ? joinedBits(e.arg, facts) : undefined;
    const widen = (part: Expr): Expr => cast(e.type.scalar, part);
    return parts && { ...parts, high: widen(parts.high), low: widen(parts.low) };
  }
  if (e.kind !== "op" || e.op !== "or" || !int(e)) return undefined;
  for (const [shifted, low] of [e.args, [...e.args].reverse()] as [Expr, Expr][]) {
    if (shifted.kind !== "op" || shifted.op !== "shl") continue;
    const [high, by] = shifted.args as [Expr, Expr];
    if (by.kind !== "const") continue;
    const [lowest, most] = rangeOf(low, facts);
    const [least, top] = rangeOf(high, facts);
    const fits = least >= 0 && top * 2 ** by.value <= scalarRange(e.type.scalar)[1];
    if (lowest >= 0 && most < 2 ** by.value && fits) return { high, low, at: by.value };
  }
  return undefined;
}

const rulesOf = new Map<OpName, Rule[]>();
for (const rule of rules) for (const name of rule.ops) rulesOf.set(name, [...(rulesOf.get(name) ?? []), rule]);

/** cast T (cast S a) = cast T a, when S holds every value of a (integers). */
function simplifyCast(e: Extract<Expr, { kind: "cast" }>, facts: Facts): Expr {
  const inner = e.arg;
  if (e.mode !== "value" || inner.kind !== "cast" || inner.mode !== "value") return e;
  const from = inner.arg.type.scalar;
  if (isFloat(from) || isFloat(inner.type.scalar)) return e;
  const [low, high] = rangeOf(inner.arg, facts);
  const [min, max] = scalarRange(inner.type.scalar);
  return low >= min && high <= max ? cast(e.type.scalar, inner.arg) : e;
}

/** One simplifier for all expressions of a kernel; it remembers what it has simplified. */
export function simplifier(facts: Facts): (e: Expr) => Expr {
  const once = (e: Expr): Expr => {
    if (e.kind === "cast") return simplifyCast(e, facts);
    if (e.kind === "load") return e.mask?.kind === "const" && e.mask.value === 1 ? unmasked(e) : e;
    if (e.kind !== "op") return e;
    const [a, b] = e.args as [Expr, Expr];
    for (const rule of rulesOf.get(e.op) ?? []) {
      const result = rule.apply(e, a, b, facts);
      if (result !== undefined && result !== e) return visit(result);
    }
    return e;
  };
  const visit = rewriter(once);
  return visit;
}

/** x[i] if true = x[i] */
function unmasked(e: Extract<Expr, { kind: "load" }>): Expr {
  const shape = e.index.find((i) => i.type.lanes.length > 0)?.type.lanes ?? [];
  if (shape.length === e.type.lanes.length) return reload(e, e.index, null);
  const broadcast = e.index.map((i, at) => (at === 0 ? op("add", i, constant(0, typeOf("i32", e.type.lanes))) : i));
  return reload(e, broadcast, null);
}

/** Simplifies every expression; drops masks that always hold, statements that never run, loops without iterations. */
export function simplifyKernel(kernel: Kernel): Kernel {
  const simplify = simplifier(factsOf(kernel));
  const always = (mask: Expr | undefined): boolean => mask?.kind === "const" && mask.value === 1;
  const tidy = (body: readonly Stmt[]): readonly Stmt[] =>
    mapStmts(body, (s) => {
      switch (s.kind) {
        case "for":
          return s.extent.kind === "const" && s.extent.value <= 0 ? [] : undefined;
        case "if":
          if (s.cond.kind !== "const") return undefined;
          return s.cond.value === 1 ? tidy(s.body) : [];
        case "store":
        case "reduce":
          if (s.mask?.kind === "const" && s.mask.type === boolType && s.mask.value === 0) return [];
          return always(s.mask) ? [Object.freeze({ ...s, mask: undefined })] : undefined;
        default:
          return undefined;
      }
    });
  return withBody(kernel, tidy(kernel.body.map((s) => mapExprs(s, simplify))));
}
