/**
 * Lane pattern to instructions: which loads and shuffles put the bytes that a vector wants into its registers, and which stores put them
 * back. A plan never touches a byte outside the span of the pattern: the last element may be the last of the memory.
 *
 *     16 bytes in a row                        v128.load
 *     period of 1, 2, 4 or 8 bytes             v128.loadN_splat
 *     the first 4 or 8 bytes of a register     v128.loadN_zero
 *     otherwise the cheaper of                 loads of the span, then shuffles
 *                                              a load of the largest piece, then v128.loadN_lane for the others
 */
import type { NameWithImmediates } from "../asm/index.ts";
import { laneOffsets } from "./address.ts";

type LoadName = NameWithImmediates<"memarg">;
type LaneName = NameWithImmediates<"memarg lane">;
type Size = 1 | 2 | 4 | 8;

/** Lanes of a vector: where the last axis is fastest, `strides` bytes apart. */
export interface Lanes {
  readonly sizes: readonly number[];
  readonly strides: readonly number[];
}

/** Bytes from memory into a register: a load, then loads into single lanes of the same register. */
export interface Source {
  readonly load: LoadName;
  readonly offset: number;
  readonly rest: readonly { readonly load: LaneName; readonly lane: number; readonly offset: number }[];
}

/** A register: source `first`, then for each step `shuffle(value, sources[source], lanes)`. */
export interface RegisterPlan {
  readonly first: number;
  readonly steps: readonly { readonly source: number; readonly lanes: readonly number[] }[];
}

/** Offsets are relative to the pattern's lowest byte, `low` bytes from the index's constant. Registers may share sources. */
export interface LoadPlan {
  readonly low: number;
  readonly sources: readonly Source[];
  readonly registers: readonly RegisterPlan[];
  /** Whether the lanes lie one after the other. */
  readonly contiguous: boolean;
}

/** Pieces of registers and where they go. `lane` is undefined for a whole register. */
export interface StorePlan {
  readonly low: number;
  readonly pieces: readonly {
    readonly register: number;
    readonly size: Size | 16;
    readonly lane: number;
    readonly offset: number;
  }[];
}

const sizes: readonly Size[] = [8, 4, 2, 1];
const splats: Readonly<Record<Size, LoadName>> = {
  1: "v128.load8_splat",
  2: "v128.load16_splat",
  4: "v128.load32_splat",
  8: "v128.load64_splat",
};
const firsts: Readonly<Record<Size, LoadName>> = { ...splats, 4: "v128.load32_zero", 8: "v128.load64_zero" };
const laneLoads: Readonly<Record<Size, LaneName>> = {
  1: "v128.load8_lane",
  2: "v128.load16_lane",
  4: "v128.load32_lane",
  8: "v128.load64_lane",
};

const inRow = (bytes: readonly number[], from: number, count: number): boolean => {
  for (let i = 1; i < count; i++) if (bytes[from + i] !== (bytes[from] as number) + i) return false;
  return true;
};

/** The largest aligned pieces of a register whose bytes are in a row in memory. */
function piecesOf(bytes: readonly number[]): readonly { readonly at: number; readonly size: Size }[] {
  const pieces: { at: number; size: Size }[] = [];
  for (let at = 0; at < bytes.length; ) {
    const size = sizes.find((s) => at % s === 0 && at + s <= bytes.length && inRow(bytes, at, s)) as Size;
    pieces.push({ at, size });
    at += size;
  }
  return pieces;
}

/** One load that fills the register, or undefined. */
function single(bytes: readonly number[]): Source | undefined {
  const offset = bytes[0] as number;
  if (bytes.length === 16 && inRow(bytes, 0, 16)) return { load: "v128.load", offset, rest: [] };
  for (const size of [1, 2, 4, 8] as const) {
    if (size > bytes.length || !inRow(bytes, 0, size)) continue;
    if (bytes.some((byte, i) => byte !== bytes[i % size])) continue;
    return { load: (size === bytes.length ? firsts : splats)[size], offset, rest: [] };
  }
  return undefined;
}

function byPieces(bytes: readonly number[]): Source {
  const [head, ...rest] = piecesOf(bytes) as [{ at: number; size: Size }];
  return {
    load: firsts[head.size],
    offset: bytes[head.at] as number,
    rest: rest.map(({ at, size }) => ({ load: laneLoads[size], lane: at / size, offset: bytes[at] as number })),
  };
}

/** Sources that together hold every byte from 0 to `span - 1` that is wanted, and for each byte its source and place. */
function cover(wanted: readonly number[], span: number): { sources: Source[]; place: Map<number, [number, number]> } {
  const place = new Map<number, [number, number]>();
  const sources: Source[] = [];
  if (span < 16) {
    // The largest piece from the front, the same size from the back: they overlap where they must.
    const size = sizes.find((s) => s <= span) as Size;
    const back = span - size;
    sources.push({
      load: firsts[size],
      offset: 0,
      rest: back > 0 ? [{ load: laneLoads[size], lane: 1, offset: back }] : [],
    });
    for (const byte of wanted) place.set(byte, [0, byte < size ? byte : byte - back + size]);
    return { sources, place };
  }
  for (const byte of wanted) {
    const last = sources.at(-1);
    if (last === undefined || byte >= last.offset + 16)
      sources.push({ load: "v128.load", offset: Math.min(byte, span - 16), rest: [] });
    place.set(byte, [sources.length - 1, byte - (sources.at(-1) as Source).offset]);
  }
  return { sources, place };
}

