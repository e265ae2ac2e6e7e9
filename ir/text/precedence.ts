/** How strongly the infix operators of the text form bind; all group from the left. */
import { type OpName, ops } from "../scalar-ops.ts";

/** Spelling to strength: Python's order. */
export const precedence: Readonly<Record<string, number>> = {
  "==": 1,
  "!=": 1,
  "<": 1,
  "<=": 1,
  ">": 1,
  ">=": 1,
  "|": 2,
  "^": 3,
  "&": 4,
  "<<": 5,
  ">>": 5,
  "+": 6,
  "-": 6,
  "*": 7,
  "/": 7,
  "//": 7,
  "%": 7,
};

/** Strength of a prefix `-`, and of what needs no parentheses anywhere. */
export const prefixPrecedence = 8;
export const atomPrecedence = 9;

export interface Infix {
  readonly op: OpName;
  /** Whether the operands change places: `a > b` and `a >= b` are read as `b < a` and `b <= a`. */
  readonly swapped: boolean;
}

function spellings(): Map<string, Infix> {
  const all = new Map<string, Infix>();
  for (const op of Object.keys(ops) as OpName[]) {
    const { infix } = ops[op];
    if (infix !== undefined) all.set(infix, { op, swapped: false });
  }
  return all.set(">", { op: "lt", swapped: true }).set(">=", { op: "le", swapped: true });
}

/** The operation of each infix spelling. */
export const infixOps: ReadonlyMap<string, Infix> = spellings();
