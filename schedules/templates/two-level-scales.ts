/**
 * Integer dot products of formats whose scales have two levels, an integer per sub-block and a float per block (q2_K, q3_K): integers stay integers. A sum over two
 * sub-blocks goes through the pairs of i16 that dot products leave, a lane of each pair for a sub-block, and meets their scales in the instruction that adds the pair:
 *
 *     acc[n] += f32(i32(q[n,k]) - 4) * (s.0[n] * f32(s.1[n,k/16])) * (x.s * f32(x.q[k]))                over 32 k
 *     -> recode(levels), factor:     d[n] += (i32(q[n,kp,j]) - 4) * i32(s.1[n,kp]) * i32(x.q[kp,j])     over kp < 2, j < 16
 *     -> factor(keep: kp, i16):      d16[n,kp] += i16(q[n,kp,j]) * i16(x.q[kp,j])                       over j;  x.zero[kp] likewise
 *                                    d[n] += i32(d16[n,kp] - x.zero[kp]) * i32(s.1[n,kp])               over kp: dot2_i32_i16
 *                                    acc[n] += f32(d[n]) * (s.0[n] * x.s)
 *
 * For that the codes and x are laid out with two values of a sub-block beside two of the next.
 */
import { type Field, type Format, fieldOf, levelOf } from "../../ir/index.ts";
import type { AnyStep } from "../primitives/index.ts";
import type { LayoutStep } from "../primitives/layout.ts";
import type { SplitStep } from "../primitives/split.ts";
import type { Schedule } from "../schedule.ts";
import { type Part, rowsPerVector, type Shape } from "./matmul.ts";
import { sumSteps } from "./prologue.ts";

/** Sub-blocks that share a vector, and a scale of x. */
const paired = 2;

const groupFields = ({ format }: Shape): readonly Field[] => format.fields.filter(({ span }) => span !== 1);

/** Whether scales can stay integers: each field of a group has two levels, and what is summed of a sub-block, less its zero point, fits i16. */
export function staysInLevels(shape: Shape): boolean {
  const { format, group, xGroup, workload } = shape;
  const { codes } = format;
  // Quantized x that is given lies as it is given.
  const isOwn = workload.numerics.compute === "i8" && workload.numerics.x === undefined;
  if (codes === undefined || !isOwn || xGroup !== paired * group) return false;
  const most = 127 * group * (codes.high + Math.abs(codes.zero));
  return codes.low >= 0 && most <= 32767 && groupFields(shape).every((f) => levelOf(format, f) !== undefined);
}

/** Scales and offsets in two buffers each. */
export const recodeLevels = (shape: Shape): Schedule =>
  groupFields(shape).map((field): AnyStep => {
    const per = levelOf(shape.format, field);
    if (per === undefined) throw new Error(`${shape.format.name} has no levels in ${field.name}`);
    return { op: "recode", encoding: "levels", buffer: `w.${field.name}`, per };
  });

/** The loop over k as groups of x, pieces of `pieces` pairs per sub-block, the sub-blocks, and pairs. */
export const splitLevels = (
  { group, xGroup }: Shape,
  pieces: number,
  split: (loop: string, factor: number, into: readonly [string, string]) => SplitStep,
): Schedule => [
  split("k", xGroup, ["kg", "ki"]),
  split("ki", group, ["kp", "kc"]),
  split("kc", 2 * pieces, ["kj", "kx"]),
  split("kx", 2, ["h", "kr"]),
];

const hasOffset = (format: Format): boolean => fieldOf(format, "o") !== undefined;

/** Loops of the sum of products, by what they stem from: offsets come first in the order of expressions. */
const productLoop =
  (format: Format) =>
  (loop: string): string =>
    hasOffset(format) ? `d/${loop}` : loop;

