/**
 * Loads: an access becomes an index into the view of its buffer, a component of a vector, a shift in a word. Stores are in `stores.ts`.
 *
 *     x: f32<4> view    x[&x + 16*a + 8]              ->    x[a].z
 *     q: u32<4> view    q:u8[&q + 16*a + 5]           ->    extractBits(q[a].y, 8u, 8u)
 *     s: u32 view       s:u16[&s + 2*i]               ->    extractBits(s[i >> 1u], u32(i & 1) * 16u, 16u)
 */
import { type Affine, b, type Expr, type Load, type Scalar, scalars } from "../../../ir/index.ts";
import { type Address, addressOf, divided, inRow, residueOf, shifted } from "../addresses.ts";
import { bytesOf, isBytes, typeText } from "../held.ts";
import { machineOf } from "../ops.ts";
import { elementBytes, type View } from "../views.ts";
import { extract, signExtended } from "./bits.ts";
import { atom, bitcast, type Context, call, fail, infix } from "./context.ts";
import { halfOf, halvesOf } from "./half-bits.ts";
import type { Node } from "./nodes.ts";
import { component, vectorOf } from "./vectors.ts";

/** The value of a load from global or workgroup memory. */
export function load(c: Context, e: Load): Node {
  const { scalar } = e.type;
  const at = placeOf(c, e.buffer, e.index[0] as Expr, scalar);
  if (isBytes(e.type)) return loadBytes(c, e.buffer, at);
  if (e.type.count === 1) return loadScalar(c, e.buffer, at.base, scalar);
  return loadVector(c, e.buffer, at, scalar);
}

/** Where an access lies, in the binding of its buffer. */
export function placeOf(c: Context, buffer: string, index: Expr, scalar: Scalar): Address {
  return (
    addressOf(buffer, c.sliced(buffer, index), bytesOf(scalar)) ??
    fail(c, `the lanes of an access to ${buffer} are not a pattern`)
  );
}

export const viewOf = (c: Context, buffer: string): View =>
  c.views.get(buffer) ?? fail(c, `buffer ${buffer} is not declared`);

/** The element or vector of a view at an index. */
export function elementOf(c: Context, buffer: string, index: Node): Node {
  const { isWritten, isAtomic } = viewOf(c, buffer);
  const name = c.names.get(buffer) as string;
  const scope = c.buffers.get(buffer)?.scope;
  const isFixed = !isWritten && scope === "global";
  const parts = { loads: true, wish: buffer, ...(isFixed ? {} : c.times.get(buffer)) };
  if (!isAtomic) return c.make("index", name, [index], parts);
  return c.make("call", "atomicLoad", [pointer(c, buffer, index)], parts);
}

/** `&name[index]`. */
export const pointer = (c: Context, buffer: string, index: Node): Node =>
  c.make("prefix", "&", [c.make("place", c.names.get(buffer) as string, [index])]);

/** The element of the view's base type at a byte address that is a multiple of its size. */
function baseAt(c: Context, buffer: string, at: Affine): Node {
  const { base, width } = viewOf(c, buffer);
  const bytes = elementBytes(base);
  if (width === 1) return elementOf(c, buffer, c.select(divided(at, bytes)));
  const residue = residueOf(at, bytes * width, c.symbols);
  if (residue !== undefined)
    return component(
      c,
      elementOf(c, buffer, c.select(divided(shifted(at, -residue), bytes * width))),
      residue / bytes,
      width,
    );
  const index = divided(at, bytes);
  const vector = elementOf(c, buffer, c.select(b.shr(index, Math.log2(width))));
  return c.make("member", "", [vector, c.select(b.and(index, width - 1))]);
}

/** The word at a byte address that is a multiple of 4, as a u32. */
function wordAt(c: Context, buffer: string, at: Affine): Node {
  const { base } = viewOf(c, buffer);
  const value = baseAt(c, buffer, at);
  return base === "u32" ? value : bitcast(c, "u32", value);
}

/** A byte or two, as a u32. */
function bitsAt(c: Context, buffer: string, at: Affine, bytes: 1 | 2): Node {
  const residue = residueOf(at, 4, c.symbols);
  if (residue !== undefined && residue + bytes <= 4)
    return extract(c, wordAt(c, buffer, shifted(at, -residue)), 8 * residue, 8 * bytes);
  if (bytes === 1 || residueOf(at, 2, c.symbols) === 0) {
    const { word, shift } = dynamicPlace(c, at, bytes);
    return call(c, "extractBits", elementWord(c, buffer, word), shift, atom(c, `${8 * bytes}u`));
  }
  return joined(c, [bitsAt(c, buffer, at, 1), bitsAt(c, buffer, shifted(at, 1), 1)], 8);
}

