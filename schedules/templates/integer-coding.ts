/** How `integer-dot` holds codes and scales, and multiplies them, on a device. */
import { planesOf, type Shape } from "./matmul.ts";
import type { Point, Target } from "./template.ts";
import { staysInLevels } from "./two-level-scales.ts";

/** How codes are held and multiplied on this device. */
export interface Coding {
  readonly relaxed: boolean;
  /** Widths of the planes that a code is stored in, low bits first. */
  readonly planes: readonly number[];
  /** Whether these are buffers of their own. */
  readonly isSplit: boolean;
  /** Codes, or what they stand for, are signed: the sign of x is folded into them. */
  readonly fold: boolean;
  /** Unsigned 8-bit codes are stored less this. */
  readonly offset: number;
  /** Consecutive k of one row in a vector: 4 (two pairs of i8) or 2 (a pair of i16). */
  readonly together: number;
  /** Bits of the container in which such pieces share bytes. */
  readonly container: number;
  /** Values of k that may be summed before the sum is widened, whole quads; and the loop that it is widened in, which may be inside a quad. */
  readonly flush: number;
  readonly widenAt: "kf" | "h";
  /** Scales stay integers per sub-block (two-level-scales.ts). */
  readonly levels: boolean;
}

/** Codes whose width does not divide 8 are stored in dense planes, or each in the next width that does. */
export type Stored = "planes" | "whole";

/** What is possible, the best guess first: a nibble is far simpler to read than two planes, a byte costs more memory than planes cost instructions. */
export function storedChoices({ format, group }: Shape): readonly Stored[] {
  const bits = format.codes?.bits ?? 8;
  const planes = planesOf[bits];
  if (planes === undefined) return [];
  // Planes must share whole bytes inside a group.
  if (group % ((4 * 8) / Math.min(...planes)) !== 0) return ["whole"];
  return bits < 4 ? ["whole", "planes"] : ["planes", "whole"];
}

/** The best guess; `whole` where there is no choice, because the width divides 8. */
export const defaultStored = (shape: Shape): Stored => storedChoices(shape)[0] ?? "whole";

/** Scales of two levels multiplied out when they are packed, or kept as integers and what these share. */
export type Scales = "levels" | "whole";

/** What is possible, the best guess first: integers are fewer bytes, and fewer instructions. */
export const scalesChoices = (shape: Shape, { device }: Target): readonly Scales[] =>
  device.features.includes("relaxed-simd") && staysInLevels(shape) ? ["levels", "whole"] : [];

/** The choices of a default point about packing, where there are any. */
export function packingAxes(shape: Shape, target: Target): Point {
  const [scales] = scalesChoices(shape, target);
  return { ...(storedChoices(shape).length > 0 && { stored: defaultStored(shape) }), ...(scales && { scales }) };
}

export function codingOf(shape: Shape, { device }: Target, stored: Stored, scales: Scales = "whole"): Coding {
  const { format, group } = shape;
  const { codes } = format;
  if (codes === undefined) throw new Error(`${format.name} has no codes`);
  const relaxed = device.features.includes("relaxed-simd");
  const wide = codes.bits === 8;
  const fold = wide || codes.low < 0;
  const dense = planesOf[codes.bits];
  const isSplit = dense !== undefined;
  const planes = !isSplit ? [codes.bits] : stored === "planes" ? dense : [codes.bits < 4 ? 4 : 8];
  const offset = wide && codes.low >= 0 ? 128 : 0;
  if (!relaxed) {
    // A table is looked up by bytes.
    const container = wide || codes.table !== undefined ? 8 : 16;
    const pairs = { together: 2, container, flush: group, widenAt: "kf", levels: false } as const;
    return { relaxed, planes, isSplit, fold: false, offset, ...pairs };
  }
  const coding = { relaxed, planes, isSplit, fold, offset, together: 4, container: 8 };
  const quad = quadOf(coding);
  // Each i16 lane receives one pair sum per 4 values of k.
  const pairSum = 2 * 127 * (fold ? 128 : codes.high);
  const most = 4 * Math.floor(32767 / pairSum);
  return {
    ...coding,
    flush: longestFlush(group, quad, most),
    widenAt: most < quad ? "h" : "kf",
    levels: scales === "levels",
  };
}

/** The longest part of a group that is a whole number of quads and at most `most` long; a quad where not even one is. */
function longestFlush(group: number, quad: number, most: number): number {
  for (let flush = Math.floor(most / quad) * quad; flush > quad; flush -= quad) if (group % flush === 0) return flush;
  return quad;
}

type Container = Pick<Coding, "planes" | "container" | "together">;

/** Pieces of k that share a container of the widest plane. */
export const piecesOf = ({ container, planes }: Container): number => container / Math.max(...planes);

/** Values of k whose codes share the lanes of one vector of containers. */
export const quadOf = (coding: Container): number => coding.together * piecesOf(coding);
