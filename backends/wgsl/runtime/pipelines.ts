/**
 * Shaders to pipelines: compiled in parallel, each text once, refusals told with the driver's words and the line they are about.
 */
import type { Device } from "../../../ir/index.ts";
import { type GpuError, gpuError, reasonOf } from "./errors.ts";
import type { LiveDevice } from "./live.ts";
import type { LaunchShader, ShaderBinding } from "./shader.ts";
import { stageCompute } from "./usage.ts";

/** A compiled shader. */
export interface Pipeline {
  readonly pipeline: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
}

interface Entry {
  readonly pending: Promise<Pipeline>;
  /** The same, once it is there. */
  pipeline: Pipeline | undefined;
}

/** How many pipelines of a signature are kept; the one not asked for longest goes first. */
const kept = 1024;

export class Pipelines {
  readonly #live: LiveDevice;
  readonly #device: Device;
  /** By signature and code: joining the two for one key would mean reading the whole code at every launch. */
  readonly #entries = new Map<string, Map<string, Entry>>();
  readonly #layouts = new Map<string, GPUBindGroupLayout>();

  constructor(live: LiveDevice, device: Device) {
    this.#live = live;
    this.#device = device;
  }

  /** The pipeline of a shader; shaders of the same text share it, also while it is being made. @throws GpuError where it is refused */
  async get(shader: LaunchShader): Promise<Pipeline> {
    this.#live.requireLive();
    this.#check(shader);
    const signature = signatureOf(shader.bindings);
    const known = this.#find(signature, shader.code);
    if (known !== undefined) return known.pending;
    const entry: Entry = { pending: this.#make(shader, signature), pipeline: undefined };
    const entries = this.#entries.get(signature) ?? new Map<string, Entry>();
    this.#entries.set(signature, entries.set(shader.code, entry));
    entry.pending.then(
      (pipeline) => {
        entry.pipeline = pipeline;
      },
      () => entries.delete(shader.code),
    );
    const oldest = entries.keys().next();
    if (entries.size > kept && !oldest.done) entries.delete(oldest.value);
    return entry.pending;
  }

  /** The pipeline of a shader that is compiled already; undefined otherwise. */
  ready(shader: LaunchShader): Pipeline | undefined {
    const pipeline = this.#find(signatureOf(shader.bindings), shader.code)?.pipeline;
    if (pipeline !== undefined) this.#check(shader);
    return pipeline;
  }

  #find(signature: string, code: string): Entry | undefined {
    const entries = this.#entries.get(signature);
    const entry = entries?.get(code);
    if (entries === undefined || entry === undefined) return undefined;
    // Asked for last, dropped last.
    entries.delete(code);
    entries.set(code, entry);
    return entry;
  }

  async #make(shader: LaunchShader, signature: string): Promise<Pipeline> {
    const live = this.#live;
    const { value, accepted } = live.captured(`compiling ${shader.name}`, () => {
      const module = live.gpu.createShaderModule({ label: shader.name, code: shader.code });
      const layout = this.#layout(shader.bindings, signature);
      const pipeline = live.gpu.createComputePipelineAsync({
        label: shader.name,
        layout: live.gpu.createPipelineLayout({ bindGroupLayouts: [layout] }),
        compute: { module, entryPoint: "main" },
      });
      // Where the module is refused already, nobody gets to wait for it.
      pipeline.catch(() => {});
      return { module, layout, pipeline };
    });
    try {
      const [pipeline] = await Promise.all([live.wait(`compiling ${shader.name}`, value.pipeline), accepted]);
      return { pipeline, layout: value.layout };
    } catch (error) {
      live.requireLive();
      throw await this.#refusal(shader, value.module, error);
    }
  }

  /** What the driver has to say about a shader, by its compilation messages where it has any. */
  async #refusal(shader: LaunchShader, module: GPUShaderModule, error: unknown): Promise<GpuError> {
    const info = await this.#live.wait(`compiling ${shader.name}`, module.getCompilationInfo());
    const message = info.messages.find(({ type }) => type === "error");
    return gpuError("shader", {
      name: shader.name,
      adapter: this.#live.label,
      reason: reasonOf(message === undefined ? error : message.message),
      line: message?.lineNum ?? 0,
      source: shader.code,
    });
  }

  #layout(bindings: readonly ShaderBinding[], signature: string): GPUBindGroupLayout {
    const known = this.#layouts.get(signature);
    if (known !== undefined) return known;
    const types = bindings.map(({ access }) => (access === "read" ? "read-only-storage" : "storage"));
    const layout = this.#live.gpu.createBindGroupLayout({
      entries: [...types, "uniform" as const].map((type, binding) => ({
        binding,
        visibility: stageCompute,
        buffer: { type },
      })),
    });
    this.#layouts.set(signature, layout);
    return layout;
  }

  /** What a driver would refuse with less helpful words. */
  #check({ name, features, bindings, workgroupSize: [x, y, z] }: LaunchShader): void {
    const { limits, features: has } = this.#device;
    for (const wanted of features)
      if (!has.includes(wanted)) throw gpuError("feature", { wanted, adapter: this.#live.label, has });
    const sizes: readonly (readonly [what: string, value: number, limit: number])[] = [
      ["storage buffers", bindings.length, limits["storageBuffers"]!],
      ["invocations in a workgroup", x * y * z, limits["invocations"]!],
      ["invocations along x", x, limits["localX"]!],
      ["invocations along y", y, limits["localY"]!],
      ["invocations along z", z, limits["localZ"]!],
    ];
    for (const [what, value, limit] of sizes)
      if (value > limit)
        throw gpuError("limit", {
          what: `kernel ${name}: ${value} ${what}`,
          limit: String(limit),
          remedy: "take a schedule with smaller tiles",
        });
  }
}

function signatureOf(bindings: readonly ShaderBinding[]): string {
  return bindings.map(({ access }) => (access === "read" ? "r" : "w")).join("");
}
