/**
 * Template `gpu-decode` (M = 1..8, and whatever M in kernels for ranges of it): each weight is read once, for all rows of x. A workgroup takes `tile` blocks of
 * `interleave` rows of w; its invocations are rows of a block (local.x) by `lanes` over k (local.y), each of which takes every `lanes`-th unit of k. For
 * groups of 32, 4-bit codes and i8 numerics:
 *
 *     for np workgroup.x: for mo workgroup.y:
 *       for kl local.y: for ni local.x:
 *         for uc: for nt, mi, kj: d[nt, mi] += dot4_i32_i8(x.q[..], i8(w.q[..]) - 8);  acc[nt, mi] += f32(d) * (x.s * w.s)
 *         part[kl, ni, nt, mi] = acc[nt, mi]
 *       for ni local.x: for nt, mi: y[..] = sum over kl of part                                  in levels of `radix` terms
 *
 * `split` divides k between workgroups too: partial results go to a workspace, and a kernel `merge` adds them.
 */
import type { BindStep } from "../primitives/bind.ts";
import type { AnyStep } from "../primitives/index.ts";
import type { Schedule } from "../schedule.ts";
import {
  bindLanes,
  type LaneSum,
  laneBytes,
  laneFault,
  layoutLanes,
  partial,
  partialScope,
  sumLanes,
} from "./gpu-lanes.ts";
import {
  addEpilogue,
  defaultSum,
  hoistSum,
  invocationsFit,
  isProcessor,
  layoutWeights,
  limitOf,
  quantizeActivations,
  quantizeResult,
  recodeOffset,
  recodePlanes,
  refusesMatmul,
  splitter,
  sumAxis,
  sumsOf,
  together,
  unitOf,
  unitSums,
  unitTiles,
} from "./gpu-matmul.ts";
import { fuseEpilogue, type Part, resultOf, type Shape, shapeOf } from "./matmul.ts";
import { type Constraint, numberAt, type Point, type Space, type Target, type Template } from "./template.ts";

/** Kernels for a symbolic M: from which M on, and how many rows of x each unrolls. */
const ranges = [
  { from: 0, name: "main.lt2", rows: 1 },
  { from: 2, name: "main.ge2", rows: 2 },
  { from: 3, name: "main.ge3", rows: 4 },
  { from: 5, name: "main.ge5", rows: 8 },
] as const;

const partsOf = (m: number | "any"): readonly Part[] => {
  if (m === 0) return [];
  if (m !== "any") return [{ kernel: "main", rows: m, suffix: "" }];
  return ranges.map(({ name, rows }) => ({ kernel: name, rows, suffix: name.slice("main".length) }));
};

const divideRows = ({ m }: Shape): Schedule =>
  m === "any"
    ? [{ op: "specialize", kernel: "main", symbol: "M", at: ranges.map(({ from }) => from).filter((from) => from > 0) }]
    : [];

/** A point's choices. */
interface Choices extends LaneSum {
  readonly tile: number;
  readonly split: number;
  readonly isSplit: boolean;
}

function choicesOf(point: Point): Choices {
  const at = (axis: string): number => numberAt(point, axis);
  const split = at("split");
  return {
    interleave: at("interleave"),
    lanes: at("lanes"),
    tile: at("tile"),
    radix: at("radix"),
    bySubgroups: point["reduce"] === "subgroup",
    split,
    isSplit: split > 1,
  };
}

/** How units of k are divided: `split` parts of `rounds` times `lanes` units. */
function unitsOf(shape: Shape, point: Point): { readonly units: number; readonly rounds: number } {
  const units = shape.k / unitOf(shape);
  return { units, rounds: Math.ceil(Math.ceil(units / numberAt(point, "lanes")) / numberAt(point, "split")) };
}

