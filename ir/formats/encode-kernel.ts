/**
 * Encoding as statements of the IR: what `encode` does with a row, for floats and the formats whose fields are each one number (or, of offsets, one in units of the
 * scale). To the last bit the same, scales below the smallest normal f32 aside, which make codes of zero here.
 */
import {
  add,
  and,
  bitcast,
  buffer,
  cast,
  constant,
  div,
  load,
  loop,
  lt,
  max,
  min,
  mul,
  op,
  reduce,
  select,
  store,
  sub,
  variable,
} from "../build.ts";
import { WorkloadError } from "../errors.ts";
import type { Buffer, Expr, Stmt } from "../nodes.ts";
import { largestZero } from "./encode-nearest.ts";
import { containerOf, type Field, type Format, fieldOf, type Source, spanOf } from "./format.ts";
import { smallFloatOf, smallFloats } from "./small-float.ts";

/** A row that is encoded: its values, and where its fields' entries are stored. */
export interface EncodedRow {
  /** Prefix of the names of registers and loops. */
  readonly name: string;
  readonly size: number;
  readonly value: (k: Expr) => Expr;
  readonly store: (field: Field, entry: Expr, value: Expr) => Stmt;
}

/** The smallest scale whose reciprocal is used. */
export const smallestScale: number = 2 ** -126;

const f32 = (value: number): Expr => constant(Math.fround(value), "f32");

const numbersOf = <K extends string>(registers: Readonly<Record<K, Buffer>>): Readonly<Record<K, Expr>> =>
  Object.fromEntries(Object.entries<Buffer>(registers).map(([name, of]) => [name, load(of, [])])) as Record<K, Expr>;

/** What a source's numbers are rounded to; undefined for integers. */
function typeOfSource(format: Format, source: Source): Rounding | undefined {
  const type =
    source.kind === "element"
      ? containerOf(format, source.container).scalar
      : source.kind === "bits"
        ? source.as
        : undefined;
  return roundings.find((known) => known === type);
}

const roundings = ["f32", "f16", "e8m0"] as const;
type Rounding = (typeof roundings)[number];

/** The statements that encode a row, and the registers that they use. Throws a `WorkloadError` for a format whose scales have several levels. */
export function encodedRow(
  format: Format,
  row: EncodedRow,
): { readonly registers: readonly Buffer[]; readonly body: readonly Stmt[] } {
  const { name, size } = row;
  const values = fieldOf(format, "v");
  const at = variable(`${name}/k`);
  if (values !== undefined && fieldOf(format, "s") === undefined)
    return { registers: [], body: [loop(`${name}/k`, size, [row.store(values, at, floatOf(values, row.value(at)))])] };
  requireLevels(format);
  const span = spanOf(format.group ?? "row", size);
  const register = (part: string): Buffer => buffer(`${name}.${part}`, "f32", [], { scope: "register" });
  const [low, high, scale, inverse, offset, zero] = ["low", "high", "scale", "inverse", "offset", "zero"].map(
    register,
  ) as [Buffer, Buffer, Buffer, Buffer, Buffer, Buffer];
  const g = variable(`${name}/g`);
  const valueAt = (loopName: string): Expr => row.value(add(mul(g, span), variable(loopName)));
  const extreme = (of: Buffer, monoid: "min" | "max"): Stmt =>
    loop(`${of.name}/k`, span, [reduce(of.name, [], valueAt(`${of.name}/k`), [`${of.name}/k`], monoid)]);
  const choice = chosen(format, load(low, []), load(high, []));
  const [s, z, o] = (["s", "z", "o"] as const).map((field) => fieldOf(format, field));
  const stored = storedScale(format, load(scale, []));
  const fields: readonly Stmt[] = [
    ...(s ? [row.store(s, g, stored)] : []),
    ...(z ? [row.store(z, g, cast(z.scalar, load(zero, [])))] : []),
    ...(o ? [row.store(o, g, offsetOf(format, o, numbersOf({ offset, zero }), stored))] : []),
  ];
  const own = values ?? (fieldOf(format, "q") as Field);
  const value = valueAt(`${name}/k`);
  const number =
    values === undefined
      ? cast(own.scalar, codeOf(format, value, numbersOf({ offset, inverse, zero })))
      : floatOf(values, mul(value, load(inverse, [])));
  const body = [
    extreme(low, "min"),
    extreme(high, "max"),
    store(offset.name, [], choice.offset),
    store(scale.name, [], choice.scale),
    store(zero.name, [], choice.zero(load(scale, []))),
    ...fields,
    store(inverse.name, [], format.rule === "nearest" ? divisorOf(stored) : reciprocalOf(load(scale, []))),
    loop(`${name}/k`, span, [row.store(own, add(mul(g, span), at), number)]),
  ];
  return {
    registers: [low, high, scale, inverse, offset, zero],
    body: [loop(`${name}/g`, size / span, body)],
  };
}

