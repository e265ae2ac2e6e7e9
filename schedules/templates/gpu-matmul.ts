/**
 * What the GPU templates of matmul share: the unit of k that an invocation takes at once, how codes are stored, sums of x, and constraints.
 *
 * Packed tensors are stored in blocks of `interleave` rows: `[block, piece of k, row in block, codes of the piece]`, a piece being 16 bytes where rows are long
 * enough, so that invocations of neighbouring rows read neighbouring pieces. Inside a 32-bit word the codes of 4 consecutive k lie in the 4 bytes, at the same
 * bits: a mask (and a shift) gives a vector of 4 bytes. One layout serves every numerics, decode and prefill.
 */
import { epilogueOf, type Format, fieldOf, operandsOf } from "../../ir/index.ts";
import type { AnyStep } from "../primitives/index.ts";
import type { LayoutStep } from "../primitives/layout.ts";
import type { SplitStep } from "../primitives/split.ts";
import type { Schedule } from "../schedule.ts";
import { gpuQuantizeSteps } from "./gpu-prologue.ts";
import { fuseEpilogue, type Part, planesOf, type Shape, type TermSum, termDigit, termSums } from "./matmul.ts";
import { namesOfY, quantizeApart, resultGroup, resultKernel } from "./quantize.ts";
import type { Constraint, Point, Space, Target } from "./template.ts";

/** Consecutive k whose codes fill the bytes of a word. */
export const together = 4;

/** How codes are stored. */
export interface Coding {
  /** Widths of the planes that a code is stored in, low bits first; none for weights that are floats. */
  readonly planes: readonly number[];
  /** Unsigned 8-bit codes are stored less this. */
  readonly offset: number;
}

export function codingOf({ codes }: Format): Coding {
  if (codes === undefined) return { planes: [], offset: 0 };
  return { planes: planesOf[codes.bits] ?? [codes.bits], offset: codes.bits === 8 && codes.low >= 0 ? 128 : 0 };
}

/** Values of k that an invocation takes at once: a scale's group, or the longest part of it up to 32. 0 where groups are not made of fours. */
export const unitOf = ({ group }: Shape): number => [32, 16, 8, 4].find((unit) => group % unit === 0) ?? 0;

/** Why no GPU template takes a matmul; undefined when they do. */
export function refusesMatmul({ workload, device }: Target, shape: () => Shape): string | undefined {
  if (workload.op !== "matmul") return `it is a ${workload.op}`;
  if (device.kind !== "wgsl") return `the device is ${device.kind}`;
  return unitOf(shape()) > 0 ? undefined : `groups of ${shape().group} are not a multiple of ${together}`;
}

/** Default limits of WebGPU, where a device does not say. */
const defaults = { workgroupMemory: 16384, invocations: 256, storageBuffers: 8 } as const;

export const limitOf = ({ device }: Target, name: keyof typeof defaults): number =>
  device.limits[name] ?? defaults[name];

/**
 * The epilogue is computed where sums are stored; where the kernel would use more buffers than a shader may have, in a kernel of its own.
 */
export function addEpilogue(target: Target, shape: Shape, { kernel, suffix }: Part): Schedule {
  const { workload, format } = shape;
  if (epilogueOf(workload).length === 0) return [];
  const { planes } = codingOf(format);
  const ofX = (workload.numerics.compute === "i8" ? 2 : 1) + sumsOf(shape, suffix).ofX.length;
  const ofW = format.fields.length + Math.max(0, planes.length - 1);
  const [y, operands] = [1, operandsOf(workload).length];
  if (ofX + ofW + y + operands <= limitOf(target, "storageBuffers")) return fuseEpilogue(shape, kernel);
  const into = `epilogue${suffix}`;
  return [
    { op: "fission", kernel, buffer: "y", into, stage: "merge" },
    { op: "fuse", kernel: into, loops: ["y/m", "y/n"], into: `y/result${suffix}` },
    { op: "bind", kernel: into, loop: `y/result${suffix}`, to: "thread" },
  ];
}

/** The prologue of i8 numerics, where x is f32. */
export const quantizeActivations = (target: Target, { workload: { numerics }, xGroup, m }: Shape): Schedule =>
  numerics.compute === "i8" && numerics.x === undefined
    ? gpuQuantizeSteps("quantize", xGroup, m, limitOf(target, "invocations"))
    : [];

/** A result of n columns quantized by a kernel of its own; nothing where it stays f32. */
export function quantizeResult(target: Target, n: number): Schedule {
  const { workload } = target;
  const group = resultGroup(workload, n);
  if (group === undefined || !("m" in workload) || workload.m === 0) return [];
  const steps = gpuQuantizeSteps(resultKernel, group, workload.m, limitOf(target, "invocations"), namesOfY);
  return [quantizeApart, ...steps];
}

/** Split steps of one kernel. */
export const splitter =
  (kernel: string) =>
  (loop: string, factor: number, into: readonly [string, string], tail?: SplitStep["tail"]): SplitStep => ({
    op: "split",
    kernel,
    loop,
    factor,
    into,
    ...(tail && { tail }),
  });

