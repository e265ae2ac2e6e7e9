/**
 * 16-bit floats. Where the device computes with f16, f16 values stay what they are; else, and for bf16 always, they are held as f32 that is
 * rounded after each operation, and their bits are made and read by integer arithmetic when they are stored and loaded. The equations
 * never use an f32 below the smallest normal number, which devices may take for 0, nor rely on NaN and infinity in comparisons.
 *
 *     y[&y + 2*i] = x:f16[&x + 2*i] * s[]     ->     y[&y + 2*i] = bits(round(f32(x:u16[&x + 2*i]) * s[]))       s: f32
 *
 * With f16 too, what is loaded from a global buffer and cast to f32 at once, and what is cast from f32 and stored to one, takes the exact way.
 */
import {
  type Buffer,
  b,
  type Cast,
  type Expr,
  eachStmt,
  factsOf,
  type Kernel,
  type Load,
  mapOperands,
  mapStmts,
  type OpName,
  ops,
  type Scalar,
  type Stmt,
  type Store,
  typeOf,
} from "../../ir/index.ts";
import { bf16ToF32, f32ToBf16, fitsF32, isHalf, like } from "../legalize/index.ts";

type Half = "f16" | "bf16";

/** The kernel without bf16 values, and without f16 values unless `native`. */
export function holdHalves(kernel: Kernel, native: boolean): Kernel {
  if (!usesHalves(kernel)) return kernel;
  const isHeld = (scalar: Scalar): scalar is Half => scalar === "bf16" || (scalar === "f16" && !native);
  const buffers = new Map(kernel.buffers.map((buffer) => [buffer.name, held(buffer, isHeld)]));
  const value = holder(kernel, buffers, isHeld);
  const rewrite = (s: Stmt): readonly Stmt[] => {
    switch (s.kind) {
      case "for":
        return [b.loop(s.loop, value(s.extent), s.body.flatMap(rewrite), s.loopKind)];
      case "if":
        return [b.when(value(s.cond), s.body.flatMap(rewrite))];
      case "let":
        return [b.bind(s.name, value(s.value))];
      case "store":
        return [b.store(s.buffer, s.index.map(value), stored(s, buffers.get(s.buffer) as Buffer, value, isHeld))];
      case "reduce":
        return [b.reduce(s.buffer, s.index.map(value), value(s.value), s.over, s.monoid)];
      case "barrier":
        return [s];
    }
  };
  return Object.freeze({ ...kernel, buffers: [...buffers.values()], body: mapStmts(kernel.body, rewrite) });
}

function usesHalves(kernel: Kernel): boolean {
  let found = kernel.buffers.some(({ scalar }) => isHalf(scalar));
  const seen = new Set<Expr>();
  const see = (e: Expr): void => {
    if (seen.has(e)) return;
    seen.add(e);
    found ||= isHalf(e.type.scalar);
    mapOperands(e, (arg) => {
      see(arg);
      return arg;
    });
  };
  eachStmt(kernel.body, (s) => {
    if (s.kind === "let" || s.kind === "store" || s.kind === "reduce") see(s.value);
    else if (s.kind === "if") see(s.cond);
  });
  return found;
}

/** Registers change their type; memory does not. */
const held = (buffer: Buffer, isHeld: (scalar: Scalar) => boolean): Buffer =>
  buffer.scope === "register" && isHeld(buffer.scalar) ? Object.freeze({ ...buffer, scalar: "f32" as const }) : buffer;

/** What is written in place of a store's value. */
function stored(s: Store, buffer: Buffer, value: (e: Expr) => Expr, isHeld: (scalar: Scalar) => scalar is Half): Expr {
  const { scalar } = s.value.type;
  if (buffer.scope === "register" || !isHalf(scalar)) return value(s.value);
  if (isHeld(scalar)) return toBits(scalar, value(s.value));
  const exact = s.value.kind === "cast" && s.value.mode === "value" && buffer.scope === "global";
  if (!exact || !isF32((s.value as Cast).arg)) return value(s.value);
  return b.bitcast("f16", toBits("f16", value((s.value as Cast).arg)));
}

const isF32 = (e: Expr): boolean => e.type.scalar === "f32";

/** Operations whose f32 result on 16-bit operands is a 16-bit value again. */
const exactOps: ReadonlySet<OpName> = new Set([
  "select",
  "min",
  "max",
  "neg",
  "abs",
  "floor",
  "trunc",
  "nearest",
  "round",
]);