/** An f32 as a field of floats has it. */
const floatOf = ({ scalar, float }: Field, x: Expr): Expr => (float ? smallFloatOf(float, x) : cast(scalar, x));

/** What a value is multiplied by: 0 where the scale is too small. */
function reciprocalOf(scale: Expr): Expr {
  const tooSmall = lt(op("abs", scale), f32(smallestScale));
  return select(tooSmall, f32(0), div(f32(1), select(tooSmall, f32(1), scale)));
}

/** What a value is divided by: by a scale of 0 it gives 0. */
const divisorOf = (scale: Expr): Expr => select(op("eq", scale, 0), f32(Number.POSITIVE_INFINITY), scale);

/** Throws unless each field is a number of its own. */
function requireLevels(format: Format): void {
  const wrong = format.fields.find(({ name, product }) => {
    if (name === "q" || name === "z" || name === "v") return product.length > 1;
    const own = name === "o" ? product.slice(-1) : product;
    return own.length > 1 || own.some((source) => typeOfSource(format, source) === undefined) || product.length > 2;
  });
  const rules: readonly string[] = ["absmax", "extreme", "range", "nearest", "range0", "power"];
  if (wrong !== undefined || format.codes?.table !== undefined || !rules.includes(format.rule))
    throw new WorkloadError(
      `${format.name} is no format of caches: kernels do not encode ${wrong === undefined ? "by its rule" : "scales of several levels"}; use f32, f16, i8_row, q8_0, q4_0, int4_row_zf or another integer format`,
    );
}

interface Chosen {
  readonly scale: Expr;
  readonly offset: Expr;
  /** From the scale. */
  readonly zero: (scale: Expr) => Expr;
}

/** Scale, offset and zero point of a group by the format's rule, from its least and greatest value. */
function chosen(format: Format, low: Expr, high: Expr): Chosen {
  const { low: first, high: last, zero } = rangeOf(format);
  const fixed = { offset: f32(0), zero: (): Expr => f32(zero) };
  const amax = max(high, op("neg", low));
  const steps = f32(last - first);
  switch (format.rule) {
    case "absmax":
      return { scale: div(amax, f32(Math.min(last - zero, zero - first))), ...fixed };
    // 2^exponent(amax) is the bits of its exponent.
    case "power": {
      const power = bitcast("f32", and(bitcast("i32", amax), 0x7f800000));
      return { scale: mul(power, f32(2 ** -Math.floor(Math.log2(last - zero)))), ...fixed };
    }
    case "extreme": {
      const extreme = select(lt(high, op("neg", low)), low, high);
      return { scale: div(extreme, f32(first - zero)), ...fixed };
    }
    case "range0": {
      const [from, to] = [min(low, f32(0)), max(high, f32(0))];
      const scale = div(sub(to, from), steps);
      if (fieldOf(format, "o")) return { scale, offset: from, zero: () => f32(zero) };
      const isZero = (s: Expr): Expr => op("eq", s, 0);
      const whole = (s: Expr): Expr =>
        min(op("floor", add(div(op("neg", from), select(isZero(s), f32(1), s)), 0.5)), steps);
      return { scale, offset: f32(0), zero: (s) => select(isZero(s), f32(0), whole(s)) };
    }
    default: {
      const scale = max(div(sub(high, low), steps), leastScale(format, low));
      if (format.rule !== "nearest") return { scale, offset: low, zero: () => f32(zero) };
      const type = typeOfSource(format, (fieldOf(format, "o") as Field).product.at(-1) as Source) as Rounding;
      return { scale, offset: low, zero: (s) => rounded(type, isInScales(format) ? div(op("neg", low), s) : low) };
    }
  }
}

