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
  hoistSum,
  invocationsFit,
  layoutWeights,
  limitOf,
  recodeOffset,
  recodePlanes,
  refusesMatmul,
  splitter,
  sumsOf,
  together,
  unitOf,
  unitSums,
  unitTiles,
} from "./gpu-matmul.ts";
import { fuseBias, type Part, resultOf, type Shape, shapeOf } from "./matmul.ts";
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
function choicesOf(point: Point): {
  readonly [axis in "interleave" | "lanes" | "tile" | "radix" | "split"]: number;
} & { readonly isSplit: boolean } {
  const at = (axis: string): number => numberAt(point, axis);
  const split = at("split");
  return {
    interleave: at("interleave"),
    lanes: at("lanes"),
    tile: at("tile"),
    radix: at("radix"),
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
function deriveSums(shape: Shape, point: Point, part: Part): Schedule {
  const { kernel, rows, suffix } = part;
  const { lanes, interleave, tile, isSplit } = choicesOf(point);
  const split = splitter(kernel);
  const { ofX } = sumsOf(shape, suffix);
  const around = ["mo", ...(isSplit ? ["ks"] : []), ...(lanes > 1 ? ["kl"] : [])];
  const result = isSplit ? `y.split${suffix}` : resultOf(shape);
  const group = isSplit ? "ks" : "mo";
  const into = lanes > 1 ? "part" : result;
  const uq = isSplit ? "uq" : "uc";
  return [
    split("m", rows, ["mo", "mi"], "predicate"),
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
          { op: "accumulate-in", kernel, buffer: result, at: group, into, keep: ["kl"], scope: "workgroup" } as const,
          ...levelsOf(point).steps(kernel, result, group),
        ]
      : []),
    { op: "accumulate-in", kernel, buffer: into, at: "ni", into: "acc" },
    ...(isSplit ? mergeSplits(shape, part, result) : fuseBias(shape, kernel)),
    ...unitSums(shape, part, "ni"),
    ...ofX.flatMap((name) => hoistSum(part, name, [...around, "uc", "mi"])),
  ];
}

/** The nests that sum over lanes, each from workgroup memory: its loops, in the names that they have when it is made. */
interface Level {
  /** Rows of a block, blocks, rows of x. */
  readonly own: readonly [string, string, string];
  /** The lanes that are left, which invocations share; none in the last level. */
  readonly left: string | undefined;
}

/** The sum over lanes as a tree in workgroup memory, each level with up to `radix` terms. */
function levelsOf(point: Point): {
  readonly levels: readonly Level[];
  readonly steps: (kernel: string, result: string, at: string) => Schedule;
} {
  const { lanes, radix } = choicesOf(point);
  const levels: Level[] = [];
  const makers: ((kernel: string, result: string, at: string) => Schedule)[] = [];
  let own: Level["own"] = ["part/ni", "part/nt", "part/mi"];
  let [from, lane, rest] = ["part", "part/kl", lanes];
  for (let level = 2; rest > radix; level++) {
    const into = `part.${level}`;
    const [term, left, loops, before] = [`${from}/kt`, `${from}/kr`, own, lane];
    rest /= radix;
    const factor = rest;
    levels.push({ own, left });
    makers.push((kernel, result, at) => [
      splitter(kernel)(before, factor, [term, left]),
      { op: "reorder", kernel, loops: [left, ...loops, term] },
      { op: "accumulate-in", kernel, buffer: result, at, into, keep: [left], scope: "workgroup" },
      { op: "accumulate-in", kernel, buffer: into, at: loops[2], into: `${into}.sum` },
      { op: "unroll", kernel, loops: [term] },
    ]);
    const [ni, nt, mi] = own.map((loop) => `${into}/${loop}`);
    own = [ni, nt, mi] as [string, string, string];
    [from, lane] = [into, `${into}/${left}`];
  }
  const [loops, last] = [own, lane];
  levels.push({ own, left: undefined });
  makers.push((kernel, result) => [
    { op: "reorder", kernel, loops: [...loops, last] },
    { op: "accumulate-in", kernel, buffer: result, at: loops[2], into: "sum" },
    { op: "unroll", kernel, loops: [last] },
  ]);
  return { levels, steps: (kernel, result, at) => makers.flatMap((make) => make(kernel, result, at)) };
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
    ...fuseBias(shape, kernel),
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
  const { lanes, tile, isSplit } = choicesOf(point);
  const bind = (loop: string, to: BindStep["to"]): AnyStep => ({ op: "bind", kernel, loop, to });
  const levels = lanes > 1 ? levelsOf(point).levels : [];
  return [
    ...unitTiles(shape, kernel, ["nt", "mi"]),
    bind("np", "workgroup.x"),
    bind("mo", "workgroup.y"),
    ...(isSplit ? [bind("ks", "workgroup.z")] : []),
    bind("ni", "local.x"),
    ...(lanes > 1 ? [bind("kl", "local.y")] : []),
    ...levels.flatMap(({ own: [ni, nt, mi], left }): Schedule => {
      if (left !== undefined)
        return [{ op: "unroll", kernel, loops: [nt, mi] }, bind(ni, "local.x"), bind(left, "local.y")];
      // Results are shared among the lanes where each gets one at most.
      if (tile * rows > lanes) return [{ op: "unroll", kernel, loops: [nt, mi] }, bind(ni, "local.x")];
      const result = "part/result";
      return [{ op: "fuse", kernel, loops: [nt, mi], into: result }, bind(ni, "local.x"), bind(result, "local.y")];
    }),
  ];
}

