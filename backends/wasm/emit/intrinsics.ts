/** Intrinsics and tables as machine values: by relaxed SIMD where it is allowed and the row has it, else in plain SIMD128. */
import { b, type Call, intrinsics, rangeOf, type Table } from "../../../ir/index.ts";
import { intrinsicSpelling, machineOf } from "../ops.ts";
import { type Context, fail } from "./context.ts";
import { integer, type Node, shuffle, type Vec, vectorConst, vectorOf } from "./dag.ts";

/** The value of an intrinsic call. */
export function callVector(c: Context, e: Call): Vec {
  const row = intrinsics[e.intrinsic];
  const { count } = e.type;
  const { bits } = machineOf[row.result];
  const tables = row.operands.map((operand) => operand.entries !== undefined);
  const args = e.args.map((arg, i) => c.operand(arg, tables[i] ? arg.type.count : count * row.group));
  const { plain, relaxed } = intrinsicSpelling[e.intrinsic];
  const combine = (regs: readonly Node[]): Node => {
    if (relaxed !== undefined && c.allowed.has("relaxed-simd")) {
      c.used.add("relaxed-simd");
      return vectorOf(relaxed, ...regs);
    }
    if (plain === "even-odd") return evenOdd(regs[0] as Node, regs[1] as Node);
    if (plain === "widened") return widened(regs[0] as Node, regs[1] as Node);
    return plain === "rule" ? fail(c, `${e.intrinsic} is left by legalize`) : vectorOf(plain, ...regs);
  };
  const lanes = args.find((_, i) => !tables[i]) as Vec;
  const regs = lanes.regs.map((_, r) => combine(args.map((arg, i) => arg.regs[tables[i] ? 0 : r] as Node)));
  return { regs, bits, count };
}

/** Values of a table, all lanes at once: the table is a constant whose bytes are shuffled by indices, which are proven to be inside it. */
export function tableVector(c: Context, e: Table): Vec {
  const index = c.vector(e.index);
  return { ...index, regs: index.regs.map((at) => shuffled(c, e.values, at)) };
}

/**
 * Values of a table in lanes of 32 bits, where the index was narrowed from such: the bytes above the index are given indices from 128 on, which every engine
 * gives 0. So the lane is the value if that is not negative: the least one is added afterwards.
 */
export function wideTable(c: Context, e: Table): Vec | undefined {
  const from = e.index.kind === "cast" && e.index.mode === "value" ? e.index.arg : undefined;
  if (from === undefined || from.type.count === 1 || (from.type.scalar !== "u32" && from.type.scalar !== "i32"))
    return undefined;
  const [low, high] = rangeOf(from, c.facts);
  if (low < 0 || high >= e.values.length) return undefined;
  const least = Math.min(0, ...e.values);
  const wide = c.vector(from);
  const others = vectorConst("i32x4", 0x80808000 | 0);
  const regs = wide.regs.map((at) => {
    const value = shuffled(
      c,
      e.values.map((v) => v - least),
      vectorOf("v128.or", at, others),
    );
    return least === 0 ? value : vectorOf("i32x4.add", value, vectorConst("i32x4", least));
  });
  return { ...wide, regs };
}

function shuffled(c: Context, values: readonly number[], at: Node): Node {
  const bytes = Array.from({ length: b.longestTable }, (_, i) => values[i] ?? 0);
  const isRelaxed = c.allowed.has("relaxed-simd");
  if (isRelaxed) c.used.add("relaxed-simd");
  return vectorOf(isRelaxed ? "i8x16.relaxed_swizzle" : "i8x16.swizzle", vectorConst("i8x16", bytes), at);
}

/**
 * Pairs of i8 products in i16: the even bytes and the odd bytes of each 16-bit lane, multiplied apart. `b` is in 0..127, so its bytes need no sign.
 *     sum_r a[2l+r] * b[2l+r]  =  ((a << 8) >>s 8) * (b & 0xff)  +  (a >>s 8) * (b >>u 8)
 */
function evenOdd(a: Node, b: Node): Node {
  const eight = integer(8);
  const even = vectorOf(
    "i16x8.mul",
    vectorOf("i16x8.shr_s", vectorOf("i16x8.shl", a, eight), eight),
    vectorOf("v128.and", b, vectorConst("i16x8", 0xff)),
  );
  const odd = vectorOf("i16x8.mul", vectorOf("i16x8.shr_s", a, eight), vectorOf("i16x8.shr_u", b, eight));
  return vectorOf("i16x8.add", even, odd);
}

/** The bytes of the i32 lanes that have an even number in two registers. */
const evenLanes = Array.from({ length: 16 }, (_, i) => 8 * Math.floor(i / 4) + (i % 4));

/** Fours of i8 products in i32: the products in i16, which hold them all, summed in pairs, and these in pairs of lanes. */
function widened(a: Node, b: Node): Node {
  const half = (multiply: "i16x8.extmul_low_i8x16_s" | "i16x8.extmul_high_i8x16_s"): Node =>
    vectorOf("i32x4.extadd_pairwise_i16x8_s", vectorOf(multiply, a, b));
  const [low, high] = [half("i16x8.extmul_low_i8x16_s"), half("i16x8.extmul_high_i8x16_s")];
  const odd = evenLanes.map((at) => at + 4);
  return vectorOf("i32x4.add", shuffle(evenLanes, low, high), shuffle(odd, low, high));
}
