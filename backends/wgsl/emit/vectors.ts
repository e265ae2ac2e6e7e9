/** Vectors made of scalars, and scalars taken from vectors. */
import { typeText } from "../held.ts";
import type { Machine } from "../ops.ts";
import { type Context, call } from "./context.ts";
import type { Node } from "./nodes.ts";

const letters = ["x", "y", "z", "w"] as const;

/** A component of a vector of `width`; of components of one, one of those. */
export function component(c: Context, vector: Node, lane: number, width: number): Node {
  const inner = vector.form === "member" && vector.text.length > 1 ? vector.text[lane] : undefined;
  if (inner !== undefined)
    return c.make("member", inner, vector.args, vector.of === undefined ? {} : { of: vector.of });
  return c.make("member", letters[lane] as string, [vector], { of: width });
}

/** The vector of these components. */
export function vectorOf(c: Context, machine: Machine, nodes: readonly Node[]): Node {
  const [first] = nodes as [Node];
  if (nodes.length === 1) return first;
  const type = typeText(machine, nodes.length);
  if (nodes.every((node) => node === first)) return call(c, type, first);
  const whole = first.of === undefined ? undefined : first.args[0];
  if (whole === undefined || !nodes.every((node) => node.of !== undefined && node.args[0] === whole))
    return call(c, type, ...nodes);
  const swizzle = nodes.map(({ text }) => text).join("");
  const isWhole = swizzle === letters.slice(0, first.of).join("");
  return isWhole ? whole : c.make("member", swizzle, [whole], { of: first.of as number });
}
