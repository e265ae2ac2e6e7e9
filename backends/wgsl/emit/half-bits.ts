/**
 * f16 values and their bits, where the device computes with f16. By way of f32 (which holds every f16): Naga takes no bitcast between f16 and
 * words. What is below the smallest normal f16 may be taken for 0, as by any operation on f16.
 */
import { atom, type Context, call, convert } from "./context.ts";
import type { Node } from "./nodes.ts";
import { component } from "./vectors.ts";

/** The f16 whose bits are the lower half of a word. */
export const halfOf = (c: Context, word: Node): Node =>
  convert(c, "f16", 1, component(c, call(c, "unpack2x16float", word), 0, 2));

/** The bits of an f16, as a word. */
export const bitsOfHalf = (c: Context, half: Node): Node =>
  call(c, "pack2x16float", call(c, "vec2<f32>", convert(c, "f32", 1, half), atom(c, "0.0f")));

/** The f16 in one or two words, two in each, as a vector. */
export function halvesOf(c: Context, words: readonly Node[]): Node {
  const pairs = words.map((word) => call(c, "unpack2x16float", word));
  const [first] = pairs as [Node];
  return convert(c, "f16", 2 * words.length, pairs.length === 1 ? first : call(c, "vec4<f32>", ...pairs));
}
