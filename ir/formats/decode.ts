/** The logical fields of a packed tensor as IR buffers, and the value of an element from them. */
import { add, buffer, cast, constant, floordiv, load, mul, sub, table, toExpr } from "../build.ts";
import { check } from "../errors.ts";
import type { Buffer, Expr } from "../nodes.ts";
import { bufferName, checkRow, rowEntries } from "./containers.ts";
import { type Codes, type FieldName, type Format, fieldOf, termsOf } from "./format.ts";

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
export function decodeAt(format: Format, n: Expr | number, k: Expr | number): Expr {
  const column = toExpr(k);
  const at = (name: FieldName, term = 0): Expr | undefined => {
    const field = fieldOf(format, name);
    if (field === undefined) return undefined;
    const span = field.span === "row" ? constant(0) : field.span === 1 ? column : floordiv(column, field.span);
    const entry = field.terms === 1 ? span : add(mul(span, field.terms), term);
    return load({ name: bufferName(name), scalar: field.scalar, lanes: [], shape: rank2 }, [n, entry]);
  };
  const [values, zero, offset] = [at("v"), at("z"), at("o")];
  if (values !== undefined) return cast("f32", values);
  const of = format.codes;
  check(of !== undefined, () => `${format.name} has neither values nor says what its codes are`);
  const terms = Array.from({ length: termsOf(format) }, (_, term) => {
    const [code, scale] = [at("q", term), at("s", term)];
    check(code !== undefined && scale !== undefined, () => `${format.name} has neither values nor codes with scales`);
    const integer = integerOf(of, code);
    const centred =
      zero !== undefined ? sub(integer, cast("i32", zero)) : of.zero === 0 ? integer : sub(integer, of.zero);
    return mul(cast("f32", centred), scale);
  });
  const sum = terms.reduce(add);
  return offset === undefined ? sum : add(sum, offset);
}