/** The loops and sums of one kernel, with its logical tensors. */
function deriveSums(target: Target, shape: Shape, point: Point, part: Part): Schedule {
  const { kernel, rows, suffix } = part;
  const choices = choicesOf(point);
  const { lanes, interleave, tile, isSplit } = choices;
  const split = splitter(kernel);
  const { ofX } = sumsOf(shape, suffix);
  const around = ["mo", ...(isSplit ? ["ks"] : []), ...(lanes > 1 ? ["kl"] : [])];
  const result = isSplit ? `y.split${suffix}` : resultOf(shape);
  const group = isSplit ? "ks" : "mo";
  const into = lanes > 1 ? partial : result;
  const scope = partialScope(choices);
  const uq = isSplit ? "uq" : "uc";
  return [
    split("m", rows, ["mo", "mi"], "clamp"),
    split("n", interleave * tile, ["np", "nr"], "predicate"),
    split("nr", interleave, ["nt", "ni"]),
    split("k", unitOf(shape), [lanes > 1 ? "ku" : uq, "ki"]),
    ...(lanes > 1 ? [split("ku", lanes, [uq, "kl"], "predicate")] : []),
    ...(isSplit ? [split("uq", unitsOf(shape, point).rounds, ["ks", "uc"], "predicate")] : []),
    split("ki", together, ["kj", "kq"]),
    { op: "reorder", kernel, loops: ["np", ...around, "ni", "uc", "nt", "mi", "kj", "kq"] },
    ...(isSplit
      ? [{ op: "accumulate-in", kernel, buffer: resultOf(shape), into: result, keep: ["ks"], scope: "global" } as const]
      : []),
    ...(lanes > 1
      ? [
          { op: "accumulate-in", kernel, buffer: result, at: group, into, keep: ["kl"], scope } as const,
          ...sumLanes(choices, kernel, result, group),
        ]
      : []),
    { op: "accumulate-in", kernel, buffer: into, at: "ni", into: "acc" },
    ...(isSplit ? mergeSplits(shape, part, result) : addEpilogue(target, shape, part)),
    ...unitSums(shape, part, "ni", point),
    ...ofX.flatMap((name) => hoistSum(part, name, [...around, "uc", "mi"])),
  ];
}

/** Partial results of workgroups are added by a kernel of their own, an invocation per result. */
function mergeSplits(shape: Shape, { kernel, suffix }: Part, partial: string): Schedule {
  const merge = `merge${suffix}`;
  const own = (loops: readonly string[]): string[] => loops.map((loop) => `${partial}/${loop}`);
  const result = `${partial}/result`;
  const spatial = ["mo", "mi", "np", "nt", "ni"];
  return [
    { op: "reorder", kernel, loops: own([...spatial, "ks"]) },
    { op: "accumulate-in", kernel, buffer: resultOf(shape), at: `${partial}/ni`, into: `${partial}.sum` },
    ...fuseEpilogue(shape, kernel),
    { op: "fission", kernel, buffer: "y", into: merge, stage: "merge" },
    { op: "fuse", kernel: merge, loops: own(spatial), into: result },
    { op: "unroll", kernel: merge, loops: own(["ks"]) },
    { op: "bind", kernel: merge, loop: result, to: "thread" },
    {
      op: "layout",
      buffer: partial,
      axes: ["np", "mo", "ks", "ni", "nt", "mi"].map((axis) => [axis]),
      order: ["ks", ...spatial],
    },
  ];
}

/** One kernel's innermost tiles as instructions, and its loops over invocations. */
function bindTiles(shape: Shape, point: Point, { kernel, rows }: Part): Schedule {
  const choices = choicesOf(point);
  const bind = (loop: string, to: BindStep["to"]): AnyStep => ({ op: "bind", kernel, loop, to });
  return [
    ...unitTiles(shape, kernel, ["nt", "mi"], point),
    bind("np", "workgroup.x"),
    bind("mo", "workgroup.y"),
    ...(choices.isSplit ? [bind("ks", "workgroup.z")] : []),
    bind("ni", "local.x"),
    ...(choices.lanes > 1 ? [bind("kl", "local.y"), ...bindLanes(choices, kernel, choices.tile * rows)] : []),
  ];
}

