/** Register buffers as variables of the function. One of rank 0 is a scalar or a vector; one with axes is a vector with a lane per element. */
import { affineOf, type Buffer, type Expr, type Type, typeOf } from "../../../ir/index.ts";
import { offsetsOf } from "../addresses.ts";
import { heldAs, isBytes, typeText, widthOf } from "../held.ts";
import type { Machine } from "../ops.ts";
import { extract, signExtended } from "./bits.ts";
import { atom, type Context, call, convert, fail } from "./context.ts";
import type { Node } from "./nodes.ts";
import { component } from "./vectors.ts";

/** The type of a whole register. */
export function registerType(c: Pick<Context, "kernel">, { name, scalar, shape, lanes }: Buffer): Type {
  if (shape.length === 0) return typeOf(scalar, lanes);
  if (lanes.length > 0) fail(c, `register buffer ${name} has both axes and lanes: lower the kernel first`);
  const extents = shape.map((size) =>
    size.kind === "const" ? size.value : fail(c, `an extent of register buffer ${name} is not constant`),
  );
  return typeOf(scalar, extents);
}

/** `vec4<f32>`: what a register is declared as. */
export function registerText(c: Pick<Context, "kernel">, buffer: Buffer): string {
  const type = registerType(c, buffer);
  const held = heldAs(type);
  if (held === undefined) fail(c, `register buffer ${buffer.name} of ${type.text}: WGSL has no ${type.scalar}`);
  if (widthOf(type) > 4) fail(c, `register buffer ${buffer.name} has ${type.count} lanes: WGSL has 2, 3 and 4`);
  return held === "bytes" ? "u32" : typeText(held as Machine, type.count);
}

/** The register's value now. */
export const registerNode = (c: Context, { name }: Buffer): Node =>
  c.make("atom", c.names.get(name) as string, [], c.times.get(name));

/** The register as the target of an assignment. */
export const registerPlace = (c: Context, { name }: Buffer): Node => c.make("place", c.names.get(name) as string, []);

/** How a lane is taken from the register; undefined where the access names all of it. */
export function laneOf(c: Context, buffer: Buffer, index: readonly Expr[]): ((whole: Node) => Node) | undefined {
  const lane = laneIndex(c, buffer, index);
  if (lane === undefined) return undefined;
  const type = registerType(c, buffer);
  if (type.count === 1) return undefined;
  if (!isBytes(type)) return (whole) => component(c, whole, lane, type.count);
  return (whole) => {
    const byte = extract(c, whole, 8 * lane, 8);
    return buffer.scalar === "i8" ? signExtended(c, byte, 8) : byte;
  };
}

/** The statement that writes a lane: its target and value. */
export function writtenLane(
  c: Context,
  buffer: Buffer,
  lane: number,
  value: Node,
): { readonly target: Node; readonly value: Node } {
  const target = registerPlace(c, buffer);
  if (!isBytes(registerType(c, buffer)))
    return { target: component(c, target, lane, registerType(c, buffer).count), value };
  const byte = buffer.scalar === "i8" ? convert(c, "u32", 1, value) : value;
  return {
    target,
    value: call(c, "insertBits", registerNode(c, buffer), byte, atom(c, `${8 * lane}u`), atom(c, "8u")),
  };
}

/** The lane that an access names; undefined where it names all of them. */
export function laneIndex(c: Context, buffer: Buffer, index: readonly Expr[]): number | undefined {
  if (index.length === 0) return undefined;
  const { lanes: extents } = registerType(c, buffer);
  const bad = (): never =>
    fail(c, `register buffer ${buffer.name} is indexed neither by all its lanes nor by constants`);
  let start = 0;
  let offsets: readonly number[] | undefined;
  index.forEach((e, axis) => {
    const form = affineOf(e);
    if (form.terms.size > 0) bad();
    const step = extents.slice(axis + 1).reduce((product, size) => product * size, 1);
    start += form.constant * step;
    if (form.lanes === undefined) return;
    const lanes = offsetsOf(form.lanes.sizes, form.lanes.strides);
    offsets = lanes.map((at, i) => (offsets?.[i] ?? 0) + at * step);
  });
  if (offsets === undefined) return start;
  const count = extents.reduce((product, size) => product * size, 1);
  const isWhole = start === 0 && offsets.length === count && (offsets as readonly number[]).every((at, i) => at === i);
  return isWhole ? undefined : bad();
}
