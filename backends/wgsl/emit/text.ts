/** The text of expressions and constants. */
import { castBits, type Scalar } from "../../../ir/index.ts";
import type { Machine } from "../ops.ts";
import type { Node } from "./nodes.ts";

const additive = new Set(["+", "-"]);
const multiplicative = new Set(["*", "/", "%"]);
const compares = new Set(["==", "!=", "<", "<="]);
const bitwise = new Set(["&", "|", "^"]);

/** Whether an infix operand of an infix operator stands without parentheses. WGSL forbids most mixtures; of the rest, what reads well. */
function isBare(outer: string, inner: string, isLeft: boolean): boolean {
  if (additive.has(outer)) return multiplicative.has(inner) || (additive.has(inner) && isLeft);
  if (outer === "*") return inner === "*" && isLeft;
  if (compares.has(outer)) return additive.has(inner) || multiplicative.has(inner);
  return bitwise.has(outer) && inner === outer && isLeft;
}

/** The text of a node, given that of its operands; `shown` tells what an operand is written as: itself, or a name. */
export function textOf(node: Node, texts: readonly string[], shown: (arg: Node) => boolean): string {
  const [first = "", second = ""] = texts;
  const inner = (i: number): string | undefined => {
    const arg = node.args[i] as Node;
    return shown(arg) ? undefined : arg.form === "infix" ? arg.text : undefined;
  };
  const unary = (i: number): string => {
    const text = texts[i] as string;
    return inner(i) !== undefined || text.startsWith("-") ? `(${text})` : text;
  };
  switch (node.form) {
    case "atom":
      return node.text;
    case "prefix":
      return `${node.text}${unary(0)}`;
    case "infix": {
      const side = (i: number): string => {
        const operator = inner(i);
        const text = i === 0 ? first : second;
        return operator !== undefined && !isBare(node.text, operator, i === 0) ? `(${text})` : text;
      };
      const right = side(1);
      if (node.text === "+" && /^-[\d.]+$/.test(right)) return `${side(0)} - ${right.slice(1)}`;
      return `${side(0)} ${node.text} ${right}`;
    }
    case "call":
      return `${node.text}(${texts.join(", ")})`;
    case "place":
      return texts.length === 0 ? node.text : `${node.text}[${first}]`;
    case "index":
      return `${node.text}[${first}]`;
    case "member":
      return node.args.length === 2 ? `${first}[${second}]` : `${unary(0)}.${node.text}`;
  }
}

// ---------------------------------------------------------------------------------------------------------- constants

const smallestNormal = 2 ** -126;

/** Whether a float has no literal: devices may refuse it, or take it for another number. */
export const hasNoLiteral = (value: number): boolean =>
  !Number.isFinite(value) || (value !== 0 && Math.abs(value) < smallestNormal) || Object.is(value, -0);

/** A scalar constant of a machine type that has a literal. */
export function literal(value: number, machine: Machine): string {
  switch (machine) {
    case "bool":
      return value === 0 ? "false" : "true";
    case "i32":
      // 2147483648 is no i32, so there is no literal to negate.
      return value === -(2 ** 31) ? "i32(-2147483648)" : `${value}`;
    case "u32":
      return value < 2 ** 16 ? `${value}u` : `0x${value.toString(16)}u`;
    case "f32":
      return `${decimal(value, 2 ** -25)}f`;
    case "f16":
      return `${decimal(value, 2 ** -12)}h`;
  }
}

/** The greatest float: a decimal that is rounded to it from above is none. */
const greatest = 2 ** 128 - 2 ** 104;

/**
 * The shortest decimal that is read as a float: so near to it (a half of what would do) that rounding to double and then to the float, or at
 * once, finds it.
 */
function decimal(value: number, relative: number): string {
  for (let digits = 1; digits <= 9; digits++) {
    const text = Number(value.toPrecision(digits));
    if (Math.abs(text - value) <= (Math.abs(value) * relative) / 2 && Math.abs(text) <= greatest) return spelled(text);
  }
  return spelled(value);
}

const spelled = (value: number): string => {
  const text = String(value);
  return /[.e]/.test(text) ? text : `${text}.0`;
};

/** The bits of a float constant. */
export const bitsLiteral = (value: number, scalar: Scalar): string =>
  `0x${castBits(value, scalar, scalar === "f16" ? "u16" : "u32").toString(16)}u`;