/** The index of the word that holds a byte address, and where in it its bits begin. */
export function dynamicPlace(c: Context, at: Affine, bytes: 1 | 2): { readonly word: Expr; readonly shift: Node } {
  const element = divided(at, bytes);
  const log = bytes === 1 ? 2 : 1;
  const within = c.select(b.and(element, 2 ** log - 1));
  return {
    word: b.shr(element, log),
    shift: infix(c, "*", call(c, "u32", within), atom(c, `${8 * bytes}u`)),
  };
}

/** The word at an index counted in words. */
function elementWord(c: Context, buffer: string, index: Expr): Node {
  const { base, width } = viewOf(c, buffer);
  const log = Math.log2(width);
  const element =
    width === 1
      ? elementOf(c, buffer, c.select(index))
      : c.make("member", "", [elementOf(c, buffer, c.select(b.shr(index, log))), c.select(b.and(index, width - 1))]);
  return base === "u32" ? element : bitcast(c, "u32", element);
}

/** Parts of a word, lowest first. */
export function joined(c: Context, parts: readonly Node[], bits: number): Node {
  return parts
    .map((part, i) => (i === 0 ? part : infix(c, "<<", part, atom(c, `${i * bits}u`))))
    .reduce((all, part) => infix(c, "|", all, part));
}

/** Four bytes at any address, as a u32. */
function anyWordAt(c: Context, buffer: string, at: Affine): Node {
  if (residueOf(at, 4, c.symbols) === 0) return wordAt(c, buffer, at);
  return joined(c, [bitsAt(c, buffer, at, 2), bitsAt(c, buffer, shifted(at, 2), 2)], 16);
}

function loadScalar(c: Context, buffer: string, at: Affine, scalar: Scalar): Node {
  const machine = machineOf[scalar];
  const { bits } = scalars[scalar];
  if (machine === undefined || (bits !== 8 && bits !== 16 && bits !== 32))
    return fail(c, `a ${scalar} is loaded from ${buffer}: WGSL has no such type in memory`);
  if (viewOf(c, buffer).base === scalar) return baseAt(c, buffer, at);
  if (bits === 32) return scalar === "u32" ? anyWordAt(c, buffer, at) : bitcast(c, machine, anyWordAt(c, buffer, at));
  const value = bitsAt(c, buffer, at, bits === 8 ? 1 : 2);
  if (machine === "f16") return halfOf(c, value);
  return machine === "i32" ? signExtended(c, value, bits) : value;
}

function loadBytes(c: Context, buffer: string, { base, lanes }: Address): Node {
  if (inRow(lanes, 1)) return anyWordAt(c, buffer, base);
  return joined(
    c,
    lanes.map((at) => bitsAt(c, buffer, shifted(base, at), 1)),
    8,
  );
}

function loadVector(c: Context, buffer: string, { base, lanes }: Address, scalar: Scalar): Node {
  const machine = machineOf[scalar] ?? fail(c, `a vector of ${scalar} is loaded from ${buffer}`);
  const view = viewOf(c, buffer);
  const each = (load: (at: Affine) => Node): readonly Node[] => lanes.map((at) => load(shifted(base, at)));
  if (view.base === scalar)
    return vectorOf(
      c,
      machine,
      each((at) => baseAt(c, buffer, at)),
    );
  const isAligned = residueOf(base, 4, c.symbols) === 0;
  if (scalars[scalar].bits === 32 && isAligned && view.base !== "f16") {
    const words = vectorOf(
      c,
      view.base,
      each((at) => baseAt(c, buffer, at)),
    );
    return bitcast(c, typeText(machine, lanes.length), words);
  }
  if (machine === "f16" && isAligned && inRow(lanes, 2) && lanes.length % 2 === 0) {
    const words = lanes.filter((_, i) => i % 2 === 0).map((at) => wordAt(c, buffer, shifted(base, at)));
    return halvesOf(c, words);
  }
  return vectorOf(
    c,
    machine,
    each((at) => loadScalar(c, buffer, at, scalar)),
  );
}
