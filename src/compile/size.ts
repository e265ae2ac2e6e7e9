/** Sizes that depend on symbols, from IR expressions to what an artifact carries; their sum, and how people read it. */
import { type Expr, QloomError } from "../../ir/index.ts";
import type { Size } from "../runtime/index.ts";

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

/** A sum of products: for each product of symbols and quotients (as JSON, sorted) its factor. */
type Terms = ReadonlyMap<string, number>;

const sumOf = (a: Terms, c: Terms): Terms => {
  const sum = new Map(a);
  for (const [product, factor] of c) sum.set(product, (sum.get(product) ?? 0) + factor);
  return sum;
};

const productOf = (a: Terms, c: Terms): Terms =>
  [...a]
    .flatMap(([left, p]) => [...c].map(([right, q]) => new Map([[joined(left, right), p * q]])))
    .reduce<Terms>(sumOf, new Map());

const factorsOf = (product: string): readonly Size[] => JSON.parse(product) as readonly Size[];
const joined = (a: string, c: string): string =>
  JSON.stringify([...factorsOf(a), ...factorsOf(c)].sort((p, q) => (JSON.stringify(p) < JSON.stringify(q) ? -1 : 1)));

function termsOf(size: Size): Terms {
  if (typeof size === "number") return new Map([["[]", size]]);
  if (typeof size === "string") return new Map([[JSON.stringify([size]), 1]]);
  const [op, left, right] = size;
  if (op === "+") return sumOf(termsOf(left), termsOf(right));
  if (op === "*") return productOf(termsOf(left), termsOf(right));
  if (op === "-") return sumOf(termsOf(left), productOf(termsOf(right), termsOf(-1)));
  return new Map([[JSON.stringify([size]), 1]]);
}

/** The sum of sizes, multiplied out: the same symbols once. */
export function sumOfSizes(sizes: readonly Size[]): Size {
  const terms = [...sizes.map(termsOf).reduce(sumOf, new Map())].filter(([, factor]) => factor !== 0);
  const times = (a: Size, c: Size): Size => (a === 1 ? c : ["*", a, c]);
  const products = terms.map(([product, factor]) =>
    factorsOf(product).reduce<Size>((all, next) => times(all, next), factor),
  );
  return products.length === 0 ? 0 : products.reduce((a, c): Size => ["+", a, c]);
}

/** A size as people write it: `256 * M + 4096`. */
export function sizeText(size: Size, isOperand = false): string {
  if (typeof size !== "object") return String(size);
  const [op, left, right] = size;
  const isSum = op === "+" || op === "-";
  const text = `${sizeText(left, !isSum)} ${op} ${sizeText(right, !isSum || op === "-")}`;
  return isOperand && op !== "*" ? `(${text})` : text;
}
