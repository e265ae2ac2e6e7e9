/** Vectors made of scalars, and scalars taken from vectors. */
import { typeText } from "../held.ts";
import type { Machine } from "../ops.ts";
import { type Context, call } from "./context.ts";
import type { Node } from "./nodes.ts";

const letters = ["x", "y", "z", "w"] as const;

/** A component of a vector. */
export const component = (c: Context, vector: Node, lane: number): Node =>
  c.make("member", letters[lane] as string, [vector]);

/** The vector of these components; `width` is that of the vectors that they may be components of. */
export function vectorOf(c: Context, machine: Machine, nodes: readonly Node[], width: number): Node {
  const [first] = nodes as [Node];
  if (nodes.length === 1) return first;
  const type = typeText(machine, nodes.length);
  if (nodes.every((node) => node === first)) return call(c, type, first);
  const whole = first.form === "member" && first.args.length === 1 ? first.args[0] : undefined;
  const isOf = (node: Node): boolean => node.form === "member" && node.args.length === 1 && node.args[0] === whole;
  if (whole === undefined || !nodes.every(isOf)) return call(c, type, ...nodes);
  const swizzle = nodes.map(({ text }) => text).join("");
  return swizzle === letters.slice(0, width).join("") ? whole : c.make("member", swizzle, [whole]);
}