/** The sums over a group: d of products, o of x alone where there are offsets. */
export function sumLevels({ format }: Shape, { kernel, suffix }: Part): Schedule {
  const isOffset = hasOffset(format);
  const own = productLoop(format);
  const zeros = format.codes?.zero === 0 ? [] : [`x.zero${suffix}`];
  const narrow = { op: "factor", kernel, at: "kg", scalar: "i16" } as const;
  return [
    { op: "factor", kernel, buffer: "acc", at: "kg", into: isOffset ? ["o", "d"] : ["d"], distribute: "float" },
    { ...narrow, buffer: "d", into: ["d16", ...zeros], keep: [own("kp")] },
    ...zeros.flatMap((name) => sumOfX(kernel, name)),
    ...(isOffset ? [{ ...narrow, buffer: "o", into: [`x.sum${suffix}`], keep: ["kp"] } as const] : []),
  ];
}

const sumOfX = (kernel: string, buffer: string): Schedule => [
  { op: "hoist", kernel, buffer },
  { op: "fission", kernel, buffer, into: buffer, stage: "prologue" },
  ...sumSteps(buffer, ["kj"], ["h", "kp", "kr"], ["h", "kr"]),
];

/** Codes, x and both levels of scales in the order in which the inner loops read them. */
export function layoutLevels(
  shape: Shape,
  codes: readonly { readonly buffer: string; readonly pieces: number }[],
  vectors: number,
): Schedule {
  const rows = ["no", ["nt", vectors], ["nl", rowsPerVector]] as const;
  const columns = (pieces: number) => {
    const pairs = shape.group / (2 * pieces);
    return ["kg", ["kp", paired], ["kj", pairs], ["h", pieces], ["kr", 2]] as const;
  };
  return [
    ...codes.map(
      ({ buffer, pieces }): LayoutStep => ({
        op: "layout",
        buffer,
        axes: [rows, columns(pieces)],
        order: ["no", "kg", "kj", "nt", "nl", "kp", "kr", "h"],
      }),
    ),
    { op: "layout", buffer: "x.q", axes: [["m"], columns(1)], order: ["m", "kg", "kj", "h", "kp", "kr"] },
    ...groupFields(shape).flatMap(({ name }): LayoutStep[] => [
      { op: "layout", buffer: `w.${name}.0`, axes: [rows, ["kg"]], order: ["no", "kg", "nt", "nl"] },
      {
        op: "layout",
        buffer: `w.${name}.1`,
        axes: [rows, ["kg", ["kp", paired]]],
        order: ["no", "kg", "nt", "nl", "kp"],
      },
    ]),
  ];
}

/** The sum that the loops of a group's flush are named after: the first. */
export const flushedSum = ({ format }: Shape): string => (hasOffset(format) ? "o" : "d");

/** Sums over a group as instructions. */
export function vectorizeLevels({ format }: Shape, { kernel, suffix }: Part): Schedule {
  const own = productLoop(format);
  const flushed = (loops: readonly string[]): string[] => loops.map((loop) => `d16/${own(loop)}`);
  const steps: Schedule = [
    { op: "tensorize", kernel, loops: ["nl", "kp", "kr"].map(own), with: "dot2_i16_i8_i7" },
    { op: "tensorize", kernel, loops: flushed(["nl", "kp"]), with: "dot2_i32_i16" },
    { op: "unroll", kernel, loops: [...["kj", "nt", "mi", "h"].map(own), ...flushed(["nt", "mi"])] },
  ];
  if (!hasOffset(format)) return steps;
  const sum = `x.sum${suffix}`;
  return [
    ...steps,
    { op: "tensorize", kernel, loops: [`${sum}/nl`, `${sum}/kp`], with: "dot2_i32_i16" },
    // Under a name of their own: those of the kernel that sums x are named after it too.
    { op: "fuse", kernel, loops: [`${sum}/nt`, `${sum}/mi`], into: "o/t" },
    { op: "unroll", kernel, loops: ["o/t"] },
    ...sumOfX(kernel, sum),
  ];
}
