/**
 * Sums over subgroups. The element that a subgroup's leader names is the elected invocation's own:
 *
 *     slot[&slot + 4 * leader[i]] = slot[&slot + 4 * leader[i]] + v
 *  ->
 *     let slot_sum = subgroupAdd(v);
 *     if (subgroupElect()) { slot[i] = slot[i] + slot_sum; }
 */
import { b, type Expr, type Load, type OpName, rewriter, type Store, substituter } from "../../../ir/index.ts";
import { type Context, fail } from "./context.ts";

export interface SubgroupSum {
  /** `subgroupAdd`, .. */
  readonly function: string;
  readonly value: Expr;
  /** The statement of the elected invocation, adding the value of this name. */
  readonly elected: (name: string) => Store;
}

const functions: Readonly<Partial<Record<OpName, string>>> = {
  add: "subgroupAdd",
  max: "subgroupMax",
  min: "subgroupMin",
};

/** Takes a store apart whose index says which invocations make a subgroup; undefined for any other store. */
export function subgroupSum(c: Context, s: Store): SubgroupSum | undefined {
  const isLeader = (e: Expr): e is Load => e.kind === "load" && c.buffers.get(e.buffer)?.role === "subgroup";
  let isSum = false;
  const own = rewriter((e) => {
    if (!isLeader(e)) return e;
    isSum = true;
    // Its address counts the bytes of i32 elements, of which each invocation reads its own.
    const bytes = substituter(new Map([[`&${e.buffer}`, b.constant(0)]]))(e.index[0] as Expr);
    return b.shr(bytes, 2);
  });
  const index = s.index.map(own);
  if (!isSum) return undefined;
  const { value } = s;
  const slot = (e: Expr): boolean => e.kind === "load" && e.buffer === s.buffer && e.index[0] === s.index[0];
  const rest = value.kind === "op" ? value.args.find((arg) => !slot(arg)) : undefined;
  const name = value.kind === "op" ? functions[value.op] : undefined;
  if (value.kind !== "op" || rest === undefined || name === undefined || !value.args.some(slot))
    return fail(c, `a subgroup's leader is used otherwise than in slot[leader[i], ..] += v: lower the kernel first`);
  if (!c.allowed.has("subgroups"))
    fail(c, "a sum over subgroups, which the device has not: use a schedule without subgroups");
  const before = b.load({ name: s.buffer, scalar: value.type.scalar, lanes: [], shape: index }, index);
  return {
    function: name,
    value: rest,
    elected: (sum) => b.store(s.buffer, index, b.op(value.op, before, b.variable(sum, value.type))),
  };
}