function holder(
  kernel: Kernel,
  buffers: ReadonlyMap<string, Buffer>,
  isHeld: (scalar: Scalar) => scalar is Half,
): (e: Expr) => Expr {
  const facts = factsOf(kernel);
  const seen = new Map<Expr, Expr>();
  const visit = (e: Expr): Expr => {
    const known = seen.get(e);
    if (known !== undefined) return known;
    const result = compute(e);
    seen.set(e, result);
    return result;
  };
  const compute = (e: Expr): Expr => {
    const { scalar } = e.type;
    switch (e.kind) {
      case "const":
        return isHeld(scalar) ? b.constant(e.value, typeOf("f32", e.type.lanes)) : e;
      case "var":
        return isHeld(scalar) ? b.variable(e.name, typeOf("f32", e.type.lanes)) : e;
      case "load":
        return isHeld(scalar) ? loaded(e, scalar) : mapOperands(e, visit);
      case "op": {
        const wide = mapOperands(e, visit);
        const exact = exactOps.has(e.op) || ops[e.op].signature === "compare";
        return isHeld(scalar) && !exact ? rounded(scalar, wide) : wide;
      }
      case "cast":
        return e.mode === "bits" ? castBits(e) : castValue(e);
      default:
        return mapOperands(e, visit);
    }
  };
  const loaded = (e: Load, scalar: Half): Expr => {
    const buffer = buffers.get(e.buffer) as Buffer;
    if (buffer.scope === "register") return b.load({ ...buffer, shape: e.index }, e.index.map(visit));
    return fromBits(scalar, bitsAt(e));
  };
  const bitsAt = (e: Load): Expr =>
    b.load({ name: e.buffer, scalar: "u16", lanes: [], shape: e.index }, e.index.map(visit));
  const castBits = (e: Cast): Expr => {
    const [from, to] = [e.arg.type.scalar, e.type.scalar];
    const arg = visit(e.arg);
    const bits = isHeld(from) ? toBits(from, arg) : arg;
    return isHeld(to) ? fromBits(to, b.bitcast("u16", bits)) : b.bitcast(to, bits);
  };
  const castValue = (e: Cast): Expr => {
    const [from, to] = [e.arg.type.scalar, e.type.scalar];
    const isExact = from === "f16" && !isHeld(from) && to === "f32" && e.arg.kind === "load";
    if (isExact && buffers.get((e.arg as Load).buffer)?.scope === "global")
      return fromBits("f16", bitsAt(e.arg as Load));
    const arg = visit(e.arg);
    if (!isHeld(to)) return b.cast(to, arg);
    if (from === to) return arg;
    const isInteger = !isHalf(from) && from !== "f32";
    const wide = isInteger && to === "bf16" && !fitsF32(e.arg, facts) ? oddInteger(arg) : arg;
    return rounded(to, b.cast("f32", wide));
  };
  return visit;
}

/** An f32 to the nearest value of a 16-bit float, as f32. */
const rounded = (half: Half, x: Expr): Expr => fromBits(half, toBits(half, x));

const fromBits = (half: Half, bits: Expr): Expr => (half === "bf16" ? bf16ToF32(bits) : f16ToF32(bits));

function toBits(half: Half, x: Expr): Expr {
  if (half === "f16") return f32ToF16(x);
  const size = b.and(b.bitcast("u32", x), like(0x7fffffff, b.bitcast("u32", x)));
  return f32ToBf16(x, b.lt(like(0x7f800000, size), size));
}

/**
 * f32(h) = sign | v, with f the bits of h below the sign moved up by 13:
 *     v = f + (127 - 15 << 23)                                       for normal numbers
 *     v = bits(float(f + bits(2^-14)) - 2^-14)                       for subnormal ones: f counts units of 2^-24 * 2^-13 above 2^-14
 *     v = f + 2 * (127 - 15 << 23)                                   for infinities and NaN
 */
export function f16ToF32(h: Expr): Expr {
  const bits = b.cast("u32", h);
  const sign = b.shl(b.and(bits, like(0x8000, bits)), 16);
  const f = b.shl(b.and(bits, like(0x7fff, bits)), 13);
  const bias = 0x38000000;
  const small = b.op("sub", b.bitcast("f32", b.add(f, like(0x38800000, f))), b.constant(2 ** -14, "f32"));
  const v = b.select(
    b.lt(f, like(0x00800000, f)),
    b.bitcast("u32", small),
    b.select(b.op("le", like(0x0f800000, f), f), b.add(f, like(2 * bias, f)), b.add(f, like(bias, f))),
  );
  return b.bitcast("f32", b.or(sign, v));
}

/**
 * f16(x) = sign | h, with m the bits of |x|:
 *     h = (m - (127 - 15 << 23) + 0xfff + (the lowest kept bit of m)) >> 13     for normal results: a carry into the exponent is right
 *     h = bits(|x| + 0.5) - bits(0.5)                                           below 2^-14: the last place of 0.5 is that of f16's subnormals
 *     h = infinity from 65520 on, a NaN for NaN
 */
export function f32ToF16(x: Expr): Expr {
  const bits = b.bitcast("u32", x);
  const sign = b.and(b.shr(bits, 16), like(0x8000, bits));
  const m = b.and(bits, like(0x7fffffff, bits));
  const odd = b.and(b.shr(m, 13), like(1, m));
  const normal = b.shr(b.add(b.add(m, odd), like(0xfff - 0x38000000, m)), 13);
  const small = b.op("sub", b.bitcast("u32", b.add(b.bitcast("f32", m), 0.5)), like(0x3f000000, m));
  const finite = b.select(b.lt(m, like(0x38800000, m)), small, normal);
  const large = b.select(b.lt(like(0x7f800000, m), m), like(0x7e00, m), like(0x7c00, m));
  const size = b.select(b.op("le", like(0x477ff000, m), m), large, finite);
  return b.cast("u16", b.or(sign, size));
}

/**
 * An integer beyond 2^24 rounded to odd at its ninth bit, so that f32 holds it and rounding it to bf16 rounds once:
 *     v -> (v & ~0xff) | (v & 0xff != 0) << 8
 */
function oddInteger(v: Expr): Expr {
  const low = b.and(v, like(0xff, v));
  const inexact = b.shl(b.cast(v.type.scalar, b.op("ne", low, like(0, low))), 8);
  const odd = b.or(b.and(v, like(~0xff, v)), inexact);
  const size = v.type.scalar === "i32" ? b.op("abs", v) : v;
  const isSmall = b.and(b.op("le", like(0, size), size), b.op("le", size, like(2 ** 24, size)));
  return b.select(isSmall, v, odd);
}
