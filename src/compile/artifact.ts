/**
 * Artifacts: a workload's kernels as one Wasm module, or as WGSL shaders with the Wasm module that packs for them, and everything needed to
 * run them as JSON beside the code. Making one is the whole pipeline, read top to bottom in `buildArtifact`.
 */
import { compileModule, compileShaders, type KernelFunction, type Shader } from "../../backends/index.ts";
import {
  type Buffer,
  b,
  canonicalJson,
  type Feature,
  type Kernel,
  lower,
  type Program,
  printKernel,
  programOf,
  type Scalar,
  type SizeSymbol,
  type Stage,
  sha256,
  storageBits,
  verifyProgram,
  type Workload,
} from "../../ir/index.ts";
import { applySchedule, type Point, type Schedule, type Target, templateFor } from "../../schedules/index.ts";
import type {
  DispatchInfo,
  GpuKernelInfo,
  KernelInfo,
  LaunchInfo,
  PartInfo,
  Size,
  TensorSpec as TensorInfo,
} from "../runtime/index.ts";
import { sizeOf, sumOfSizes } from "./size.ts";

/** A tensor in memory. */
export interface TensorSpec extends TensorInfo {
  readonly scalar: Scalar;
}

/** One call of an exported function. */
export interface Launch extends LaunchInfo {
  readonly stage: Stage;
}

/** One launch of a shader. */
export interface Dispatch extends DispatchInfo {
  readonly stage: Stage;
}

/** What runs for the values of M in a range, and how it was chosen. */
export interface Part<L = Launch> extends PartInfo<L> {
  readonly template: string;
  readonly point: Point;
  readonly schedule: Schedule;
  readonly workspaces: readonly TensorSpec[];
}

interface ArtifactOf<L> extends KernelInfo<L> {
  readonly workload: Workload;
  readonly features: readonly Feature[];
  readonly weights: readonly TensorSpec[];
  readonly packed: readonly TensorSpec[];
  readonly caches?: readonly TensorSpec[];
  readonly inputs: readonly TensorSpec[];
  readonly outputs: readonly TensorSpec[];
  readonly pack: readonly Launch[];
  readonly parts: readonly Part<L>[];
  /** The Wasm module: all kernels, or those that pack. */
  readonly code: Uint8Array<ArrayBuffer>;
}

/** A workload compiled to Wasm. */
export interface WasmArtifact extends ArtifactOf<Launch> {
  readonly target: "wasm";
}

/** A workload compiled to WGSL. Weights are packed on the CPU. */
export interface WgslArtifact extends ArtifactOf<Dispatch> {
  readonly target: "wgsl";
  readonly shaders: GpuKernelInfo["shaders"];
}

export type Artifact = WasmArtifact | WgslArtifact;

/** A schedule for the values of M in a range. */
export interface PartPlan {
  readonly name: string;
  readonly min: number;
  readonly max: number;
  readonly template: string;
  readonly point: Point;
  readonly schedule: Schedule;
}

/** What `show` sees of the pipeline: the program after each step, each kernel after each pass. */
export interface Observer {
  readonly program?: (part: string, step: string, program: Program) => void;
  readonly kernel?: (part: string, pass: string, kernel: Kernel) => void;
}

/** The pipeline: naive program, schedule, verification, lowering, emission. Throws `ScheduleError` or `IrError` for a schedule that does not apply. */
export function buildArtifact(target: WasmTarget, plans: readonly PartPlan[], observer?: Observer): WasmArtifact;
export function buildArtifact(target: WgslTarget, plans: readonly PartPlan[], observer?: Observer): WgslArtifact;
export function buildArtifact(target: Target, plans: readonly PartPlan[], observer?: Observer): Artifact;
export function buildArtifact(target: Target, plans: readonly PartPlan[], observer: Observer = {}): Artifact {
  const scheduled = plans.map((plan) => ({ plan, program: scheduleProgram(target, plan, observer) }));
  const packing = packersOf(target, scheduled);
  const running = scheduled.flatMap(({ plan, program }) =>
    program.kernels.filter((k) => k.stage !== "pack").map((k) => ({ ...k, name: `${plan.name}/${k.name}` })),
  );
  const lowered = (kernels: readonly Kernel[], kind: "wasm" | "wgsl"): readonly Kernel[] =>
    kernels.map((kernel) => lower(kernel, kind, (pass, k) => observer.kernel?.(kernel.name, pass, k)));
  const buffers = scheduled.flatMap(({ program }) => program.kernels.flatMap((k) => k.buffers));
  const ofRole = (role: Buffer["role"]): readonly TensorSpec[] => tensorsOf(buffers.filter((x) => x.role === role));
  const tensors = {
    workload: target.workload,
    layout: layoutHash(target.workload, packing),
    weights: ofRole("weight"),
    packed: ofRole("packed"),
    ...(buffers.some(({ role }) => role === "cache") && { caches: ofRole("cache") }),
    inputs: ofRole("input"),
    outputs: ofRole("output"),
  };
  const partsWith = <L extends { readonly function: string }>(launches: readonly L[]): readonly Part<L>[] =>
    scheduled.map(({ plan: { name, min, max, template, point, schedule }, program }) => {
      const workspaces = tensorsOf(program.kernels.flatMap((k) => k.buffers).filter((x) => x.role === "workspace"));
      return {
        ...{ min, max, template, point, schedule, workspaces },
        launches: launches.filter((l) => l.function.startsWith(`${name}/`)),
        peak: sumOfSizes(workspaces.map(({ bytes }) => bytes)),
      };
    });
  const { features, limits } = target.device;
  if (target.device.kind === "wgsl") {
    // Packers run wherever there is Wasm SIMD.
    const packer = compileModule(lowered(packing, "wasm"), []);
    const shaders = compileShaders(lowered(running, "wgsl"), features, limits);
    return {
      target: "wgsl",
      ...tensors,
      features: features.filter((f) => shaders.some((s) => s.features.includes(f))),
      pack: packer.functions.map(launchOf),
      parts: partsWith(shaders.map(dispatchOf)),
      code: packer.bytes,
      shaders: Object.fromEntries(shaders.map(({ name, code }) => [name, code])),
    };
  }
  const module = compileModule(lowered([...packing, ...running], "wasm"), features);
  const launches = module.functions.map(launchOf);
  return {
    target: "wasm",
    ...tensors,
    features: module.features,
    pack: launches.filter((l) => l.stage === "pack"),
    parts: partsWith(launches.filter((l) => l.stage !== "pack")),
    code: module.bytes,
  };
}

