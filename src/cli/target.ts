// What kernels are for, on the command line: the options --target, --engine, --adapter and --features, and the device that they mean.

import { spawn } from "node:child_process";
import { constants } from "node:os";
import type { z } from "zod";
import { type GpuRuntime, gpuEnvironment, openGpu, probeWasm, runAgainForGpu } from "../../backends/index.ts";
import type { Device, Feature } from "../../ir/index.ts";
import {
  denoCommandLine,
  type EngineName,
  enginesFor,
  type GpuSelection,
  hostsOf,
  probeDevice,
  type StartHost,
} from "../tuner/index.ts";
import type { Option, OptionValues } from "./command.ts";
import { UsageError } from "./errors.ts";
import { choice } from "./values.ts";

type Text = Option & { readonly type: "string" };
type Choice<C extends string> = Text & { readonly schema: z.ZodType<C> };
type TargetName = "wasm" | "webgpu";
type AdapterName = "any" | "software";

export type TargetOptions = {
  readonly target: Choice<TargetName>;
  readonly engine: Choice<EngineName>;
  readonly adapter: Choice<AdapterName>;
  readonly features: Text;
};

/** The options of commands that compile for a device. */
export const targetOptions: TargetOptions = {
  target: {
    type: "string",
    help: "What kernels are for: wasm or webgpu",
    schema: choice("wasm", "webgpu").default("wasm"),
  },
  engine: {
    type: "string",
    placeholder: "name",
    help: "Where they run: node, deno, bun (wasm only), or chromium (a real one, without a window)",
    schema: choice("node", "deno", "bun", "chromium").default("node"),
  },
  adapter: {
    type: "string",
    help: "The GPU: any (the processor for want of one), or software, the processor even so",
    schema: choice("any", "software").default("any"),
  },
  features: {
    type: "string",
    placeholder: "set",
    help: "What kernels may use: all, strict (none that is optional), or some of f16,subgroups,packed-dot",
  },
};

export type TargetValues = OptionValues<TargetOptions>;

/** A device, and how candidates get to it. */
export interface ChosenTarget {
  readonly device: Device;
  readonly engine: EngineName;
  readonly hosts: StartHost;
  readonly gpu: GpuSelection | undefined;
}

const kinds: Readonly<Record<TargetName, Device["kind"]>> = { wasm: "wasm", webgpu: "wgsl" };

/** The device that the options mean, by its own probe. */
export async function chooseTarget(options: TargetValues, signal?: AbortSignal): Promise<ChosenTarget> {
  const { target, engine, adapter } = options;
  if (target === "wasm" && adapter !== "any") throw new UsageError("--adapter goes with --target webgpu");
  if (!enginesFor(kinds[target]).includes(engine)) throw new UsageError(`--engine ${engine} has no ${target}`);
  const gpu = target === "webgpu" && adapter === "software" ? { software: true } : undefined;
  const hosts = hostsOf(engine, target === "webgpu" ? { gpu: adapter } : {});
  const probed =
    target === "wasm" && engine === "node"
      ? await probeWasm()
      : await probeDevice(hosts, kinds[target], { gpu, signal });
  return { device: restricted(probed, options.features ?? "all"), engine, hosts, gpu };
}

/** The device, kernels for which may use these features only. */
function restricted(device: Device, wanted: string): Device {
  if (wanted === "all") return device;
  const optional: readonly Feature[] = device.kind === "wasm" ? ["relaxed-simd"] : ["f16", "subgroups", "packed-dot"];
  const names = wanted === "strict" ? [] : wanted.split(",");
  const unknown = names.find((name) => !optional.includes(name as Feature));
  if (unknown !== undefined)
    throw new UsageError(
      `--features: "${unknown}" is not a feature of this target; take all, strict, or some of ${optional.join(", ")}`,
    );
  const missing = names.find((name) => !device.features.includes(name as Feature));
  if (missing !== undefined) throw new UsageError(`--features: ${device.label} has no ${missing}`);
  return { ...device, features: device.features.filter((f) => !optional.includes(f) || names.includes(f)) };
}

/** A device that this process runs kernels on, or that a Chromium has. */
export interface OpenTarget {
  readonly device: Device;
  /** Open, where it is a GPU of this process. */
  readonly gpu: GpuRuntime | undefined;
  close(): void;
}

/** As `chooseTarget`, for running kernels here (see `runElsewhere`). */
export async function openTarget(options: TargetValues, signal?: AbortSignal): Promise<OpenTarget> {
  const { target, engine, adapter, features = "all" } = options;
  if (target === "wasm" && engine !== "node") throw new UsageError(`--engine ${engine} goes with --target webgpu here`);
  if (target === "wasm" || engine === "chromium")
    return { device: (await chooseTarget(options, signal)).device, gpu: undefined, close: () => {} };
  const gpu = await openGpu({ software: adapter === "software" });
  return { device: restricted(gpu.device, features), gpu, close: () => gpu.dispose() };
}

/** Set in a run by another engine, so that it does not start a third. */
const marker = "QLOOM_ENGINE";

/**
 * Runs the command line in the engine asked for where this process is not it, or lacks what it needs to find a GPU; gives the exit code then. Chromium is driven from
 * here.
 */
export async function runElsewhere({ target, engine, adapter }: TargetValues): Promise<number | undefined> {
  if (target !== "webgpu" || !["node", "deno"].includes(engine) || process.env[marker] !== undefined) return undefined;
  if (engine === "node") return runAgainForGpu({ software: adapter === "software" });
  const { env } = await gpuEnvironment({ software: adapter === "software" });
  const { command, args } = await denoCommandLine();
  const child = spawn(command, [...args, ...process.argv.slice(1)], {
    stdio: "inherit",
    env: { ...process.env, ...env, [marker]: engine },
  });
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  child.once("error", reject);
  child.once("exit", (code, signal) => resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])));
  return promise;
}
