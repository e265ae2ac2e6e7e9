/** A GPU that is open: what it can do, its tensors, and running kernels on them. */
import type { Device } from "../../../ir/index.ts";
import type { GpuError } from "./errors.ts";
import { LiveDevice } from "./live.ts";
import { passClock, probeBytes } from "./pass-clock.ts";
import { Pipelines } from "./pipelines.ts";
import { type GpuLaunch, labelOf, type Prepared, Recorder } from "./recorder.ts";
import type { LaunchShader } from "./shader.ts";
import { type AllocateOptions, allocateTensor, type GpuTensor, type SizeLimits } from "./tensor.ts";
import { calibrate, type GpuTimer } from "./timer.ts";
import { maxRecorded, Transfers } from "./transfers.ts";

/** What `openGpu` has opened. */
export interface OpenedGpu {
  readonly gpu: GPUDevice;
  readonly device: Device;
  readonly software: boolean;
  readonly reopen: () => Promise<GpuRuntime>;
}

/** Made by `openGpu`. Every call fails with a GpuError once the device is lost or disposed of. */
export class GpuRuntime {
  /** What it can do, and who it is. */
  readonly device: Device;
  /** The adapter is the processor: right, but no measure of GPUs. */
  readonly software: boolean;
  readonly #live: LiveDevice;
  readonly #pipelines: Pipelines;
  readonly #transfers: Transfers;
  readonly #recorder: Recorder;
  readonly #reopen: () => Promise<GpuRuntime>;
  #timer: Promise<GpuTimer<Prepared>> | undefined;

  /** @internal */
  constructor({ gpu, device, software, reopen }: OpenedGpu) {
    this.device = device;
    this.software = software;
    this.#live = new LiveDevice(gpu, device.label);
    this.#pipelines = new Pipelines(this.#live, device);
    this.#transfers = new Transfers(this.#live);
    this.#recorder = new Recorder(this.#live, this.#pipelines, device);
    this.#reopen = reopen;
  }

  /** WebGPU's own device, for what this class has no call for. @throws GpuError where it is lost or disposed of */
  get gpu(): GPUDevice {
    this.#live.requireLive();
    return this.#live.gpu;
  }

  /** Settles when the device is lost or disposed of, with the error that calls then fail with. */
  get lost(): Promise<GpuError> {
    return this.#live.gone;
  }

  /** Why the device can't be used any more; undefined while it can. */
  get error(): GpuError | undefined {
    return this.#live.error;
  }

  /** Bytes that tensors take now. */
  get usedBytes(): number {
    return this.#live.usedBytes;
  }

  /** Sizes in bytes of a binding and of a buffer, as tensors keep them. */
  get sizeLimits(): SizeLimits {
    const { maxBinding, maxBuffer } = this.device.limits;
    return { maxBinding: maxBinding!, maxBuffer: maxBuffer! };
  }

  /** A tensor of zeros. @throws GpuError where it is over a limit or the GPU has no memory left */
  allocate(bytes: number, options: AllocateOptions = {}): Promise<GpuTensor> {
    return allocateTensor(this.#live, bytes, options, this.sizeLimits);
  }

  /**
   * Writes data to a tensor from byte `at` on, a multiple of 4; so is the length, unless the tensor ends there. Up to 8 MiB are taken in
   * order with later launches even if nobody waits; the data of a longer write must stay as it is until it is done.
   */
  write(tensor: GpuTensor, data: ArrayBufferView, at = 0): Promise<void> {
    return this.#transfers.write(tensor, data, at);
  }

  /** The bytes of a tensor, or `bytes` of them from `begin` on, after everything launched before. */
  read(tensor: GpuTensor, begin = 0, bytes: number = tensor.bytes - begin): Promise<Uint8Array<ArrayBuffer>> {
    return this.#transfers.read(tensor, begin, bytes);
  }

  /** Copies all of a tensor to the beginning of another, in order with launches; neither is in slices. */
  copy(from: GpuTensor, to: GpuTensor): void {
    this.#transfers.copy(from, to);
  }

  /** Copies bytes of a tensor to elsewhere in it, in order with launches. @throws GpuError where they are no whole words within it, or the tensor is in slices */
  copyWithin(tensor: GpuTensor, from: number, to: number, bytes: number): void {
    this.#transfers.copyWithin(tensor, from, to, bytes);
  }

  /** Compiles shaders in parallel, so that launches find them ready. @throws GpuError where one is refused */
  async compile(shaders: readonly LaunchShader[]): Promise<void> {
    await Promise.all(shaders.map((shader) => this.#pipelines.get(shader)));
  }

  /** Compiles and binds launches, to be submitted any number of times while their tensors live. */
  prepare(launches: readonly GpuLaunch[]): Promise<Prepared> {
    return this.#recorder.prepare(launches);
  }

  /**
   * Runs launches in order. Settles when the device has taken them, not when they are done: `read` waits for that. Launches that are prepared
   * or compiled are submitted at once, so that writes and launches take effect in the order of the calls even if nobody waits.
   */
  async launch(launches: readonly GpuLaunch[] | Prepared): Promise<void> {
    await this.run(launches, []);
  }

  /** As `launch`, and reads tensors afterwards, in the same submission where they are small. */
  async run(
    launches: readonly GpuLaunch[] | Prepared,
    reads: readonly GpuTensor[],
  ): Promise<readonly Uint8Array<ArrayBuffer>[]> {
    const known = "dispatches" in launches ? launches : undefined;
    const list = "dispatches" in launches ? [] : launches;
    const compiled = this.#recorder.compiled(list);
    const pipelines = compiled instanceof Promise ? await compiled : compiled;
    const together = reads.reduce((sum, { bytes }) => sum + bytes, 0) <= maxRecorded;
    const { value, accepted } = this.#live.captured(`running ${known?.label ?? labelOf(list)}`, () => {
      const prepared = known ?? this.#recorder.bind(list, pipelines);
      const encoder = this.#live.gpu.createCommandEncoder();
      const pass = encoder.beginComputePass();
      this.#recorder.record(pass, prepared);
      pass.end();
      const pending = together ? reads.map((tensor) => this.#transfers.record(encoder, tensor, 0, tensor.bytes)) : [];
      this.#live.gpu.queue.submit([encoder.finish()]);
      return pending;
    });
    const [, ...data] = await Promise.all([accepted, ...value.map((read) => read.fetch())]);
    if (together) return data;
    const read: Uint8Array<ArrayBuffer>[] = [];
    for (const tensor of reads) read.push(await this.read(tensor));
    return read;
  }

  /** Waits until everything launched is done. */
  async done(): Promise<void> {
    await this.#live.wait("finishing", this.#live.gpu.queue.onSubmittedWorkDone());
  }

  /** What times launches on this device; calibrated, in some tenths of a second, when first asked for. */
  timer(): Promise<GpuTimer<Prepared>> {
    this.#timer ??= this.#makeTimer();
    return this.#timer;
  }

  async #makeTimer(): Promise<GpuTimer<Prepared>> {
    const y = await this.allocate(probeBytes, { label: "timing probe" });
    return calibrate(await passClock(this.#live, this.#recorder, y));
  }

  /** Another runtime like this one, on a new device: after a loss, say. Tensors have to be made and written anew. */
  reopen(): Promise<GpuRuntime> {
    return this.#reopen();
  }

  /** Gives the device back and all that is on it. Further calls do nothing. */
  dispose(): void {
    this.#live.close();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
