/**
 * Vectors lane by lane: what a vector expression is in one lane, and registers through which vectors that have no scalar form are taken
 * apart and put together. For the passes that leave the vector path: `unpack`, `predicate`.
 */
import { bitcast, buffer, cast, constant, lanes, load, op, reload, table } from "../build.ts";
import type { Buffer, Expr } from "../nodes.ts";
import type { Scalar } from "../types.ts";

/** The coordinates of each lane of a shape, last axis fastest. */
export function lanesOf(shape: readonly number[]): readonly (readonly number[])[] {
  return shape.reduce<number[][]>(
    (outer, size) => outer.flatMap((at) => Array.from({ length: size }, (_, i) => [...at, i])),
    [[]],
  );
}

/** The index that names every element of a register buffer whose shape is the lane shape: lane (l0, l1, ..) is element [l0, l1, ..]. */
export const wholeIndex = (shape: readonly number[]): readonly Expr[] =>
  shape.map((_, axis) =>
    lanes(
      shape,
      shape.map((_size, i) => (i === axis ? 1 : 0)),
    ),
  );

/** A register buffer with one element per lane. */
export const laneRegister = (name: string, scalar: Scalar, shape: readonly number[]): Buffer =>
  buffer(name, scalar, shape, { scope: "register" });

/**
 * The scalar that stands in a lane of `e`. Calls, and loads of registers that hold whole vectors, have no scalar form: for these `split` gives a load of a lane
 * register that holds their value.
 */
export function laneOf(e: Expr, lane: readonly number[], split: (whole: Expr) => Buffer): Expr {
  const seen = new Map<Expr, Expr>();
  const visit = (node: Expr): Expr => {
    if (node.type.lanes.length === 0) return node;
    const known = seen.get(node);
    if (known !== undefined) return known;
    const result = inLane(node);
    seen.set(node, result);
    return result;
  };
  const inLane = (node: Expr): Expr => {
    switch (node.kind) {
      case "const":
        return constant(node.value, node.type.scalar);
      case "lanes":
        return constant(node.strides.reduce((sum, stride, axis) => sum + stride * (lane[axis] as number), 0));
      case "op":
        return op(node.op, ...node.args.map(visit));
      case "cast":
        return node.mode === "value"
          ? cast(node.type.scalar, visit(node.arg))
          : bitcast(node.type.scalar, visit(node.arg));
      case "table":
        return table(node.type.scalar, visit(node.index), node.values);
      case "load":
        if (node.index.length > 0) return reload(node, node.index.map(visit), node.mask ? visit(node.mask) : null);
        return load(split(node), lane);
      case "var":
      case "call":
        return load(split(node), lane);
    }
  };
  return visit(e);
}
