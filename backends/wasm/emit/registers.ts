/**
 * Register buffers as locals. One of rank 0 is a scalar or a vector; one with axes is a vector with a lane per element (row-major),
 * read and written as a whole or lane by lane at constant indices.
 */
import { type Buffer, b, type Expr, type Scalar } from "../../../ir/index.ts";
import type { NameWithImmediates } from "../asm/index.ts";
import { machineOf, shapeOf, type VectorMachine } from "../ops.ts";
import { laneOffsets, splitIndex } from "./address.ts";
import { type Context, fail, type Place } from "./context.ts";
import { type Node, node, read, registersFor, type Vec, vectorOf } from "./dag.ts";
import { valueTypeOf } from "./scalar.ts";

/** How many lanes a lane shape has. */
export const laneCount = (lanes: readonly number[]): number => lanes.reduce((product, size) => product * size, 1);

/** Locals for the registers of a vector. */
export function vectorPlace(c: Pick<Context, "locals">, name: string, registers: number, bits: Vec["bits"]): Place {
  if (registers === 1) return { locals: [c.locals.named(name, "v128")], bits };
  return { locals: Array.from({ length: registers }, (_, r) => c.locals.named(`${name}.${r}`, "v128")), bits };
}

/** Locals for a register buffer. */
export function bufferPlace(c: Context, buffer: Buffer): Place {
  const shape = shapeOfBuffer(c, buffer);
  if (shape.length === 0) {
    const type = c.isAddress(b.load(buffer, [])) ? c.address : valueTypeOf(buffer.scalar);
    return { locals: [c.locals.named(buffer.name, type)], bits: undefined };
  }
  const { bits } = machineOf[buffer.scalar];
  return vectorPlace(c, buffer.name, registersFor(laneCount(shape), bits), bits);
}

/** The lanes of a buffer: those of its one element, or one lane per element. */
function shapeOfBuffer(c: Context, { name, shape, lanes }: Buffer): readonly number[] {
  if (shape.length === 0) return lanes;
  if (lanes.length > 0) fail(c, `register buffer ${name} has both axes and lanes: lower the kernel first`);
  return shape.map((size) => (size.kind === "const" ? size.value : fail(c, `an extent of ${name} is not constant`)));
}

/** The lane that an access names; undefined where it names all of them. */
export function laneOfAccess(c: Context, buffer: Buffer, index: readonly Expr[]): number | undefined {
  if (index.length === 0) return undefined;
  const extents = shapeOfBuffer(c, buffer);
  const bad = (): never =>
    fail(c, `register buffer ${buffer.name} is indexed neither by all its lanes nor by constants`);
  let start = 0;
  let sizes: readonly number[] = [];
  let strides: readonly number[] = [];
  index.forEach((e, axis) => {
    const split = splitIndex(e) ?? bad();
    if (split.base !== undefined) bad();
    const step = laneCount(extents.slice(axis + 1));
    start += split.constant * step;
    if (split.lanes === undefined) return;
    const { lanes } = split;
    sizes = lanes.sizes;
    strides = lanes.sizes.map((_, i) => (strides[i] ?? 0) + step * (lanes.strides[i] as number));
  });
  if (sizes.length === 0) return start;
  const lanes = laneOffsets(sizes, strides);
  return start === 0 && lanes.length === laneCount(extents) && lanes.every((at, i) => at === i) ? undefined : bad();
}

const extracts: Readonly<Record<VectorMachine, NameWithImmediates<"lane">>> = {
  i8: "i8x16.extract_lane_s",
  u8: "i8x16.extract_lane_u",
  i16: "i16x8.extract_lane_s",
  u16: "i16x8.extract_lane_u",
  i32: "i32x4.extract_lane",
  u32: "i32x4.extract_lane",
  f32: "f32x4.extract_lane",
  f64: "f64x2.extract_lane",
};

/** The scalar in a lane of a vector. */
export function extractLane(vec: Vec, lane: number, scalar: Scalar): Node {
  const perRegister = 128 / vec.bits;
  const register = vec.regs[Math.floor(lane / perRegister)] as Node;
  const value = node({ op: extracts[machineOf[scalar].vector], lane: lane % perRegister }, valueTypeOf(scalar), [
    register,
  ]);
  // Of a mask, the lowest bit is the truth value.
  return scalar === "bool" ? node({ op: "i32.ne" }, "i32", [value, node({ op: "i32.const", value: 0 }, "i32")]) : value;
}

/** A register with a scalar in one more lane; the first lane goes to all. */
export function insertLane(register: Node | undefined, lane: number, value: Node, machine: VectorMachine): Node {
  const shape = shapeOf[machine];
  if (register === undefined) return vectorOf(`${shape}.splat`, value);
  return node({ op: `${shape}.replace_lane` as NameWithImmediates<"lane">, lane }, "v128", [register, value]);
}

/** The lanes kept in a place. */
export const readPlace = ({ locals, bits }: Place, count: number): Vec => ({
  regs: locals.map((local) => read(local, "v128")),
  bits: bits as Vec["bits"],
  count,
});
