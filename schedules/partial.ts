/** Operations that have no value for some operands: what a step computes beyond the iterations there were must not reach them. */
import { type Expr, eachNode, variablesOf } from "../ir/index.ts";

/** Whether a divisor or a shift in the expression depends on one of these variables: 0, or more bits than there are, may then come of it. */
export function isPartialIn(e: Expr, names: ReadonlySet<string>): boolean {
  let found = false;
  eachNode(e, (node) => {
    if (node.kind === "op" && ["floordiv", "mod", "shl", "shr"].includes(node.op))
      found ||= !variablesOf(node.args[1] as Expr).isDisjointFrom(names);
  });
  return found;
}
