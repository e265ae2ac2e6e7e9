/**
 * Stores. What fills whole elements of the view is assigned; a part of a word that other invocations may write parts of is changed by
 * two atomic operations, each of which touches only its own bits:
 *
 *     y: atomic<u32> view    y:u8[&y + i] = v     ->     atomicAnd(&y[i >> 2u], ~(255u << s)); atomicOr(&y[i >> 2u], (v & 255u) << s)
 */
import { type Affine, type Expr, type Store, scalars } from "../../../ir/index.ts";
import { divided, inRow, residueOf, shifted } from "../addresses.ts";
import { isBytes, typeText, widthOf } from "../held.ts";
import { type Machine, machineOf } from "../ops.ts";
import { elementBytes } from "../views.ts";
import { extract } from "./bits.ts";
import { atom, bitcast, type Context, call, convert, fail, infix } from "./context.ts";
import { bitsOfHalf } from "./half-bits.ts";
import { dynamicPlace, joined, placeOf, pointer, viewOf } from "./memory.ts";
import type { Node } from "./nodes.ts";
import { component, vectorOf } from "./vectors.ts";

/** A statement: `target = value`, or without a value `target` itself, a call. */
export interface Written {
  readonly target: Node;
  readonly value: Node | undefined;
}

/** The statements of a store to global or workgroup memory; `value` has a lane for each that is stored, or is one for all. */
export function store(c: Context, s: Store, value: Node): readonly Written[] {
  const { type } = s.value;
  const at = placeOf(c, s.buffer, s.index[0] as Expr, type.scalar);
  const machine = machineOf[type.scalar] ?? fail(c, `a ${type.scalar} is stored to ${s.buffer}`);
  const { bits } = scalars[type.scalar];
  const isVector = widthOf(type) > 1;
  const { base, isAtomic } = viewOf(c, s.buffer);
  if (isBytes(type)) {
    if (inRow(at.lanes, 1) && residueOf(at.base, 4, c.symbols) === 0)
      return elements(c, s.buffer, at.base, [0], [value], "u32");
    return at.lanes.flatMap((lane, i) => part(c, s.buffer, shifted(at.base, lane), extract(c, value, 8 * i, 8), 1));
  }
  const lanes = at.lanes.map((_, i) => (isVector ? component(c, value, i, type.count) : value));
  if (base === type.scalar) return elements(c, s.buffer, at.base, at.lanes, lanes, machine);
  if (bits === 32) {
    const words = isVector ? bitcast(c, typeText("u32", type.count), value) : toU32(c, value, machine);
    return elements(
      c,
      s.buffer,
      at.base,
      at.lanes,
      at.lanes.map((_, i) => (isVector ? component(c, words, i, type.count) : words)),
      "u32",
    );
  }
  const narrow = lanes.map((lane) => bitsOf(c, lane, machine, bits));
  const perWord = 32 / bits;
  const isWhole = inRow(at.lanes, bits / 8) && lanes.length % perWord === 0 && residueOf(at.base, 4, c.symbols) === 0;
  if (isWhole) {
    const words = narrow.flatMap((_, i) => (i % perWord === 0 ? [joined(c, narrow.slice(i, i + perWord), bits)] : []));
    return elements(
      c,
      s.buffer,
      at.base,
      at.lanes.filter((_, i) => i % perWord === 0),
      words,
      "u32",
    );
  }
  if (!isAtomic) fail(c, `a part of a word is stored to ${s.buffer}, which is not declared atomic`);
  return at.lanes.flatMap((lane, i) =>
    part(c, s.buffer, shifted(at.base, lane), narrow[i] as Node, bits === 8 ? 1 : 2),
  );
}

const toU32 = (c: Context, value: Node, machine: Machine): Node =>
  machine === "u32" ? value : bitcast(c, "u32", value);

/** The bits of a narrow scalar, and nothing above them. */
function bitsOf(c: Context, value: Node, machine: Machine, bits: number): Node {
  if (machine === "u32") return value;
  if (machine === "f16") return bitsOfHalf(c, value);
  return extract(c, convert(c, "u32", 1, value), 0, bits);
}

/** Elements of the view's base type, or words, at offsets from a byte address; a vector of the view at once where it is one. */
function elements(
  c: Context,
  buffer: string,
  at: Affine,
  offsets: readonly number[],
  values: readonly Node[],
  machine: Machine,
): readonly Written[] {
  const { base, width, isAtomic } = viewOf(c, buffer);
  const bytes = elementBytes(base);
  const name = c.names.get(buffer) as string;
  const out: Written[] = [];
  for (let i = 0; i < offsets.length; i += width) {
    const index = c.select(divided(shifted(at, offsets[i] as number), bytes * width));
    const value = vectorOf(c, machine, values.slice(i, i + width));
    if (isAtomic) out.push({ target: call(c, "atomicStore", pointer(c, buffer, index), value), value: undefined });
    else out.push({ target: c.make("place", name, [index]), value });
  }
  return out;
}

/** A part of a word: a byte or two. */
function part(c: Context, buffer: string, at: Affine, value: Node, bytes: 1 | 2): readonly Written[] {
  const residue = residueOf(at, 4, c.symbols);
  const mask = bytes === 1 ? 255 : 65535;
  if (residue === undefined && bytes === 2 && residueOf(at, 2, c.symbols) !== 0)
    fail(c, `two bytes are stored to ${buffer} at an address that is not known to be even`);
  if (residue !== undefined) {
    const word = pointer(c, buffer, c.select(divided(shifted(at, -residue), 4)));
    const keep = atom(c, `0x${((~(mask << (8 * residue)) >>> 0) >>> 0).toString(16)}u`);
    const moved = residue === 0 ? value : infix(c, "<<", value, atom(c, `${8 * residue}u`));
    return [
      { target: call(c, "atomicAnd", word, keep), value: undefined },
      { target: call(c, "atomicOr", word, moved), value: undefined },
    ];
  }
  const { word, shift } = dynamicPlace(c, at, bytes);
  const target = pointer(c, buffer, c.select(word));
  const keep = c.make("prefix", "~", [infix(c, "<<", atom(c, `${mask}u`), shift)]);
  return [
    { target: call(c, "atomicAnd", target, keep), value: undefined },
    { target: call(c, "atomicOr", target, infix(c, "<<", value, shift)), value: undefined },
  ];
}
