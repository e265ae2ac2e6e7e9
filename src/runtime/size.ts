/** Sizes that depend on M, as JSON: what an artifact carries instead of IR expressions. */

/** A number, a symbol, or an operation on two sizes; `/` and `%` round down. */
export type Size = number | string | readonly ["+" | "-" | "*" | "/" | "%" | "min", Size, Size];

/** Values of the symbols in a run: `M` the rows. */
export type Sizes = Readonly<Record<string, number>>;

/** The value of a size for these values of the symbols. */
export function evaluate(size: Size, symbols: Sizes): number {
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
    case "min":
      return Math.min(a, b);
  }
}