/** Whether products are summed as integers, floats whose scales leave the sum, or whole decoded floats. */
export type Products = "integer" | "factored" | "whole";

export const productsOf = ({ workload, format }: Shape): Products =>
  workload.numerics.compute === "i8"
    ? "integer"
    : workload.numerics.compute === "f16" || format.codes === undefined
      ? "whole"
      : "factored";

/**
 * What a unit is summed in, where the numerics leave a choice. f32 holds the integer sums of a unit exactly (at most 32 * 127 * 255 < 2^24), which is better where a
 * device has no instruction for products of bytes.
 */
export const sumAxis = ({ workload }: Shape): Space["axes"] => {
  const sums = { i8: ["i32", "f32"], f16: ["f32", "f16"], f32: [] }[workload.numerics.compute];
  return sums.length > 0 ? { sum: sums } : {};
};

export function defaultSum({ device }: Target, { workload }: Shape): Point {
  const { compute } = workload.numerics;
  if (compute === "i8") return { sum: "i32" };
  return compute === "f16" ? { sum: device.features.includes("f16") ? "f16" : "f32" } : {};
}

/** Whether integer products are summed by `dot4_i32_i8`. */
const isByDot4 = (shape: Shape, point: Point): boolean => productsOf(shape) === "integer" && point["sum"] !== "f32";

/** Whether the GPU is the processor in its place (SwiftShader, llvmpipe). */
export const isProcessor = ({ device }: Target): boolean => device.limits["processor"] === 1;

/** Bits of an element of the widest part of a stored weight. */
const bitsOf: Readonly<Record<string, number>> = { u8: 8, f16: 16, bf16: 16, f32: 32 };

/** Unsigned 8-bit codes are stored as signed ones. */
export function recodeOffset({ format }: Shape): Schedule {
  const { offset } = codingOf(format);
  return offset > 0 ? [{ op: "recode", encoding: "offset", buffer: "w.q", by: offset }] : [];
}

/** Codes of odd widths are stored in planes. */
export function recodePlanes({ format }: Shape): Schedule {
  const { planes } = codingOf(format);
  return planes.length > 1 ? [{ op: "recode", encoding: "planes", buffer: "w.q", widths: planes }] : [];
}

/** What a unit's sum is taken apart into: its name, sums of x alone by name, and how far products are distributed. */
export function sumsOf(
  { format, workload }: Shape,
  suffix: string,
): {
  readonly ofX: readonly string[];
  readonly distribute: "all" | "float";
} {
  const offset = fieldOf(format, "o") && workload.numerics.compute !== "f16" ? [`x.sum${suffix}`] : [];
  if (workload.numerics.compute !== "i8") return { ofX: offset, distribute: "float" };
  // A constant zero point is subtracted from the codes where the difference fits 8 bits, so that no sum of x is needed.
  const stored = fieldOf(format, "z") !== undefined;
  const constant = format.codes?.bits === 8 && format.codes.zero !== codingOf(format).offset;
  const alone = stored || offset.length > 0;
  return {
    ofX: [...(constant ? [`x.zero${suffix}`] : []), ...(alone ? [`x.sum${suffix}`] : [])],
    distribute: stored || constant ? "all" : "float",
  };
}

/**
 * The sums of one unit, out of the accumulator `acc` of a nest in loop `at` that goes over units (uc) outside: scales and zero points leave the sum; what is
 * not done by `dot4` is summed in 4 lanes of neighbouring k.
 */
export function unitSums(shape: Shape, { kernel, suffix }: Part, at: string, point: Point): Schedule {
  const { ofX, distribute } = sumsOf(shape, suffix);
  const terms = termSums(shape);
  const into = [...terms.map(({ sum }) => sum), ...ofX];
  const factored: AnyStep = { op: "factor", kernel, buffer: "acc", at: "uc", into, distribute };
  switch (productsOf(shape)) {
    case "integer":
      if (isByDot4(shape, point)) return [factored];
      return [
        factored,
        ...terms.flatMap((term): Schedule => {
          const { float, lanes } = namesOf(term);
          return [
            { op: "accumulate-in", kernel, buffer: term.sum, at: "uc", into: float, scalar: "f32" },
            { op: "accumulate-in", kernel, buffer: float, at: "uc", into: lanes, keep: [term.own("kq")] },
          ];
        }),
      ];
    case "factored":
      return [
        factored,
        ...terms.map((term): AnyStep => {
          const { sum, own } = term;
          return { op: "accumulate-in", kernel, buffer: sum, at: "uc", into: namesOf(term).lanes, keep: [own("kq")] };
        }),
      ];
    case "whole": {
      const lanes = { op: "accumulate-in", kernel, buffer: "acc", into: "lanes", keep: ["kq"] } as const;
      return [point["sum"] === "f16" ? { ...lanes, at: "uc", scalar: "f16" } : { ...lanes, at }];
    }
  }
}