/** Partial sums with rows of a block innermost, so that neighbouring invocations use neighbouring words. */
function layoutParts(point: Point): Schedule {
  const { lanes } = choicesOf(point);
  const names = lanes > 1 ? levelsOf(point).levels.map((_, i) => (i === 0 ? "part" : `part.${i + 1}`)) : [];
  return names.map((buffer) => ({
    op: "layout",
    buffer,
    axes: [["l"], ["i"], ["t"], ["m"]],
    order: ["t", "m", "l", "i"],
  }));
}

function scheduleOf(target: Target, point: Point): Schedule {
  const shape = shapeOf(target);
  const parts = partsOf(shape.m);
  return [
    ...recodeOffset(shape),
    ...divideRows(shape),
    ...parts.flatMap((part) => deriveSums(shape, point, part)),
    ...recodePlanes(shape),
    ...layoutWeights(shape, numberAt(point, "interleave")),
    ...(parts.length > 0 ? layoutParts(point) : []),
    ...parts.flatMap((part) => bindTiles(shape, point, part)),
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
        const { lanes, radix, interleave, tile } = choicesOf(p);
        let values = 0;
        for (let rest = lanes; rest > 1; rest = rest > radix ? rest / radix : 1) values += rest;
        const bytes = 4 * values * interleave * tile * rows;
        const most = limitOf(target, "workgroupMemory");
        return bytes <= most ? undefined : `${bytes} bytes are more than ${most}`;
      },
    },
    {
      name: "radix divides lanes",
      violated: (p) => {
        const { lanes, radix } = choicesOf(p);
        if (lanes === 1) return radix === 2 ? undefined : "one lane has nothing to sum; radix is 2 then";
        return radix <= lanes ? undefined : `${radix} is more than ${lanes}`;
      },
    },
  ];
}

export const gpuDecode: Template = {
  name: "gpu-decode",
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
      split: [1, 2, 4, 8],
    },
    layout: ["interleave"],
    where: conditions(target),
  }),
  default: (target): Point => {
    const shape = shapeOf(target);
    const units = shape.k / unitOf(shape);
    const lanes = [32, 16, 8, 4, 2].find((l) => l <= units && (units % l === 0 || l === 8)) ?? 1;
    return { interleave: 8, lanes, tile: 1, radix: lanes === 1 ? 2 : Math.min(8, lanes), split: 1 };
  },
  schedule: scheduleOf,
};
