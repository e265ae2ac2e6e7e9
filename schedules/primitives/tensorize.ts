/**
 * tensorize: a tile of a reduction becomes an intrinsic whose meaning is the tile's.
 *
 *     for n < 4: for p < 2: for r < 2: d[n, p] += i16(x[2*p + r]) * i16(q[n, p, r])                    over r     (x: i8, q: u4)
 *     tensorize(loops: [n, p, r], with: dot2_i16_i8_i7)
 *     d[<4:1,2:0>, <4:0,2:1>] += dot2_i16_i8_i7(x[<4:0,2:2,2:1>], i8(q[<4:1,2:0,2:0>, <4:0,2:1,2:0>, <4:0,2:0,2:1>]))
 *
 * The loops are innermost: first those that become result lanes (none where the intrinsic gives a single value), last those of the reduction, whose extents
 * multiply to the intrinsic's group. The term is matched structurally; an operand that is widened arithmetic, like `i32(q) - 8`, is done in the intrinsic's type
 * where that loses nothing. The operand ranges that the intrinsic requires are proven.
 */
import { z } from "zod";
import {
  b,
  type Expr,
  type Facts,
  factsOf,
  type IntrinsicName,
  type IntrinsicOperand,
  type IntrinsicRow,
  intrinsics,
  isInteger,
  mapStmts,
  ops,
  rangeOf,
  scalarRange,
  simplifyKernel,
  substituter,
  type Term,
  typeOf,
} from "../../ir/index.ts";
import { require } from "../errors.ts";
import { laneValues, requireLanesApart } from "../lanes.ts";
import {
  extentOf,
  type KernelStep,
  kernelPrimitive,
  loopNamed,
  nestOf,
  type Primitive,
  requireSequential,
} from "../primitive.ts";
import { retype } from "../retype.ts";

export interface TensorizeStep extends KernelStep {
  readonly op: "tensorize";
  readonly loops: readonly string[];
  readonly with: IntrinsicName;
}

const schema: z.ZodType<TensorizeStep> = z.strictObject({
  op: z.literal("tensorize"),
  kernel: z.string().optional(),
  loops: z.array(z.string()).min(1),
  with: z.enum(Object.keys(intrinsics) as [IntrinsicName]),
});

export const tensorize: Primitive<TensorizeStep> = kernelPrimitive("tensorize", schema, (kernel, step) => {
  const row = intrinsics[step.with];
  const outer = loopNamed(kernel, step.loops[0] as string).loop;
  const { loops, body } = nestOf(outer);
  const names = loops.map((l) => l.loop);
  requireSequential(loops, "tensorize");
  require(names.join() === step.loops.join(), () =>
    `tensorize ${step.loops.join(", ")}: the loops must be innermost, in this order; the nest there is ${names.join(", ")}`);
  const s = body[0];
  require(body.length === 1 && s?.kind === "reduce" && s.monoid === "sum", () =>
    `tensorize ${step.loops.join(", ")}: the tile must hold one sum; fission what else it holds`);
  const grouped = loops.filter((l) => s.over.includes(l.loop));
  const result = loops.filter((l) => !grouped.includes(l));
  const product = (list: readonly (typeof outer)[]): number => list.reduce((p, l) => p * extentOf(l), 1);
  require(loops.slice(result.length).every((l) => grouped.includes(l)), () =>
    `tensorize: the loops of the reduction must be the innermost ones; reorder them`);
  require(product(grouped) === row.group, () =>
    `tensorize: ${step.with} sums ${row.group} terms, the tile ${product(grouped)}; split accordingly`);
  require(product(result) % row.lanes === 0, () =>
    `tensorize: ${step.with} gives multiples of ${row.lanes} lanes, the tile has ${product(result)}; split accordingly`);
  if (result.length > 0) requireLanesApart(kernel, s, result);
  require(result.length > 0 || row.group > 1, () =>
    `tensorize: ${step.with} sums nothing; name the loops of its lanes`);

  const operands = new Map<string, Expr>();
  const facts = factsOf(kernel);
  const matched = match(row.term, s.value, row, facts, operands);
  require(matched, () =>
    `tensorize: the tile's term is not that of ${step.with} (${describeOperands(row)}); accumulate in ${row.result}, recode an operand, or choose another intrinsic`);
  // The group is one lane axis, also where several loops make it.
  const groupName = grouped.map((l) => l.loop).join("+");
  const axes: [string, number][] = result.map((l) => [l.loop, extentOf(l)]);
  const vector = laneValues(row.group > 1 ? [...axes, [groupName, row.group]] : axes);
  // Without a group axis these loops run once.
  let rest = row.group > 1 ? (vector.get(groupName) as Expr) : b.constant(0);
  for (const l of [...grouped].reverse()) {
    vector.set(l.loop, grouped.length === 1 ? rest : b.mod(rest, extentOf(l)));
    rest = b.floordiv(rest, extentOf(l));
  }
  const args = row.operands.map((operand) => {
    const e = operands.get(operand.name) as Expr;
    const narrow = e.type.scalar === operand.scalar ? e : b.cast(operand.scalar, e);
    return withLanes(substituter(vector)(narrow), [...vector.values()][0] as Expr);
  });
  const lanes = substituter(laneValues(axes));
  const over = s.over.filter((o) => !grouped.some((l) => l.loop === o));
  const value = b.call(step.with, ...args);
  const index = s.index.map(lanes);
  const mask = s.mask && lanes(s.mask);
  // A tile that was the whole sum leaves nothing to accumulate.
  const replaced =
    over.length > 0 || s.over.length === 0
      ? b.reduce(s.buffer, index, value, over, "sum", mask)
      : b.store(s.buffer, index, value, mask);
  return simplifyKernel({ ...kernel, body: mapStmts(kernel.body, (t) => (t === outer ? [replaced] : undefined)) });
});

