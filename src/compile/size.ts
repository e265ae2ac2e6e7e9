/**
 * Sizes that depend on M, as JSON: what an artifact carries instead of IR expressions, so that a built module can evaluate them on its own.
 */
import { type Expr, QloomError } from "../../ir/index.ts";

/** A number, a symbol, or an operation on two sizes; `/` and `%` round down. */
export type Size = number | string | readonly ["+" | "-" | "*" | "/" | "%", Size, Size];

const spelling = { add: "+", sub: "-", mul: "*", floordiv: "/", mod: "%" } as const;

/** The size that an i32 expression of symbols stands for. */
export function sizeOf(e: Expr): Size {
  if (e.kind === "const") return e.value;
  if (e.kind === "var") return e.name;
  if (e.kind === "op" && e.op in spelling) {
    const [a, b] = e.args as [Expr, Expr];
    return [spelling[e.op as keyof typeof spelling], sizeOf(a), sizeOf(b)];
  }
  throw new QloomError(
    `a size can't be a ${e.kind === "op" ? e.op : e.kind}; sizes are sums, products and quotients of symbols`,
  );
}

/** The value of a size for these values of the symbols. */
export function evaluate(size: Size, symbols: Readonly<Record<string, number>>): number {
  if (typeof size === "number") return size;
  if (typeof size === "string") return symbols[size] as number;
  const [op, left, right] = size;
  const a = evaluate(left, symbols);
  const b = evaluate(right, symbols);
  switch (op) {
    case "+":
      return a + b;
    case "-":
      return a - b;
    case "*":
      return a * b;
    case "/":
      return Math.floor(a / b);
    case "%":
      return a - Math.floor(a / b) * b;
  }
}