/** What a term's integer sum is in f32, and its sums of neighbouring k. */
const namesOf = ({ plane }: TermSum): { readonly float: string; readonly lanes: string } => ({
  float: plane === "" ? "d32" : `d${plane}.32`,
  lanes: `lanes${plane}`,
});

/** Sums of x over units, which no row of w has a part in, are a kernel of their own: an invocation per unit. `outer` names the loops around units, and over rows of x. */
export function hoistSum({ kernel }: Part, name: string, outer: readonly string[]): Schedule {
  const own = (loops: readonly string[]): string[] => loops.map((l) => `${name}/${l}`);
  const lanes = `${name}.lanes`;
  const unit = `${name}/unit`;
  return [
    { op: "hoist", kernel, buffer: name },
    { op: "fission", kernel, buffer: name, into: name, stage: "prologue" },
    { op: "reorder", kernel: name, loops: own([...outer, "kj", "kq"]) },
    { op: "fuse", kernel: name, loops: own(outer), into: unit },
    { op: "accumulate-in", kernel: name, buffer: name, at: unit, into: lanes, keep: own(["kq"]) },
    { op: "vectorize", kernel: name, loops: own(["kq"]) },
    { op: "unroll", kernel: name, loops: [...own(["kj"]), `${lanes}/${name}/kq`] },
    { op: "bind", kernel: name, loop: unit, to: "thread" },
  ];
}

/** The loops of a unit's sums, and of the tile `tile` around them, as instructions: all of the unit's, or one word of it at a time. */
export function unitTiles(
  shape: Shape,
  kernel: string,
  tile: readonly string[],
  point: Point,
  isWhole = true,
): Schedule {
  const products = productsOf(shape);
  const byDot4 = isByDot4(shape, point);
  const whole: TermSum = { sum: "acc", plane: "", own: (loop) => loop };
  const nests = products === "whole" ? [whole] : termSums(shape);
  const into = (buffer: string, loops: readonly string[] = tile): string[] => loops.map((loop) => `${buffer}/${loop}`);
  return [
    ...nests.map(
      ({ own }): AnyStep =>
        byDot4
          ? { op: "tensorize", kernel, loops: [own("kq")], with: "dot4_i32_i8" }
          : { op: "vectorize", kernel, loops: [own("kq")] },
    ),
    {
      op: "unroll",
      kernel,
      loops: [
        ...nests.flatMap(({ own }) => [...tile, ...(isWhole ? ["kj"] : [])].map(own)),
        ...into("acc"),
        ...(products === "whole" ? [] : into("d")),
        ...nests.flatMap((term): readonly string[] => {
          const { float, lanes } = namesOf(term);
          const own = tile.map(term.own);
          return [
            ...(products === "integer" && !byDot4 ? into(float, own) : []),
            ...(byDot4 ? [] : into(lanes, [...own, term.own("kq")])),
          ];
        }),
      ],
    },
  ];
}

/** Codes, scales, zero points and offsets in the order in which workgroups read them. */
export function layoutWeights(shape: Shape, interleave: number): Schedule {
  const { format, k } = shape;
  const { digit, t } = termDigit(shape);
  const { planes } = codingOf(format);
  const rows = ["no", ["nl", interleave]] as const;
  const codes = planes.map((width, i): LayoutStep => {
    const shared = 8 / width;
    const words = longest(k, together * shared, 16 / together);
    return {
      op: "layout",
      buffer: planes.length > 1 ? `w.q.${i}` : "w.q",
      axes: [rows, ["kp", ["kw", words], ["h", shared], ["kq", together], ...digit]],
      order: ["no", "kp", ...t, "nl", "kw", "kq", "h"],
    };
  });
  const value = fieldOf(format, "v");
  const floats: LayoutStep[] = value
    ? [
        {
          op: "layout",
          buffer: "w.v",
          axes: [rows, ["kp", ["kq", longest(k, 1, 128 / (bitsOf[value.scalar] ?? 32))]]],
          order: ["no", "kp", "nl", "kq"],
        },
      ]
    : [];
  const groups = format.fields
    .filter(({ span }) => span !== 1)
    .map(({ name }): LayoutStep => {
      const of = termDigit(shape, name);
      return {
        op: "layout",
        buffer: `w.${name}`,
        axes: [rows, ["kg", ...of.digit]],
        order: ["no", "kg", ...of.t, "nl"],
      };
    });
  return [...codes, ...floats, ...groups];
}

/** The greatest power of two up to `most` by which runs of `unit` values divide k. */
function longest(k: number, unit: number, most: number): number {
  for (let count = most; count > 1; count /= 2) if (k % (count * unit) === 0) return count;
  return 1;
}

/** A point's invocations, as a condition. */
export const invocationsFit = (
  target: Target,
  count: (p: Parameters<Constraint["violated"]>[0]) => number,
): Constraint => ({
  name: "invocations fit",
  violated: (p) => {
    const most = limitOf(target, "invocations");
    return count(p) <= most ? undefined : `${count(p)} invocations are more than ${most}`;
  },
});
