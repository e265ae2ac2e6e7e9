/** Launches to commands: uniforms and bind groups, made once per content, and the dispatches in order. */
import type { Device } from "../../../ir/index.ts";
import { gpuError } from "./errors.ts";
import type { LiveDevice } from "./live.ts";
import type { Pipeline, Pipelines } from "./pipelines.ts";
import { type PlanLimits, planDispatches } from "./plan.ts";
import type { LaunchShader } from "./shader.ts";
import type { GpuTensor } from "./tensor.ts";
import { usage } from "./usage.ts";
import { argsOf, gridOf } from "./values.ts";

/** One run of a kernel. */
export interface GpuLaunch {
  readonly shader: LaunchShader;
  /** Tensor of each buffer by name; those of other kernels may stand in it too. */
  readonly buffers: Readonly<Record<string, GpuTensor>>;
  /** Value of each symbol by name. */
  readonly symbols?: Readonly<Record<string, number>>;
}

interface BoundDispatch {
  readonly pipeline: GPUComputePipeline;
  readonly group: GPUBindGroup;
  readonly groups: readonly [number, number, number];
}

/** Launches that are compiled and bound: to be submitted any number of times while their tensors live. */
export interface Prepared {
  readonly label: string;
  readonly tensors: readonly GpuTensor[];
  readonly dispatches: readonly BoundDispatch[];
}

/** Launches in words, for messages. */
export function labelOf(launches: readonly GpuLaunch[]): string {
  return [...new Set(launches.map(({ shader }) => shader.name))].join(", ");
}

/** Uniforms, and bind groups, that are kept; when there are more, all go. */
const keptBindings = 512;

export class Recorder {
  readonly #live: LiveDevice;
  readonly #pipelines: Pipelines;
  readonly #limits: PlanLimits;
  readonly #uniforms = new Map<string, GPUBuffer>();
  readonly #groups = new Map<string, GPUBindGroup>();
  /** Numbers for what keys name: the identity of layouts, buffers and uniforms. */
  readonly #ids = new WeakMap<object, number>();
  #nextId = 0;

  constructor(live: LiveDevice, pipelines: Pipelines, device: Device) {
    this.#live = live;
    this.#pipelines = pipelines;
    this.#limits = {
      maxWorkgroups: device.limits["maxWorkgroups"]!,
      maxBinding: device.limits["maxBinding"]!,
      offsetAlignment: live.gpu.limits.minStorageBufferOffsetAlignment,
    };
  }

  /** Compiles and binds. @throws GpuError where a shader is refused, or a launch lacks or misfits something */
  async prepare(launches: readonly GpuLaunch[]): Promise<Prepared> {
    const pipelines = await this.compiled(launches);
    const { value, accepted } = this.#live.captured(`binding ${labelOf(launches)}`, () =>
      this.bind(launches, pipelines),
    );
    await accepted;
    return value;
  }

  /** The pipelines of launches: at once where all are compiled. */
  compiled(launches: readonly GpuLaunch[]): readonly Pipeline[] | Promise<readonly Pipeline[]> {
    const ready = launches.flatMap(({ shader }) => this.#pipelines.ready(shader) ?? []);
    return ready.length === launches.length
      ? ready
      : Promise.all(launches.map(({ shader }) => this.#pipelines.get(shader)));
  }

  /** Binds launches to their pipelines; what the driver has against it goes to the error scopes that are open. */
  bind(launches: readonly GpuLaunch[], pipelines: readonly Pipeline[]): Prepared {
    const bound = launches.map((launch, i) => this.#bind(launch, pipelines[i]!));
    return {
      label: labelOf(launches),
      tensors: [...new Set(bound.flatMap(({ tensors }) => tensors))],
      dispatches: bound.flatMap(({ dispatches }) => dispatches),
    };
  }

  #bind({ shader, buffers, symbols = {} }: GpuLaunch, { pipeline, layout }: Pipeline) {
    const tensors = shader.bindings.map(({ buffer }) => {
      const tensor = buffers[buffer];
      if (tensor === undefined)
        throw gpuError("call", { reason: `kernel ${shader.name}: buffer ${buffer} has no tensor` });
      tensor.requireOf(this.#live);
      return tensor;
    });
    const plan = planDispatches(shader, tensors, gridOf(shader, symbols), this.#limits);
    const dispatches = plan.map(({ begin, groups, ranges }): BoundDispatch => {
      const args = this.#uniform(argsOf(shader, begin, symbols));
      const resources = ranges.map(({ slice, offset, size }, i) => ({
        buffer: tensors[i]!.slices[slice]!.buffer,
        offset,
        size,
      }));
      return {
        pipeline,
        groups,
        group: this.#group(layout, [...resources, { buffer: args, offset: 0, size: args.size }]),
      };
    });
    return { tensors, dispatches };
  }

  #uniform(words: Uint32Array<ArrayBuffer>): GPUBuffer {
    const key = words.join(" ");
    const known = this.#uniforms.get(key);
    if (known !== undefined) return known;
    if (this.#uniforms.size >= keptBindings) this.#uniforms.clear();
    const buffer = this.#live.gpu.createBuffer({
      label: "args",
      size: words.byteLength,
      usage: usage.uniform,
      mappedAtCreation: true,
    });
    new Uint32Array(buffer.getMappedRange()).set(words);
    buffer.unmap();
    this.#uniforms.set(key, buffer);
    return buffer;
  }

  #group(layout: GPUBindGroupLayout, resources: readonly Required<GPUBufferBinding>[]): GPUBindGroup {
    const parts = resources.map(({ buffer, offset, size }) => `${this.#id(buffer)}:${offset}:${size}`);
    const key = `${this.#id(layout)} ${parts.join(" ")}`;
    const known = this.#groups.get(key);
    if (known !== undefined) return known;
    if (this.#groups.size >= keptBindings) this.#groups.clear();
    const entries = resources.map((resource, binding) => ({ binding, resource }));
    const group = this.#live.gpu.createBindGroup({ layout, entries });
    this.#groups.set(key, group);
    return group;
  }

  #id(thing: object): number {
    const known = this.#ids.get(thing);
    if (known !== undefined) return known;
    this.#nextId += 1;
    this.#ids.set(thing, this.#nextId);
    return this.#nextId;
  }

  /** Records the dispatches in a pass, `times` times over. @throws GpuError where a tensor was freed since */
  record(pass: GPUComputePassEncoder, { tensors, dispatches }: Prepared, times = 1): void {
    for (const tensor of tensors) tensor.requireOf(this.#live);
    for (let i = 0; i < times; i++) {
      for (const { pipeline, group, groups } of dispatches) {
        pass.setPipeline(pipeline);
        pass.setBindGroup(0, group);
        pass.dispatchWorkgroups(...groups);
      }
    }
  }
}
