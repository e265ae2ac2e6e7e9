/**
 * predicate: masks become tests; vectors that no single access reads or writes are taken lane by lane.
 *
 *     y[&y + 64*n + <4:4>] = v if 16*n + <4:1> < N
 *  ->
 *     piece[<4:1>] = v
 *     if 16*n + 3 < N { y[&y + 64*n + <4:4>] = piece[<4:1>] }
 *     if N <= 16*n + 3 { if 16*n < N { y[&y + 64*n] = piece[0] }; if 16*n + 1 < N { y[&y + 64*n + 4] = piece[1] }; .. }
 *
 * A masked load fills a register in the same way, starting from 0. Taken lane by lane are also accesses whose lanes do not lie in a pattern
 * (an address must be a scalar plus lanes) and shifts by different amounts.
 */
import { affineOf, exprOf } from "../affine.ts";
import { add, and, constant, load, loop, op, reload, store, when } from "../build.ts";
import type { Buffer, Expr, Kernel, Load, Stmt, Store } from "../nodes.ts";
import { boolType, typeOf } from "../types.ts";
import { mapExprs, mapOperands, operands, withBody } from "../visit.ts";
import { readerOf, writtenIn } from "./effects.ts";
import { type Namer, namerOf } from "./names.ts";
import { laneOf, laneRegister, lanesOf, wholeIndex } from "./pieces.ts";

interface Context {
  readonly fresh: Namer;
  readonly registers: Buffer[];
  /** Whether a node is one that no single instruction computes, and whether an expression holds one. */
  readonly holds: (e: Expr) => boolean;
  /** Whether an expression reads what the kernel writes. */
  readonly varies: (e: Expr) => boolean;
}

/** What the block and the blocks around it have in registers already. */
type Pieces = ReadonlyMap<Expr, Expr>;

export function predicate(kernel: Kernel): Kernel {
  const readers = readerOf(writtenIn(kernel.body));
  const context: Context = {
    fresh: namerOf(kernel),
    registers: [],
    holds: holder(),
    varies: (e) => readers(e).length > 0,
  };
  const body = predicateBody(kernel.body, new Map(), context);
  if (context.registers.length === 0 && body.every((s, i) => s === kernel.body[i])) return kernel;
  return withBody({ ...kernel, buffers: Object.freeze([...kernel.buffers, ...context.registers]) }, body);
}

// -------------------------------------------------------------------------------------------- what can't be done whole

/** Whether the lanes of an access lie at a scalar plus a lane pattern. */
const patterned = (index: readonly Expr[]): boolean =>
  index.every(
    (e) => e.type.lanes.length === 0 || [...affineOf(e).terms.keys()].every((a) => a.type.lanes.length === 0),
  );

function piecewise(e: Expr): boolean {
  if (e.kind === "load") return e.mask !== undefined || !patterned(e.index);
  if (e.kind !== "op" || (e.op !== "shl" && e.op !== "shr")) return false;
  const by = e.args[1] as Expr;
  return by.type.lanes.length > 0 && by.kind !== "const";
}

function holder(): (e: Expr) => boolean {
  const seen = new Map<Expr, boolean>();
  const holds = (e: Expr): boolean => {
    const known = seen.get(e);
    if (known !== undefined) return known;
    const result = operands(e).some(holds) || piecewise(e);
    seen.set(e, result);
    return result;
  };
  return holds;
}

/** A scalar condition that holds exactly when a mask holds in every lane. */
function allOf(mask: Expr, lane: (e: Expr, at: readonly number[]) => Expr): Expr {
  if (mask.type.lanes.length === 0) return mask;
  if (mask.kind === "op" && mask.op === "and") return mask.args.map((arg) => allOf(arg, lane)).reduce(and);
  if (mask.kind === "op" && (mask.op === "lt" || mask.op === "le")) {
    const [a, b] = mask.args as [Expr, Expr];
    if (a.type.scalar === "i32" && patterned([a, b])) return op(mask.op, extreme(a, Math.max), extreme(b, Math.min));
  }
  return lanesOf(mask.type.lanes)
    .map((at) => lane(mask, at))
    .reduce(and);
}

/** The largest or smallest lane of a scalar plus a lane pattern. */
function extreme(e: Expr, pick: (a: number, b: number) => number): Expr {
  const form = affineOf(e);
  const ends = (form.lanes?.strides ?? []).map((s, i) => s * ((form.lanes?.sizes[i] as number) - 1));
  const constantPart = form.constant + ends.reduce((sum, end) => sum + pick(0, end), 0);
  return exprOf({ ...form, constant: constantPart, lanes: undefined, shape: [] });
}

/** The opposite condition. */
function not(condition: Expr): Expr {
  if (condition.kind === "op" && condition.args[0]?.type.scalar === "i32") {
    const [a, b] = condition.args as [Expr, Expr];
    if (condition.op === "lt") return op("le", b, a);
    if (condition.op === "le") return op("lt", b, a);
  }
  return op("xor", condition, constant(1, boolType));
}

// ---------------------------------------------------------------------------------------------------------- statements