/** The range of codes, or of scaled floats. */
function rangeOf(format: Format): Pick<NonNullable<Format["codes"]>, "low" | "high" | "zero"> {
  const float = fieldOf(format, "v")?.float;
  if (float === undefined) return format.codes as NonNullable<Format["codes"]>;
  const { greatest } = smallFloats[float];
  return { low: -greatest, high: greatest, zero: 0 };
}

/** Whether the offset is stored in units of the scale. */
const isInScales = (format: Format): boolean => (fieldOf(format, "o")?.product.length ?? 0) > 1;

const scaleType = (format: Format): Rounding =>
  typeOfSource(format, (fieldOf(format, "s") as Field).product[0] as Source) as Rounding;

/** Where the offset is stored in units of the scale, the smallest scale for which that quotient is finite and precise. */
function leastScale(format: Format, offset: Expr): Expr {
  if (!isInScales(format)) return f32(0);
  const size = op("abs", offset);
  return scaleType(format) === "f16"
    ? max(mul(size, f32(1 / largestZero(format))), f32(2 ** -24))
    : mul(size, f32(2 ** -24));
}

/** A number as it is stored; of e8m0 a power of two already, or 0, which it lacks. */
function rounded(type: Rounding, e: Expr): Expr {
  if (type === "e8m0") return max(e, f32(2 ** -127));
  return type === "f32" ? e : cast("f32", cast(type, e));
}

const storedScale = (format: Format, scale: Expr): Expr => rounded(scaleType(format), scale);

function offsetOf(
  format: Format,
  field: Field,
  { offset, zero }: Readonly<Record<"offset" | "zero", Expr>>,
  scale: Expr,
): Expr {
  if (format.rule === "nearest") return isInScales(format) ? op("neg", mul(scale, zero)) : zero;
  const type = typeOfSource(format, field.product.at(-1) as Source) as Rounding;
  const signed = field.negate ? op("neg", offset) : offset;
  const back = (e: Expr): Expr => (field.negate ? op("neg", e) : e);
  if (!isInScales(format)) return back(rounded(type, signed));
  const isZero = op("eq", scale, 0);
  const units = select(isZero, f32(0), div(signed, select(isZero, f32(1), scale)));
  return back(mul(scale, rounded(type, units)));
}

function codeOf(
  format: Format,
  value: Expr,
  { offset, inverse, zero }: Readonly<Record<"offset" | "inverse" | "zero", Expr>>,
): Expr {
  const { low, high, zero: middle } = format.codes as NonNullable<Format["codes"]>;
  // As min and max where it is an integer, and one instruction each.
  const within = (code: Expr): Expr => cast("i32", op("pmin", op("pmax", code, f32(low)), f32(high)));
  if (format.rule === "nearest")
    return within(op("nearest", isInScales(format) ? add(div(value, inverse), zero) : div(sub(value, zero), inverse)));
  const isCentred = format.rule === "absmax" || format.rule === "extreme" || format.rule === "power";
  const steps = mul(isCentred ? value : sub(value, offset), inverse);
  const fromZero = (code: Expr): Expr => (middle === 0 ? code : add(code, zero));
  switch (format.rule) {
    case "absmax":
      return within(fromZero(op("round", steps)));
    case "power":
      return within(fromZero(op("nearest", steps)));
    default:
      return within(op("floor", add(steps, add(zero, 0.5))));
  }
}
