/**
 * Addresses of 64 bits, for memories beyond 4 GiB. The IR's addresses are i32 sums that begin with a buffer's `&name`; here such sums, and the lets and pointers that hold
 * them, are i64, and what is added to them (indices, which stay i32) is extended where it meets them:
 *
 *     &w + 8192*no + 64  ->  i64.add (&w, i64.extend_i32_u (8192*no)), offset=64
 *
 * With addresses of 32 bits nothing of this applies.
 */
import { affineOf, type Expr, exprOf, type OpName } from "../../../ir/index.ts";
import type { PlainName } from "../asm/index.ts";
import { type Context, fail } from "./context.ts";
import { apply, type Node, node, read, type Vec } from "./dag.ts";

const constant = (value: number): Node => node({ op: "i64.const", value: BigInt(value) }, "i64");

const spelling: Partial<Readonly<Record<OpName, PlainName>>> = { add: "i64.add", sub: "i64.sub" };

/** The value of an address. */
export function addressNode(c: Context, e: Expr): Node {
  if (e.kind === "var") return read(c.variables.get(e.name)?.locals[0] ?? fail(c, `${e.name} has no local`), "i64");
  if (e.kind === "load") return read(c.registers.get(e.buffer)?.locals[0] as string, "i64");
  if (e.kind !== "op") return fail(c, `${e.kind} as an address of 64 bits`);
  if (e.op === "select") {
    const [test, x, y] = e.args as [Expr, Expr, Expr];
    return apply("select", "i64", wide(c, x), wide(c, y), c.scalar(test));
  }
  const name = spelling[e.op] ?? fail(c, `${e.op} of addresses of 64 bits`);
  return apply(name, "i64", ...e.args.map((arg) => wide(c, arg)));
}

/** An address, or what is added to one: a number of 32 bits, unsigned where it can't be negative, so that offsets reach 4 GiB too. */
export function wide(c: Context, e: Expr): Node {
  if (c.isAddress(e)) return c.scalar(e);
  if (e.kind === "const") return constant(e.value);
  return apply(c.nonNegative(e) ? "i64.extend_i32_u" : "i64.extend_i32_s", "i64", c.scalar(e));
}

/** The address of what lies `bytes` after another, which may be none. */
export const moved = (base: Node | undefined, bytes: number): Node =>
  base === undefined ? constant(bytes) : apply("i64.add", "i64", base, constant(bytes));

/** The addresses of a vector's lanes, computed one by one: what is common to all, and what is added for each. */
export function laneAddresses(c: Context, index: Expr): (lane: number) => Node {
  const form = affineOf(index);
  const bases = [...form.terms].filter(([atom]) => c.isAddress(atom));
  if (bases.some(([atom, factor]) => factor !== 1 || atom.type.lanes.length > 0))
    fail(c, "an address of 64 bits that differs from lane to lane by more than an index");
  const base = bases.map(([atom]) => c.scalar(atom)).reduce((a, x) => apply("i64.add", "i64", a, x));
  const terms = new Map([...form.terms].filter(([atom]) => !c.isAddress(atom)));
  const at = c.vector(exprOf({ ...form, terms }));
  return (lane) => apply("i64.add", "i64", base, apply("i64.extend_i32_s", "i64", laneOf(at, lane)));
}

/** An i32 lane. */
export const laneOf = (at: Vec, lane: number): Node =>
  node({ op: "i32x4.extract_lane", lane: lane % 4 }, "i32", [at.regs[lane >> 2] as Node]);