function predicateBody(body: readonly Stmt[], around: Pieces, context: Context): Stmt[] {
  const out: Stmt[] = [];
  const pieces = new Map(around);
  for (const s of body) {
    if (s.kind === "for") {
      const extent = whole(s.extent, pieces, out, context);
      out.push(loop(s.loop, extent, predicateBody(s.body, pieces, context), s.loopKind));
    } else if (s.kind === "if") {
      const condition = whole(s.cond, pieces, out, context);
      out.push(when(condition, predicateBody(s.body, pieces, context)));
    } else {
      const ready = mapExprs(s, (e) => whole(e, pieces, out, context));
      if (ready.kind === "store") out.push(...predicateStore(ready, context));
      else out.push(ready);
    }
  }
  return out;
}

/** The expression with every piecewise part in a register, filled by statements added to `out`. */
function whole(e: Expr, pieces: Map<Expr, Expr>, out: Stmt[], context: Context): Expr {
  if (!context.holds(e)) return e;
  const known = pieces.get(e);
  if (known !== undefined) return known;
  const ready = mapOperands(e, (arg) => whole(arg, pieces, out, context));
  const result = piecewise(ready) ? assembled(ready, out, context) : ready;
  // What the kernel writes may differ at the next use.
  if (!context.varies(e)) pieces.set(e, result);
  return result;
}

/** A register that holds the value of a piecewise expression. */
function assembled(e: Expr, out: Stmt[], context: Context): Expr {
  const shape = e.type.lanes;
  const register = laneRegister(context.fresh("piece"), e.type.scalar, shape);
  context.registers.push(register);
  const index = wholeIndex(shape);
  const at = laneAccess(out, context);
  const mask = e.kind === "load" ? e.mask : undefined;
  if (mask !== undefined) out.push(store(register.name, index, constant(0, e.type)));
  const all = mask && allOf(mask, at);
  if (e.kind === "load" && all !== undefined && patterned(e.index))
    out.push(when(all, [store(register.name, index, unmasked(e))]));
  // One mask for all lanes leaves nothing to take lane by lane.
  const isWhole = e.kind === "load" && mask?.type.lanes.length === 0 && patterned(e.index);
  if (shape.length > 0 && !isWhole) {
    const bare = e.kind === "load" ? unmasked(e) : e;
    const lanes = lanesOf(shape).map((lane) => {
      const one = store(register.name, lane, at(bare, lane));
      return mask ? when(at(mask, lane), [one]) : one;
    });
    if (all !== undefined && e.kind === "load" && patterned(e.index)) out.push(when(not(all), lanes));
    else out.push(...lanes);
  }
  return load(register, index);
}

/** The load without its mask, of the same lane shape. */
function unmasked(e: Load): Load {
  const shape = e.index.find((i) => i.type.lanes.length > 0)?.type.lanes ?? [];
  if (shape.length === e.type.lanes.length) return reload(e, e.index, null);
  const zero = constant(0, typeOf("i32", e.type.lanes));
  return reload(
    e,
    e.index.map((i, axis) => (axis === 0 ? add(i, zero) : i)),
    null,
  );
}

function predicateStore(s: Store, context: Context): Stmt[] {
  const shape = [...s.index, ...(s.mask ? [s.mask] : [])].find((e) => e.type.lanes.length > 0)?.type.lanes ?? [];
  const { mask } = s;
  const bare = Object.freeze({ ...s, mask: undefined });
  if (patterned(s.index)) {
    if (mask === undefined) return [s];
    if (mask.type.lanes.length === 0) return [when(mask, [bare])];
  }
  const out: Stmt[] = [];
  const at = laneAccess(out, context);
  const value = s.value.type.lanes.length === 0 ? s.value : load(held(s.value, out, context), wholeIndex(shape));
  const lanes = lanesOf(shape).map((lane) => {
    const one = store(
      s.buffer,
      s.index.map((e) => at(e, lane)),
      at(value, lane),
    );
    return mask ? when(at(mask, lane), [one]) : one;
  });
  if (mask === undefined || !patterned(s.index)) return [...out, ...lanes];
  const all = allOf(mask, at);
  return [...out, when(all, [store(s.buffer, s.index, value)]), when(not(all), lanes)];
}

/** A lane register that holds a vector from here on. */
function held(value: Expr, out: Stmt[], { fresh, registers }: Context): Buffer {
  const register = laneRegister(fresh("piece"), value.type.scalar, value.type.lanes);
  registers.push(register);
  out.push(store(register.name, wholeIndex(value.type.lanes), value));
  return register;
}

/** Lanes of expressions; vectors without a scalar form are put into registers first. */
function laneAccess(out: Stmt[], context: Context): (e: Expr, lane: readonly number[]) => Expr {
  const registers = new Map<Expr, Buffer>();
  const split = (vector: Expr): Buffer => {
    const register = registers.get(vector) ?? held(vector, out, context);
    registers.set(vector, register);
    return register;
  };
  return (e, lane) => laneOf(e, lane, split);
}