/** An operand that no lane changes is broadcast to the shape all the same: a call takes vectors of one shape. */
function withLanes(e: Expr, shape: Expr): Expr {
  if (e.type.lanes.length > 0) return e;
  return e.kind === "const" ? b.constant(e.value, typeOf(e.type.scalar, shape.type.lanes)) : e;
}

/** Whether the operand's type and range take this expression. */
function accepts({ scalar, range }: IntrinsicOperand, e: Expr, facts: Facts): boolean {
  if (e.type.scalar !== scalar && !(isInteger(e.type.scalar) && isInteger(scalar))) return false;
  const [low, high] = rangeOf(e, facts);
  const [min, max] = range ?? scalarRange(scalar);
  return low >= min && high <= max;
}

/** Whether the expression is the term; binds the operands. Both orders of a commutative operation are tried. */
function match(term: Term, e: Expr, row: IntrinsicRow, facts: Facts, bound: Map<string, Expr>): boolean {
  if (typeof term === "string") {
    const operand = row.operands.find((o) => o.name === term) as IntrinsicOperand;
    if (!accepts(operand, e, facts) || (bound.has(term) && bound.get(term) !== e)) return false;
    bound.set(term, e);
    return true;
  }
  const [op, first, second] = term;
  // Lowering makes these of loads (lookups).
  if (op === "entry") return false;
  if (op === "cast") {
    if (e.type.scalar !== first) return false;
    if (e.kind === "cast" && e.mode === "value") return match(second as Term, e.arg, row, facts, bound);
    const operand = row.operands.find((o) => o.name === second);
    const narrow = operand && retype(e, operand.scalar, facts);
    return narrow !== undefined && match(second as Term, narrow, row, facts, bound);
  }
  if (e.kind !== "op" || e.op !== op) return false;
  const [x, y] = e.args as [Expr, Expr];
  const attempt = (p: Expr, q: Expr): boolean => {
    const trial = new Map(bound);
    if (!match(first as Term, p, row, facts, trial) || !match(second as Term, q, row, facts, trial)) return false;
    for (const [name, value] of trial) bound.set(name, value);
    return true;
  };
  return attempt(x, y) || (ops[op].commutative === true && attempt(y, x));
}

const describeOperands = (row: IntrinsicRow): string =>
  row.operands.map((o) => `${o.name}: ${o.scalar}${o.range ? ` in ${o.range[0]}..${o.range[1]}` : ""}`).join(", ");
