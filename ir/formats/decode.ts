/** The logical fields of a packed tensor as IR buffers, and the value of an element from them. */
import { add, buffer, cast, constant, floordiv, load, mul, sub, table, toExpr } from "../build.ts";
import { check } from "../errors.ts";
import type { Buffer, Expr } from "../nodes.ts";
import { bufferName, checkRow, rowEntries } from "./containers.ts";
import { type Codes, type Field, type FieldName, type Format, fieldOf, termsOf } from "./format.ts";
import { smallFloatAt } from "./small-float.ts";

/** The buffers (role `packed`) of the format's fields: `[n, k / span * terms]`. */
export function packedFields(format: Format, n: number, k: number): readonly Buffer[] {
  checkRow(format, k);
  return format.fields.map((field) =>
    buffer(bufferName(field.name), field.scalar, [n, rowEntries(field, k)], {
      role: "packed",
      ...(field.range && { range: field.range }),
    }),
  );
}

/** Stands for the extents of a field, which a load does not look at. */
const rank2: readonly Expr[] = [constant(0), constant(0)];

/** The distance between the values of a table whose values are evenly spaced; undefined where they are not. */
export function evenStep(values: readonly number[]): number | undefined {
  const [first = 0, second = first] = values;
  return values.every((value, i) => value === first + i * (second - first)) ? second - first : undefined;
}

/** The integer (i32) that a code stands for: evenly spaced ones are computed, others looked up. */
function integerOf({ table: values, low }: Codes, code: Expr): Expr {
  const plain = cast("i32", code);
  if (values === undefined) return plain;
  const step = evenStep(values);
  if (step === undefined) return cast("i32", table(low < 0 ? "i8" : "u8", cast("u8", code), values));
  const [first = 0] = values;
  return first === 0 ? mul(plain, step) : add(mul(plain, step), first);
}

/** The f32 value at (n, k), any i32 expressions, from the packed fields: the format's definition (see `format.ts`). */
export const decodeAt = (format: Format, n: Expr | number, k: Expr | number): Expr =>
  decodeFields(format, toExpr(k), ({ name, scalar }, entry) =>
    load({ name: bufferName(name), scalar, lanes: [], shape: rank2 }, [n, entry]),
  );

/** Reads an entry of a field of one row. */
export type FieldAt = (field: Field, entry: Expr) => Expr;

const entryAt = (format: Format, k: Expr, read: FieldAt, name: FieldName, term = 0): Expr | undefined => {
  const field = fieldOf(format, name);
  if (field === undefined) return undefined;
  const span = field.span === "row" ? constant(0) : field.span === 1 ? k : floordiv(k, field.span);
  return read(field, field.terms === 1 ? span : add(mul(span, field.terms), term));
};

/** The integer (i32) that column k of a row holds in a term: what its code stands for, less the zero point. The format must have codes. */
export function integerAt(format: Format, k: Expr, read: FieldAt, term = 0): Expr {
  const [code, zero] = [entryAt(format, k, read, "q", term), entryAt(format, k, read, "z")];
  check(code !== undefined && format.codes !== undefined, () => `${format.name} has no codes`);
  const integer = integerOf(format.codes, code);
  if (zero !== undefined) return sub(integer, cast("i32", zero));
  return format.codes.zero === 0 ? integer : sub(integer, format.codes.zero);
}

/** The f32 value at column k of a row. */
export function decodeFields(format: Format, k: Expr, read: FieldAt): Expr {
  const [values, offset] = [entryAt(format, k, read, "v"), entryAt(format, k, read, "o")];
  if (values !== undefined) {
    const kind = fieldOf(format, "v")?.float;
    const scale = entryAt(format, k, read, "s");
    const number = kind === undefined ? cast("f32", values) : smallFloatAt(kind, values, scale !== undefined);
    return scale === undefined ? number : mul(number, scale);
  }
  const terms = Array.from({ length: termsOf(format) }, (_, term) => {
    const scale = entryAt(format, k, read, "s", term);
    check(scale !== undefined, () => `${format.name} has neither values nor codes with scales`);
    return mul(cast("f32", integerAt(format, k, read, term)), scale);
  });
  const sum = terms.reduce(add);
  return offset === undefined ? sum : add(sum, offset);
}
