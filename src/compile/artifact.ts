/**
 * Artifacts: a workload's kernels as one Wasm module, with everything needed to run it as JSON beside the bytes. Making one is the whole
 * pipeline, read top to bottom in `buildArtifact`.
 */
import { compileModule, type KernelFunction } from "../../backends/index.ts";
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
import type { KernelInfo, LaunchInfo, PartInfo, Size, TensorSpec as TensorInfo } from "../runtime/index.ts";
import { sizeOf } from "./size.ts";

/** A tensor in memory. */
export interface TensorSpec extends TensorInfo {
  readonly scalar: Scalar;
}

/** One call of an exported function. */
export interface Launch extends LaunchInfo {
  readonly stage: Stage;
}

/** What runs for the values of M in a range, and how it was chosen. */
export interface Part extends PartInfo {
  readonly template: string;
  readonly point: Point;
  readonly schedule: Schedule;
  readonly launches: readonly Launch[];
  readonly workspaces: readonly TensorSpec[];
}

/** A compiled workload. */
export interface Artifact extends KernelInfo {
  readonly workload: Workload;
  readonly features: readonly Feature[];
  readonly weights: readonly TensorSpec[];
  readonly packed: readonly TensorSpec[];
  readonly inputs: readonly TensorSpec[];
  readonly outputs: readonly TensorSpec[];
  readonly pack: readonly Launch[];
  readonly parts: readonly Part[];
  readonly code: Uint8Array<ArrayBuffer>;
}

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
export function buildArtifact(target: Target, plans: readonly PartPlan[], observer: Observer = {}): Artifact {
  const scheduled = plans.map((plan) => ({ plan, program: scheduleProgram(target, plan, observer) }));
  const first = scheduled[0]?.program as Program;
  const packing = first.kernels.filter((k) => k.stage === "pack");
  const layout = layoutHash(target.workload, packing);
  for (const { plan, program } of scheduled) {
    const own = layoutHash(
      target.workload,
      program.kernels.filter((k) => k.stage === "pack"),
    );
    if (own !== layout) throw new Error(`${plan.name} packs ${target.workload.op} otherwise than ${plans[0]?.name}`);
  }
  const running = scheduled.flatMap(({ plan, program }) =>
    program.kernels.filter((k) => k.stage !== "pack").map((k) => ({ ...k, name: `${plan.name}/${k.name}` })),
  );
  const lowered = [...packing, ...running].map((kernel) =>
    lower(kernel, "wasm", (pass, k) => observer.kernel?.(kernel.name, pass, k)),
  );
  const module = compileModule(lowered, target.device.features);
  const launches = module.functions.map(launchOf);
  const buffers = scheduled.flatMap(({ program }) => program.kernels.flatMap((k) => k.buffers));
  const ofRole = (role: Buffer["role"]): readonly TensorSpec[] => tensorsOf(buffers.filter((x) => x.role === role));
  return {
    workload: target.workload,
    features: module.features,
    layout,
    weights: ofRole("weight"),
    packed: ofRole("packed"),
    inputs: ofRole("input"),
    outputs: ofRole("output"),
    pack: launches.filter((l) => l.stage === "pack"),
    parts: scheduled.map(({ plan, program }) => ({
      min: plan.min,
      max: plan.max,
      template: plan.template,
      point: plan.point,
      schedule: plan.schedule,
      launches: launches.filter((l) => l.stage !== "pack" && l.function.startsWith(`${plan.name}/`)),
      workspaces: tensorsOf(program.kernels.flatMap((k) => k.buffers).filter((x) => x.role === "workspace")),
    })),
    code: module.bytes,
  };
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

/** Each tensor once. */
function tensorsOf(buffers: readonly Buffer[]): readonly TensorSpec[] {
  return [...new Map(buffers.map((x) => [x.name, x])).values()].map(({ name, scalar, shape }) => {
    const elements = shape.map(sizeOf).reduce<Size>((product, s) => times(product, s), 1);
    const bits = storageBits(scalar);
    const bytes: Size = bits >= 8 ? times(elements, bits / 8) : quotient(elements, 8 / bits);
    return { name, scalar, shape: shape.map(sizeOf), bytes };
  });
}

const times = (a: Size, c: Size): Size =>
  typeof a === "number" && typeof c === "number" ? a * c : a === 1 ? c : ["*", a, c];
const quotient = (a: Size, d: number): Size => (typeof a === "number" ? Math.ceil(a / d) : ["/", ["+", a, d - 1], d]);

/** The hash of how weights are packed: what is packed, and the kernels that do it. */
function layoutHash(workload: Workload, packing: readonly Kernel[]): string {
  const sizes = workload.op === "quantize" ? {} : { n: workload.n, k: workload.k, w: workload.w };
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