function scheduleOf(target: Target, point: Point): Schedule {
  const shape = shapeOf(target);
  const parts = partsOf(shape.m);
  return [
    ...quantizeResult(target, shape.n),
    ...recodeOffset(shape),
    ...divideRows(shape),
    ...parts.flatMap((part) => deriveSums(target, shape, point, part)),
    ...recodePlanes(shape),
    ...layoutWeights(shape, numberAt(point, "interleave")),
    ...(parts.length > 0 ? layoutLanes(choicesOf(point)) : []),
    ...parts.flatMap((part) => bindTiles(shape, point, part)),
    ...quantizeActivations(target, shape),
  ];
}

/** Every lane and part of k has a unit to begin with, and partial results a place. */
function conditions(target: Target): readonly Constraint[] {
  const shape = shapeOf(target);
  const rows = Math.max(1, ...partsOf(shape.m).map((part) => part.rows));
  return [
    {
      name: "lanes have units",
      violated: (p) => {
        const { units, rounds } = unitsOf(shape, p);
        const { lanes, split } = choicesOf(p);
        const last = (split - 1) * rounds * lanes + lanes;
        return last <= units
          ? undefined
          : `${split} parts of ${lanes} lanes need ${last} units of k, there are ${units}`;
      },
    },
    {
      name: "tile divides blocks",
      violated: (p) => {
        const { interleave, tile } = choicesOf(p);
        const blocks = Math.ceil(shape.n / interleave);
        return blocks % tile === 0 ? undefined : `${tile} is not a divisor of ${blocks}`;
      },
    },
    invocationsFit(target, (p) => choicesOf(p).interleave * choicesOf(p).lanes),
    {
      name: "tile fits",
      violated: (p) => {
        const sums = choicesOf(p).tile * rows;
        return sums <= 16 ? undefined : `${sums} accumulators are more than 16`;
      },
    },
    {
      name: "workgroup memory",
      violated: (p) => {
        const bytes = laneBytes(choicesOf(p)) * choicesOf(p).tile * rows;
        const most = limitOf(target, "workgroupMemory");
        return bytes <= most ? undefined : `${bytes} bytes are more than ${most}`;
      },
    },
    { name: "lanes are summed", violated: (p) => laneFault(choicesOf(p)) },
  ];
}

export const gpuDecode: Template = {
  name: "gpu-decode",
  packing: "gpu",
  refuses: (target) => {
    const { workload } = target;
    if (workload.op === "matmul" && workload.m !== "any" && workload.m > 8) return `M = ${workload.m} is more than 8`;
    return refusesMatmul(target, () => shapeOf(target));
  },
  space: (target): Space => ({
    axes: {
      interleave: [1, 4, 8, 16, 32, 64],
      lanes: [1, 2, 4, 8, 16, 32, 64],
      tile: [1, 2, 4],
      radix: [2, 4, 8, 64],
      reduce: target.device.features.includes("subgroups") ? ["tree", "subgroup"] : ["tree"],
      split: [1, 2, 4, 8],
      ...sumAxis(shapeOf(target)),
    },
    layout: ["interleave"],
    where: conditions(target),
  }),
  default: (target): Point => {
    const shape = shapeOf(target);
    const units = shape.k / unitOf(shape);
    // A processor runs the invocations of a workgroup in turn: what waits for others is slow.
    if (isProcessor(target))
      return { interleave: 16, lanes: 1, tile: 1, radix: 2, reduce: "tree", split: 1, ...defaultSum(target, shape) };
    const lanes = [32, 16, 8, 4, 2].find((l) => l <= units && (units % l === 0 || l === 8)) ?? 1;
    return {
      interleave: 8,
      lanes,
      tile: 1,
      radix: lanes === 1 ? 2 : Math.min(8, lanes),
      reduce: "tree",
      split: 1,
      ...defaultSum(target, shape),
    };
  },
  schedule: scheduleOf,
};