/** A register from the sources of its bytes: each step brings in one more source. */
function shuffled(bytes: readonly number[], place: ReadonlyMap<number, readonly [number, number]>): RegisterPlan {
  const places = bytes.map((byte) => place.get(byte) as readonly [number, number]);
  const order = [...new Set(places.map(([source]) => source))];
  const first = order[0] as number;
  const wide = (lane: (i: number) => number): number[] =>
    Array.from({ length: 16 }, (_, i) => (i < bytes.length ? lane(i) : 0));
  const others = order.length === 1 ? order : order.slice(1);
  const done = new Set<number>();
  const steps = others.map((source, step) => {
    const lanes = wide((i) => {
      const [from, byte] = places[i] as readonly [number, number];
      if (from === source) return order.length === 1 ? byte : 16 + byte;
      return step === 0 ? byte : done.has(from) || from === first ? i : 0;
    });
    done.add(source);
    return { source, lanes };
  });
  return { first, steps };
}

// Rough costs in machine instructions: lane loads are a load and an insert, a shuffle of two registers is two shuffles and an or.
const sourceCost = (s: Source): number => 1 + 2 * s.rest.length;
const registerCost = (r: RegisterPlan): number =>
  r.steps.reduce((sum, step) => sum + (step.source === r.first ? 1.5 : 3), 0);

function byShuffles(registers: readonly (readonly number[])[], span: number): Omit<LoadPlan, "low" | "contiguous"> {
  const wanted = [...new Set(registers.flat())].sort((x, y) => x - y);
  const { sources, place } = cover(wanted, span);
  return { sources, registers: registers.map((bytes) => shuffled(bytes, place)) };
}

/** Byte offsets of a vector's registers, relative to the lowest. */
function registerBytes(
  lanes: Lanes,
  elementBytes: number,
): { low: number; span: number; registers: readonly (readonly number[])[] } {
  const offsets = laneOffsets(lanes.sizes, lanes.strides);
  const low = offsets.reduce((a, x) => Math.min(a, x));
  const span = offsets.reduce((a, x) => Math.max(a, x)) - low + elementBytes;
  const bytes = offsets.flatMap((at) => Array.from({ length: elementBytes }, (_, i) => at - low + i));
  const registers: number[][] = [];
  for (let at = 0; at < bytes.length; at += 16) registers.push(bytes.slice(at, at + 16));
  return { low, span, registers };
}

/** Remembers plans for the stride lists of interned lane patterns, which imply the lane shape, by element width. */
function remembered<P>(make: (lanes: Lanes, elementBytes: number) => P): (lanes: Lanes, elementBytes: number) => P {
  const plans = new WeakMap<readonly number[], Map<number, P>>();
  return (lanes, elementBytes) => {
    const byWidth = plans.get(lanes.strides) ?? new Map<number, P>();
    plans.set(lanes.strides, byWidth);
    let plan = byWidth.get(elementBytes);
    if (plan === undefined) {
      plan = make(lanes, elementBytes);
      byWidth.set(elementBytes, plan);
    }
    return plan;
  };
}

/** How to load a vector of `elementBytes` wide elements; `strides` are in bytes. */
export const planLoad: (lanes: Lanes, elementBytes: number) => LoadPlan = remembered((lanes, elementBytes) => {
  const { low, span, registers } = registerBytes(lanes, elementBytes);
  return choosePlan(low, span, registers);
});

function choosePlan(low: number, span: number, registers: readonly (readonly number[])[]): LoadPlan {
  const sources: Source[] = [];
  const numbers = new Map<string, number>();
  const plans = registers.map((bytes) => {
    const key = bytes.join();
    let first = numbers.get(key);
    if (first === undefined) {
      first = sources.push(single(bytes) ?? byPieces(bytes)) - 1;
      numbers.set(key, first);
    }
    return { first, steps: [] };
  });
  const direct = { low, sources, registers: plans, contiguous: inRow(registers.flat(), 0, registers.flat().length) };
  const byLanes = sources.reduce((sum, s) => sum + sourceCost(s), 0);
  if (byLanes === sources.length) return direct;
  const other = byShuffles(registers, span);
  const cost =
    other.sources.reduce((sum, s) => sum + sourceCost(s), 0) +
    other.registers.reduce((sum, r) => sum + registerCost(r), 0);
  return cost < byLanes ? { ...other, low, contiguous: false } : direct;
}

/** How to store a vector; no two lanes lie at one address. */
export const planStore: (lanes: Lanes, elementBytes: number) => StorePlan = remembered((lanes, elementBytes) => {
  const { low, registers } = registerBytes(lanes, elementBytes);
  const pieces = registers.flatMap((bytes, register): StorePlan["pieces"] =>
    bytes.length === 16 && inRow(bytes, 0, 16)
      ? [{ register, size: 16, lane: 0, offset: bytes[0] as number }]
      : piecesOf(bytes).map(({ at, size }) => ({ register, size, lane: at / size, offset: bytes[at] as number })),
  );
  return { low, pieces };
});
