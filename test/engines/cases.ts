/**
 * The cases of the suite over engines: every family of formats, every template that takes it, every class of features that a device has, shapes with tails and
 * without. `QLOOM_MATRIX` says how many rounds over the families (1 unless given), or `all` for every format and every template.
 */
import {
  type Device,
  type Feature,
  formatNames,
  formatOf,
  type Numerics,
  programOf,
  type Workload,
  workloadText,
} from "../../ir/index.ts";
import { type Point, rejection, type Target, type Template, templates } from "../../schedules/index.ts";
import type { Candidate } from "../../src/tuner/protocol.ts";
import { randomOf } from "../ir/samples.ts";

export interface EngineCase {
  readonly name: string;
  readonly workload: Workload;
  /** What the kernels may use. */
  readonly features: readonly Feature[];
  readonly candidate: Candidate;
}

/** M that decode and prefill kernels are made for, tails among them. */
const rows = [1, 5, 8, 33] as const;
const columns = [64, 37, 130, 96] as const;
/** Multiples of a block; of formats that take any length, that many 16s and a tail. */
const blocks = [1, 2, 3] as const;
/** What is done with sums. */
const epilogues = [undefined, ["silu"], undefined, ["silu", "gate", "residual"]] as const;
const f32: Numerics = { compute: "f32" };
const xGroups = [32, "row", 64, 16] as const;

/** Formats that differ only in the group and the type of scales are one family. */
const familyOf = (name: string): string => name.replace(/_(g\d+|row)/, "").replace("_s16", "");

/** All sets of features, the empty one first, the whole last. */
export const featureClasses = (features: readonly Feature[]): readonly (readonly Feature[])[] =>
  Array.from({ length: 2 ** features.length }, (_, set) => features.filter((_f, bit) => (set >> bit) % 2 === 1));

const attends = { op: "attention", m: 1, heads: 4, kvHeads: 2, headSize: 32, causal: true, lse: true } as const;
const [floats, integers] = [
  { scores: "f32", weights: "f32" },
  { scores: "i8", weights: "i8" },
] as const;

/** The cases for a device of which kernels may use these features. */
export function casesFor(device: Device, asked: string = process.env["QLOOM_MATRIX"] ?? "1"): readonly EngineCase[] {
  const rounds = asked === "all" ? formatNames().length : Number(asked);
  const families = [...new Set(formatNames().map(familyOf))];
  const chosen = Array.from({ length: rounds }, (_, round) =>
    families.flatMap((family, i) => {
      const names = formatNames().filter((name) => familyOf(name) === family);
      const name = asked === "all" ? names[round] : names[(7 * round + 3 * i) % names.length];
      return name === undefined ? [] : workloadsOf(name, round + i);
    }),
  );
  const matmuls = chosen.flat();
  const all: readonly Workload[] = [
    ...matmuls,
    { op: "quantize", m: 3, k: 160, group: 32 },
    { op: "quantize", m: 2, k: 96, group: "row" },
    { op: "rmsnorm", m: 3, k: 1024, eps: 1e-5, residual: true },
    { op: "rmsnorm", m: 2, k: 90, eps: 1e-6, residual: false },
    { op: "rmsnorm", m: 5, k: 2048, eps: 1e-6, residual: false },
    { op: "rmsnorm", m: 1, k: 160, eps: 1e-6, residual: true },
    { op: "embed", m: 5, n: 300, k: 256, w: "q6_K" },
    { op: "embed", m: 3, n: 70, k: 48, w: "bf16" },
    { op: "rope", m: 3, heads: 4, d: 64, rotary: 64, pairing: "neox", scale: 1 },
    { op: "rope", m: 2, heads: 3, d: 80, rotary: 24, pairing: "interleaved", scale: 1.25 },
    { op: "rope", m: 2, heads: 1, d: 7, rotary: 6, pairing: "neox", scale: 1 },
    { op: "swiglu", m: 3, k: 128 },
    { op: "swiglu", m: 2, k: 37 },
    { op: "merge", m: 2, parts: 5, heads: 2, headSize: 32 },
    { op: "append", m: 5, kvHeads: 2, headSize: 32, keys: "int4_row", values: "q8_0" },
    { ...attends, keys: "f16", values: "f16", pages: 64, numerics: floats },
    { ...attends, keys: "i8_row", values: "int4_row", numerics: integers },
  ];
  const classes = featureClasses(device.features);
  return all.flatMap((workload, i) => {
    const features = classes[i % classes.length]!;
    return casesOf(inHalves(workload, features), device, features, i, asked === "all");
  });
}