type TargetOf<K extends "wasm" | "wgsl"> = Target & { readonly device: { readonly kind: K } };
export type WasmTarget = TargetOf<"wasm">;
export type WgslTarget = TargetOf<"wgsl">;

/** The kernels that pack, which must be the same for all parts: they share packed tensors. */
function packersOf(
  { workload }: Target,
  scheduled: readonly { readonly plan: PartPlan; readonly program: Program }[],
): readonly Kernel[] {
  const [first, ...others] = scheduled.map(({ plan, program }) => ({
    name: plan.name,
    packing: program.kernels.filter((k) => k.stage === "pack"),
  }));
  const packing = first?.packing ?? [];
  for (const { name, packing: own } of others)
    if (layoutHash(workload, own) !== layoutHash(workload, packing))
      throw new Error(`${name} packs ${workload.op} otherwise than ${first?.name}`);
  return packing;
}

/** What is scheduled for a workload: loops over no rows have nothing to divide, so that M = 0 is compiled as one of a few values of a symbolic M. */
export const scheduledWorkload = (workload: Workload): Workload =>
  "m" in workload && workload.m === 0 ? { ...workload, m: "any" } : workload;

/** The scheduled program of one part, its symbol M restricted to the part's range. */
function scheduleProgram(target: Target, plan: PartPlan, observer: Observer): Program {
  const naive = restrict(programOf(scheduledWorkload(target.workload)), plan);
  observer.program?.(plan.name, "naive", naive);
  const scheduled = applySchedule(naive, plan.schedule, (step, after) =>
    observer.program?.(plan.name, canonicalJson(step), after),
  );
  verifyProgram(scheduled, "scheduled");
  return scheduled;
}

function restrict(program: Program, { min, max }: PartPlan): Program {
  const within = (s: SizeSymbol): SizeSymbol => (s.name === "M" ? b.symbol("M", { ...s, min, max }) : s);
  return { ...program, kernels: program.kernels.map((k) => ({ ...k, symbols: k.symbols.map(within) })) };
}

function launchOf({ name, stage, buffers, symbols, threads }: KernelFunction): Launch {
  return { function: name, stage, tensors: buffers, symbols, threads: threads ? sizeOf(threads) : 0 };
}

function dispatchOf({ name, stage, bindings, symbols, grid, workgroupSize }: Shader): Dispatch {
  const [x, y, z] = grid;
  return {
    function: name,
    stage,
    tensors: bindings.map(({ buffer }) => buffer),
    sliced: bindings.map(({ sliced }) => sliced),
    written: bindings.filter(({ access }) => access === "read_write").map(({ buffer }) => buffer),
    symbols,
    grid: [sizeOf(x), sizeOf(y), sizeOf(z)],
    workgroup: workgroupSize,
  };
}

/** Each tensor once. */
function tensorsOf(buffers: readonly Buffer[]): readonly TensorSpec[] {
  return [...new Map(buffers.map((x) => [x.name, x])).values()].map(({ name, scalar, shape, range, role }) => {
    const elements = shape.map(sizeOf).reduce<Size>((product, s) => times(product, s), 1);
    const bits = storageBits(scalar);
    const bytes: Size = bits >= 8 ? times(elements, bits / 8) : quotient(elements, 8 / bits);
    return {
      name,
      scalar,
      shape: shape.map(sizeOf),
      bytes,
      ...(range && (role === "input" || role === "output") && { range }),
    };
  });
}

const times = (a: Size, c: Size): Size =>
  typeof a === "number" && typeof c === "number" ? a * c : a === 1 ? c : ["*", a, c];
const quotient = (a: Size, d: number): Size => (typeof a === "number" ? Math.ceil(a / d) : ["/", ["+", a, d - 1], d]);

/** The hash of how weights are packed: what is packed, and the kernels that do it. */
function layoutHash(workload: Workload, packing: readonly Kernel[]): string {
  const sizes = "w" in workload ? { n: workload.n, k: workload.k, w: workload.w } : {};
  return hashOf(`${canonicalJson(sizes)}\n${packing.map(printKernel).join("\n")}`);
}

/** SHA-256 in hexadecimal. */
export function hashOf(data: string | Uint8Array): string {
  return sha256(data);
}

/** The identity of an artifact: its code and how it is launched. */
export function artifactHash(artifact: Artifact): string {
  const { code, ...rest } = artifact;
  return hashOf(`${canonicalJson(rest)}${hashOf(code)}`);
}

/** The plan of one part with the template's own choice, or with a given point. */
export function planPart(of: Target, range: { name: string; min: number; max: number }, point?: Point): PartPlan {
  const target = { ...of, workload: scheduledWorkload(of.workload) };
  const template = templateFor(target);
  const chosen = point ?? template.default(target);
  return { ...range, template: template.name, point: chosen, schedule: template.schedule(target, chosen) };
}
