/** Sizes that depend on M, from IR expressions to what an artifact carries. */
import { type Expr, QloomError } from "../../ir/index.ts";
import type { Size } from "../runtime/index.ts";

const spelling = { add: "+", sub: "-", mul: "*", floordiv: "/", mod: "%", min: "min" } as const;

/** The size that an i32 expression of symbols stands for. */
export function sizeOf(e: Expr): Size {
  if (e.kind === "const") return e.value;
  if (e.kind === "var") return e.name;
  if (e.kind === "op" && e.op in spelling) {
    const [a, b] = e.args as [Expr, Expr];
    return [spelling[e.op as keyof typeof spelling], sizeOf(a), sizeOf(b)];
  }
  throw new QloomError(
    `a size can't be a ${e.kind === "op" ? e.op : e.kind}; sizes are sums, products, quotients and minima of symbols`,
  );
}
