/**
 * A device that may go away: every wait on it ends when it is lost, and errors that WebGPU keeps to itself are captured where they arise.
 * Not here: what is done with the device.
 */
import { firstLine, type GpuError, gpuError, reasonOf } from "./errors.ts";

/** In the order in which scopes are pushed; the innermost is popped first. */
const scopes = ["validation", "out-of-memory", "internal"] as const satisfies readonly GPUErrorFilter[];

/** How long a failed wait waits for the loss that may explain it. */
const explanationMs = 100;

/** What a captured action gave; `accepted` settles when the device has checked it. */
export interface Captured<T> {
  readonly value: T;
  readonly accepted: Promise<void>;
}

export class LiveDevice {
  readonly gpu: GPUDevice;
  /** The adapter in words, for messages. */
  readonly label: string;
  /** Settles once, when the device is lost or closed. */
  readonly gone: Promise<GpuError>;
  /** Bytes of the tensors that live on the device. */
  usedBytes = 0;
  readonly #waits = new Set<(error: GpuError) => void>();
  #error: GpuError | undefined;
  #announce: (error: GpuError) => void;

  constructor(gpu: GPUDevice, label: string) {
    this.gpu = gpu;
    this.label = label;
    const { promise, resolve } = Promise.withResolvers<GpuError>();
    this.gone = promise;
    this.#announce = resolve;
    const ended = ({ reason, message }: GPUDeviceLostInfo): void =>
      this.#end(gpuError("lost", { adapter: label, reason: firstLine(message || reason || "no reason given") }));
    gpu.lost.then(ended, (error: unknown) => this.#end(gpuError("lost", { adapter: label, reason: reasonOf(error) })));
  }

  /** Why the device can't be used any more; undefined while it can. */
  get error(): GpuError | undefined {
    return this.#error;
  }

  #end(error: GpuError): void {
    if (this.#error !== undefined) return;
    this.#error = error;
    for (const reject of this.#waits) reject(error);
    this.#waits.clear();
    this.#announce(error);
  }

  /** Ends the device; waits on it fail. Further calls do nothing. */
  close(): void {
    this.#end(gpuError("closed", { adapter: this.label }));
    this.gpu.destroy();
  }

  /** @throws GpuError where the device is lost or closed */
  requireLive(): void {
    if (this.#error !== undefined) throw this.#error;
  }

  /** Waits for something of the device. @throws GpuError where the device goes away meanwhile, or where it refuses */
  async wait<T>(what: string, pending: Promise<T>): Promise<T> {
    this.requireLive();
    const { promise, reject } = Promise.withResolvers<never>();
    this.#waits.add(reject);
    try {
      const value = await Promise.race([pending, promise]);
      this.requireLive();
      return value;
    } catch (error) {
      throw await this.#explain(what, error);
    } finally {
      this.#waits.delete(reject);
    }
  }

  /** A failed wait is the first sign of a lost device as often as not. */
  async #explain(what: string, error: unknown): Promise<unknown> {
    if (error === this.#error) return error;
    if (this.#error === undefined && error instanceof Error && error.name !== "GPUPipelineError") {
      const { promise, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(resolve, explanationMs);
      await Promise.race([this.gone, promise]);
      clearTimeout(timer);
    }
    return (
      this.#error ??
      (error instanceof Error && error.name === "GPUPipelineError"
        ? error
        : gpuError("driver", { what, reason: reasonOf(error) }))
    );
  }

  /** Runs an action between error scopes. The action itself must not wait. `what` names it in messages: "memory for y". */
  captured<T>(what: string, action: () => T): Captured<T> {
    this.requireLive();
    for (const scope of scopes) this.gpu.pushErrorScope(scope);
    let value: T;
    try {
      value = action();
    } catch (error) {
      this.#pop().catch(() => {});
      throw error;
    }
    const accepted = this.#accepted(what, this.#pop());
    // Whoever fails before waiting for it has told more already.
    accepted.catch(() => {});
    return { value, accepted };
  }

  #pop(): Promise<(GPUError | null)[]> {
    return Promise.all(scopes.map(() => this.gpu.popErrorScope()));
  }

  async #accepted(what: string, popped: Promise<(GPUError | null)[]>): Promise<void> {
    const [internal, memory, validation] = await this.wait(what, popped);
    if (memory) throw gpuError("memory", { what, used: this.usedBytes });
    const failed = validation ?? internal;
    if (failed) throw gpuError("driver", { what, reason: firstLine(failed.message) });
  }
}
