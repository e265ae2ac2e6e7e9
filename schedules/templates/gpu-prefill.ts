/**
 * Template `gpu-prefill` (M from 2 up): a workgroup computes a tile of y, each invocation `tm` x `tn` results of it in registers. For groups of 32, 4-bit codes
 * and i8 numerics, with both operands staged:
 *
 *     for no workgroup.x: for mo workgroup.y:
 *       for us:                                                               # `depth` units of k
 *         for .. local: x.t[..] = x.q[..];  for .. local: w.t[..] = i8(w.q[..] - 8)
 *         for mt local.y: for nt local.x: for uc < depth:
 *           for kj, mr, nr: d[mr, nr] += dot4_i32_i8(x.t[..], w.t[..]);  acc[mt, nt, mr, nr] += f32(d) * (x.s * w.s)
 *       for mt local.y: for nt local.x: y[..] = acc[mt, nt, ..]
 *
 * Without `stage` an invocation loads what it needs, and there are no barriers. Floats are staged decoded, scales included.
 */
import { type Scalar, scalars, termsOf } from "../../ir/index.ts";
import type { BindStep } from "../primitives/bind.ts";
import type { AnyStep } from "../primitives/index.ts";
import type { Schedule } from "../schedule.ts";
import {
  addEpilogue,
  codingOf,
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
import { resultOf, type Shape, shapeOf } from "./matmul.ts";
import { type Constraint, numberAt, type Point, type Space, type Target, type Template } from "./template.ts";

const kernel = "main";
const part = { kernel, rows: 0, suffix: "" } as const;

interface Choices {
  readonly interleave: number;
  /** Rows of x and of w per invocation, and invocations along them. */
  readonly tm: number;
  readonly tn: number;
  readonly my: number;
  readonly nx: number;
  readonly isStaged: boolean;
  readonly isPipelined: boolean;
  readonly depth: number;
  readonly point: Point;
}

function choicesOf(point: Point): Choices {
  const at = (axis: string): number => numberAt(point, axis);
  return {
    interleave: at("interleave"),
    tm: at("tm"),
    tn: at("tn"),
    my: at("my"),
    nx: at("nx"),
    isStaged: point["stage"] === "workgroup",
    isPipelined: at("pipeline") === 1,
    depth: at("depth"),
    point,
  };
}

/** Floats that are staged are decoded whole: nothing is left to take out of their sums. */
const isWhole = ({ workload }: Shape, { isStaged }: Choices): boolean => isStaged && workload.numerics.compute !== "i8";

/** Neighbouring results of an invocation that are one vector. */
const vectorOf = ({ tn }: Choices): number => Math.min(4, tn);

function deriveSums(target: Target, shape: Shape, choices: Choices): Schedule {
  const { tm, tn, my, nx, isStaged, depth } = choices;
  const split = splitter(kernel);
  const whole = isWhole(shape, choices);
  // Neighbouring invocations have neighbouring rows of w; but an invocation's own rows are neighbours where they make vectors.
  const columns = whole
    ? [split("ni", tn, ["nt", "nr"]), split("nr", vectorOf(choices), ["nv", "nl"])]
    : [split("ni", nx, ["nr", "nt"])];
  // Staged words are as good as registers: each is used for all results while it is there.
  const inner = whole ? ["kj", "kq", "mr", "nv", "nl"] : isStaged ? ["kj", "mr", "nr", "kq"] : ["mr", "nr", "kj", "kq"];
  const outer = ["no", "mo", ...(isStaged ? ["us"] : []), "mt", "nt", "uc"];
  return [
    split("m", my * tm, ["mo", "mi"], "clamp"),
    split("mi", tm, ["mt", "mr"]),
    split("n", nx * tn, ["no", "ni"], "predicate"),
    ...columns,
    split("k", unitOf(shape), [isStaged ? "ku" : "uc", "ki"]),
    ...(isStaged ? [split("ku", depth, ["us", "uc"])] : []),
    split("ki", together, ["kj", "kq"]),
    { op: "reorder", kernel, loops: [...outer, ...inner] },
    { op: "accumulate-in", kernel, buffer: resultOf(shape), at: isStaged ? "mo" : "nt", into: "acc" },
    ...addEpilogue(target, shape, part),
    ...(whole
      ? choices.point["sum"] === "f16"
        ? [{ op: "accumulate-in", kernel, buffer: "acc", at: "uc", into: "d", scalar: "f16" } as const]
        : []
      : [
          ...unitSums(shape, part, "nt", choices.point),
          ...sumsOf(shape, part.suffix).ofX.flatMap((name) =>
            hoistSum(part, name, ["mo", ...(isStaged ? ["us"] : []), "mt", "uc", "mr"]),
          ),
        ]),
  ];
}

/** What staged operands are held in. Without arithmetic in f16 its values are wider, and stores of them apart. */
function stagedIn({ device }: Target, { workload }: Shape): Scalar {
  const { compute } = workload.numerics;
  return compute === "f16" && !device.features.includes("f16") ? "f32" : compute;
}

/** Both operands in workgroup memory. */
function stageOperands(target: Target, shape: Shape, { isPipelined }: Choices): Schedule {
  const isInteger = shape.workload.numerics.compute === "i8";
  const scalar = stagedIn(target, shape);
  const fields = shape.format.fields.map(({ name }) => name).filter((name) => ["s", "z", "o"].includes(name));
  return [
    {
      op: "stage",
      kernel,
      buffer: shape.format.codes ? "w.q" : "w.v",
      at: "us",
      into: "w.t",
      scope: "workgroup",
      decode: true,
      scalar,
      ...(isInteger ? {} : { with: fields.map((name) => `w.${name}`) }),
    },
    isInteger
      ? { op: "stage", kernel, buffer: "x.q", at: "us", into: "x.t", scope: "workgroup" }
      : { op: "stage", kernel, buffer: "x", at: "us", into: "x.t", scope: "workgroup", decode: true, scalar },
    ...(isPipelined ? [{ op: "pipeline", kernel, loop: "us", buffers: ["x.t", "w.t"] } as const] : []),
  ];
}

/** The copies, spread over all invocations; neighbouring ones write neighbouring words. */
function copyOperands(shape: Shape, choices: Choices): Schedule {
  const { tm, tn, my, nx, isPipelined, depth } = choices;
  const isInteger = shape.workload.numerics.compute === "i8";
  const words = (unitOf(shape) / together) * depth;
  const places = Math.min(unitOf(shape) / together, 8 / Math.min(8, ...codingOf(shape.format).planes));
  const copies = (buffer: string, loops: readonly string[], count: number, within?: number): Schedule =>
    (isPipelined ? ["first/", ""] : [""]).flatMap((copy) =>
      copyNest(`${copy}${buffer}`, loops, count, choices, within),
    );
  const turn = isPipelined ? ["turn"] : [];
  const rows = isInteger ? ["nr", "nt"] : ["nt", "nv", "nl"];
  const axes = isInteger ? ["nt", "uc", "nr", "kj", "kq"] : ["nt", "uc", "kj", "kq", "nv", "nl"];
  return [
    {
      op: "layout",
      buffer: "w.t",
      axes: [...turn, ...axes].map((axis) => [axis]),
      order: [...turn, "uc", "kj", ...(isInteger ? [...rows, "kq"] : ["kq", ...rows])],
    },
    ...copies("x.t", ["mt", "mr", "uc", "kj"], my * tm * words),
    ...copies("w.t", ["uc", "kj", ...rows], nx * tn * words, places),
  ];
}

/**
 * A copy of `count` words of 4 neighbouring k: `loops` count them, the innermost being the neighbouring invocations'. Codes at `places` places of their bytes:
 * an invocation takes all of them, so that how far they are shifted is known.
 */
function copyNest(name: string, loops: readonly string[], count: number, { my, nx }: Choices, places = 1): Schedule {
  const own = (loop: string): string => `${name}/${loop}`;
  const split = splitter(kernel);
  const bind = (loop: string, to: BindStep["to"]): AnyStep => ({ op: "bind", kernel, loop: own(loop), to });
  const order = places > 1 ? ["kh", ...loops.map((loop) => (loop === "kj" ? "kw" : loop))] : loops;
  const words: Schedule = [
    ...(places > 1 ? [split(own("kj"), places, [own("kw"), own("kh")])] : []),
    { op: "reorder", kernel, loops: [...order, "kq"].map(own) },
    { op: "vectorize", kernel, loops: [own("kq")] },
    { op: "fuse", kernel, loops: order.map(own), into: own("word") },
  ];
  if (count <= nx) return [...words, bind("word", "local.x")];
  const lanes = Math.min(count, my * nx);
  return [
    ...words,
    split(own("word"), lanes, [own("round"), own("lane")]),
    split(own("lane"), nx, [own("y"), own("x")]),
    { op: "reorder", kernel, loops: [own("y"), own("x"), own("round")] },
    ...(count / lanes <= 8 ? [{ op: "unroll", kernel, loops: [own("round")] } as const] : []),
    bind("y", "local.y"),
    bind("x", "local.x"),
  ];
}

/** Tiles as instructions, loops over invocations. */
function bindTiles(shape: Shape, choices: Choices): Schedule {
  const { tm, tn, isStaged } = choices;
  const bind = (loop: string, to: BindStep["to"]): AnyStep => ({ op: "bind", kernel, loop, to });
  const whole = isWhole(shape, choices);
  const isHalf = choices.point["sum"] === "f16";
  const flushes = ["acc", ...(isHalf ? ["d"] : [])];
  const vectors: Schedule = [
    ...(vectorOf(choices) > 1
      ? ["nl", ...flushes.map((into) => `${into}/nl`)].map((l) => ({ op: "vectorize", kernel, loops: [l] }) as const)
      : []),
    {
      op: "unroll",
      kernel,
      loops: ["kq", "mr", "nv", ...flushes.flatMap((into) => [`${into}/mr`, `${into}/nv`])],
    },
  ];
  return [
    ...(whole ? vectors : unitTiles(shape, kernel, ["mr", "nr"], choices.point, !isStaged || tm * tn <= 16)),
    bind("mt", "local.y"),
    bind("nt", "local.x"),
    ...(isStaged ? [bind("acc/mt", "local.y"), bind("acc/nt", "local.x")] : []),
  ];
}

function scheduleOf(target: Target, point: Point): Schedule {
  const shape = shapeOf(target);
  const choices = choicesOf(point);
  if (shape.m === 0)
    return [...recodeOffset(shape), ...recodePlanes(shape), ...layoutWeights(shape, choices.interleave)];
  return [
    ...quantizeResult(target, shape.n),
    ...recodeOffset(shape),
    ...deriveSums(target, shape, choices),
    { op: "bind", kernel, loop: "no", to: "workgroup.x" },
    { op: "bind", kernel, loop: "mo", to: "workgroup.y" },
    ...(choices.isStaged ? stageOperands(target, shape, choices) : []),
    ...recodePlanes(shape),
    ...layoutWeights(shape, choices.interleave),
    ...(choices.isStaged ? copyOperands(shape, choices) : []),
    ...bindTiles(shape, choices),
    ...quantizeActivations(target, shape),
  ];
}

function conditions(target: Target): readonly Constraint[] {
  const shape = shapeOf(target);
  const unit = unitOf(shape);
  const width = scalars[stagedIn(target, shape)].bits / 8;
  return [
    {
      name: "stage has depth",
      violated: (p) => {
        const { isStaged, isPipelined, depth } = choicesOf(p);
        if (!isStaged) return depth === 1 && !isPipelined ? undefined : "without stage, depth is 1 and pipeline 0";
        return (shape.k / unit) % depth === 0 ? undefined : `${depth} is not a divisor of ${shape.k / unit} units of k`;
      },
    },
    invocationsFit(target, (p) => choicesOf(p).my * choicesOf(p).nx),
    {
      name: "tile fits",
      violated: (p) => {
        const { tm, tn, isStaged } = choicesOf(p);
        const most = isStaged ? 64 : 32;
        return tm * tn <= most ? undefined : `${tm * tn} accumulators are more than ${most}`;
      },
    },
    {
      name: "staged values have one code",
      violated: (p) =>
        choicesOf(p).isStaged && termsOf(shape.format) > 1
          ? `sums over ${termsOf(shape.format)} planes take their codes from global memory`
          : undefined,
    },
    {
      name: "staged codes are bytes",
      violated: (p) =>
        choicesOf(p).isStaged && shape.workload.numerics.compute === "i8" && p["sum"] === "f32"
          ? "integer sums in f32 take their codes from global memory"
          : undefined,
    },
    {
      name: "workgroup memory",
      violated: (p) => {
        const { tm, tn, my, nx, isStaged, isPipelined, depth } = choicesOf(p);
        if (!isStaged) return undefined;
        const bytes = (my * tm + nx * tn) * depth * unit * width * (isPipelined ? 2 : 1);
        const most = limitOf(target, "workgroupMemory");
        return bytes <= most ? undefined : `${bytes} bytes are more than ${most}`;
      },
    },
  ];
}

/** A processor runs the invocations of a workgroup in turn: what waits for others is slow. Its products of floats are faster than those of bytes. */
const forProcessors = ({ workload }: Shape): Point => ({
  interleave: 16,
  my: 2,
  stage: "none",
  ...(workload.numerics.compute === "i8" && { tn: 8, sum: "f32" }),
});

export const gpuPrefill: Template = {
  name: "gpu-prefill",
  packing: "gpu",
  refuses: (target) => {
    const { workload } = target;
    if (workload.op === "matmul" && workload.m !== "any" && workload.m < 2) return `M = ${workload.m} is less than 2`;
    return refusesMatmul(target, () => shapeOf(target));
  },
  space: (target): Space => ({
    axes: {
      interleave: [1, 4, 8, 16, 32, 64],
      tm: [1, 2, 4, 8],
      tn: [2, 4, 8],
      my: [1, 2, 4, 8, 16],
      nx: [8, 16, 32],
      stage: ["none", "workgroup"],
      depth: [1, 2],
      pipeline: [0, 1],
      ...sumAxis(shapeOf(target)),
    },
    layout: ["interleave"],
    where: conditions(target),
  }),
  default: (target): Point => ({
    interleave: 8,
    tm: 4,
    tn: 4,
    my: 8,
    nx: 8,
    stage: "workgroup",
    depth: 1,
    pipeline: 0,
    ...defaultSum(target, shapeOf(target)),
    ...(termsOf(shapeOf(target).format) > 1 && { stage: "none" }),
    ...(isProcessor(target) && forProcessors(shapeOf(target))),
  }),
  schedule: scheduleOf,
};
