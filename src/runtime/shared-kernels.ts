/**
 * What an executable needs of threads, and no more: builds carry this along and run on one. What shares is threads/.
 */

/** A module's kernels, known to several threads. */
export interface SharedKernels {
  /** Threads that share a call, the caller's own among them. */
  readonly threads: number;
  /**
   * Calls a kernel for all iterations of its thread loop and returns when they are done. `args` is what stands before the range; `work` says whether it is worth sharing: bytes that
   * are read and written, weights once for each row of x.
   *
   * @throws WebAssembly.RuntimeError where it traps on any of the threads, ApiError where a thread is gone
   */
  run(kernel: string, args: readonly number[], iterations: number, work: number): void;
  /** The threads end with the last kernels that they know. */
  dispose(): void;
}

/** Makes a module's kernels known to threads; `instance` is the caller's own. */
export type ShareKernels = (
  module: WebAssembly.Module,
  instance: WebAssembly.Instance,
  memory: WebAssembly.Memory,
) => Promise<SharedKernels>;
