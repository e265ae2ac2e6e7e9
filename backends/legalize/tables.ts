/** Rules for tables of constants: constants that meet one are folded into it, and a look-up without a byte shuffle goes through words. Each is exact. */
import { b, type Expr, evalOp, type OpName, type Scalar, scalarRange, scalars, type Table } from "../../ir/index.ts";
import type { OpRule, TableRule } from "./driver.ts";
import { like } from "./facts.ts";

const foldable: readonly OpName[] = ["add", "sub", "mul", "and", "or", "xor"];

/** op(table(i, v), c) = table(i, op(v, c))   also where the table is widened before, as long as the results are bytes again */
export const tableOfConstant: OpRule = {
  name: "table-of-constant",
  ops: foldable,
  apply: (e, x, y) => {
    const [left, right] = [tableIn(x), tableIn(y)];
    const found = left !== undefined && y.kind === "const" ? left : x.kind === "const" ? right : undefined;
    if (found === undefined || found.type.lanes !== e.type.lanes) return undefined;
    const { scalar } = e.type;
    const values = found.values.map((v) =>
      found === left ? evalOp(e.op, scalar, v, constantOf(y)) : evalOp(e.op, scalar, constantOf(x), v),
    );
    const narrow = (["i8", "u8"] as const).find((type) => values.every((v) => isOf(v, type)));
    return narrow && b.cast(scalar, b.table(narrow, found.index, values));
  },
};

const constantOf = (e: Expr): number => (e.kind === "const" ? e.value : 0);

const isOf = (value: number, scalar: Scalar): boolean => {
  const [low, high] = scalarRange(scalar);
  return value >= low && value <= high;
};

/** The table that an expression is, or is widened from to another integer type that holds all its values. */
function tableIn(e: Expr): Table | undefined {
  if (e.kind === "table") return e;
  if (e.kind !== "cast" || e.mode !== "value" || e.arg.kind !== "table") return undefined;
  const { class: kind } = scalars[e.type.scalar];
  const isInteger = kind === "uint" || kind === "sint";
  return isInteger && e.arg.values.every((v) => isOf(v, e.type.scalar)) ? e.arg : undefined;
}

/**
 * table(i, v) = i8(w >> i % 4 * 8),   w the word of values 4 * (i // 4) .. and 3 after it: by comparisons among the few there are
 */
export const tableByWords = (applies: (e: Table) => boolean): TableRule => ({
  name: "table-by-words",
  apply: (e) => {
    if (!applies(e)) return undefined;
    const at = b.cast("i32", e.index);
    const words = Array.from({ length: Math.ceil(e.values.length / 4) }, (_, i) => wordOf(e.values.slice(4 * i)));
    const word = choose(at, words);
    return b.cast(e.type.scalar, b.shr(word, b.shl(b.and(at, like(3, at)), like(3, at))));
  },
});

/** Four values, the first one lowest, as the i32 of their bytes. */
const wordOf = (values: readonly number[]): number =>
  [0, 1, 2, 3].reduce((word, i) => word | (((values[i] ?? 0) & 255) << (8 * i)), 0);

/** The word in which value `at` stands: halves are told apart by comparing, the upper half first. */
function choose(at: Expr, words: readonly number[], first = 0): Expr {
  const [only] = words;
  if (words.length === 1) return like(only as number, at);
  const half = 2 ** Math.ceil(Math.log2(words.length) - 1);
  const low = choose(at, words.slice(0, half), first);
  return b.select(b.lt(at, like(4 * (first + half), at)), low, choose(at, words.slice(half), first + half));
}
