/** Operations that have no value for some operands: what a step computes beyond the iterations there were must not reach them. */
import { type Expr, eachNode, type Facts, rangeOf, scalars, variablesOf } from "../ir/index.ts";

/** Whether a divisor that depends on one of these variables may be 0 or less, or such a shift longer than its operand, as far as the facts tell. */
export function isPartialIn(e: Expr, names: ReadonlySet<string>, facts: Facts): boolean {
  let found = false;
  eachNode(e, (node) => {
    if (node.kind !== "op" || !["floordiv", "mod", "shl", "shr"].includes(node.op)) return;
    const [, by] = node.args as [Expr, Expr];
    const [low, high] = rangeOf(by, facts);
    const { bits } = scalars[node.type.scalar];
    const isTotal = node.op === "shl" || node.op === "shr" ? low >= 0 && high < bits : low > 0;
    found ||= !isTotal && !variablesOf(by).isDisjointFrom(names);
  });
  return found;
}