/** A matmul in floats is one in halves where there are such. */
const inHalves = (workload: Workload, features: readonly Feature[]): Workload =>
  workload.op === "matmul" && workload.numerics.compute === "f32" && features.includes("f16")
    ? { ...workload, numerics: { compute: "f16" } }
    : workload;

/** What a format is tried with: a matmul, and now and then reading it alone. */
function workloadsOf(w: string, i: number): readonly Workload[] {
  const { block, codes } = formatOf(w);
  const k = block === 1 ? 16 * blocks[i % 3]! + (i % 2 === 0 ? 16 : 0) : block * blocks[i % 3]!;
  const [m, n] = [rows[(i >> 1) % 4]!, columns[i % 4]!];
  const groups = codes !== undefined && i % 2 === 0 ? xGroups.map((_, at) => xGroups[(at + i) % 4]!) : [];
  // Every other format of few bits with activations of few bits.
  const few = (codes?.bits ?? 8) <= 4 && i % 4 === 0 ? { xBits: 2 + (i % 3) } : {};
  const numerics: readonly Numerics[] = [...groups.map((xGroup) => ({ compute: "i8", xGroup, ...few }) as const), f32];
  const epilogue = epilogues[i % 4];
  const matmuls = numerics.map(
    (n8) =>
      ({ op: "matmul", ...{ m, n, k, w, bias: i % 3 === 0 }, ...(epilogue && { epilogue }), numerics: n8 }) as const,
  );
  const matmul = matmuls.find(isWorkload)!;
  return i % 4 === 3 ? [matmul, { op: "dequantize", n, k, w }] : [matmul];
}

/** Whether the groups of w and x fit. */
function isWorkload(workload: Workload): boolean {
  try {
    programOf(workload);
    return true;
  } catch {
    return false;
  }
}

/** The best template that takes a workload, now and then another, or each; the default point or any. */
function casesOf(
  workload: Workload,
  device: Device,
  features: readonly Feature[],
  i: number,
  each: boolean,
): readonly EngineCase[] {
  const random = randomOf(i);
  const target: Target = { workload, device: { ...device, features } };
  const able = templates.filter((template) => template.refuses(target) === undefined);
  const other = random() < 0.3 ? able[Math.floor(random() * able.length)]! : able[0]!;
  const isDefault = random() < 0.5;
  return (each ? able : [other]).map((template) => {
    const point = isDefault ? template.default(target) : anyPoint(target, template, i);
    const words = [template.name, workloadText(workload), ...features, isDefault ? "default" : "any point"];
    return { name: words.join(" "), workload, features, candidate: { template: template.name, point } };
  });
}

/** A point of a space, by luck, of those that add by subgroups where kernels may; where that finds none, the default. */
function anyPoint(target: Target, template: Template, seed: number): Point {
  const whole = template.space(target);
  const subgroup = whole.axes["reduce"]?.filter((value) => value === "subgroup") ?? [];
  const space = subgroup.length > 0 ? { ...whole, axes: { ...whole.axes, reduce: subgroup } } : whole;
  const random = randomOf(seed);
  for (let attempt = 0; attempt < 500; attempt++) {
    const choices = Object.entries(space.axes).map(([axis, values]) => [
      axis,
      values[Math.floor(random() * values.length)]!,
    ]);
    const point: Point = Object.fromEntries(choices);
    if (rejection(space, point) === undefined) return point;
  }
  return template.default(target);
}
