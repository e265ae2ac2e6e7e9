/**
 * Runs compiled modules: instantiates them on a memory and calls their kernels, arguments checked. Browser-safe. Not here: threads (the caller
 * splits a kernel's range among instances on a shared memory), and what the buffers of a program mean.
 */
import type { CompiledModule, KernelFunction } from "../module.ts";
import { WasmRuntimeError } from "./errors.ts";
import { argumentsOf, type Launch, threadsOf } from "./launch.ts";
import { WasmMemory } from "./memory.ts";

/** An instantiated module: its kernels by name. */
export interface LoadedModule {
  readonly functions: ReadonlyMap<string, KernelFunction>;
  /**
   * Runs a kernel on the given addresses and symbol values; `range` is a part of its thread loop (by default all of it).
   *
   * @throws WasmRuntimeError where a buffer or symbol is missing, unknown or out of its domain, or the kernel traps
   */
  run(kernel: string, launch: Launch): void;
  /** The number of iterations of the kernel's thread loop for these symbols; 1 where it has none. */
  threads(kernel: string, symbols?: Readonly<Record<string, number>>): number;
}

type Exported = (...args: readonly number[]) => void;

/** A memory, and the modules instantiated on it. */
export class WasmRuntime extends WasmMemory {
  /** Instantiates a module without blocking; what browsers want on their main thread. */
  async load(module: CompiledModule): Promise<LoadedModule> {
    return this.#instance(module, await WebAssembly.compile(module.bytes));
  }

  /** Instantiates a module at once. */
  loadSync(module: CompiledModule): LoadedModule {
    return this.#instance(module, new WebAssembly.Module(module.bytes));
  }

  #instance({ functions, features }: CompiledModule, compiled: WebAssembly.Module): LoadedModule {
    if (features.includes("shared-memory") !== this.shared)
      throw new WasmRuntimeError(
        `the module wants ${this.shared ? "an unshared" : "a shared"} memory, the runtime's is ${this.shared ? "shared" : "not"}: ` +
          `compile ${this.shared ? "with" : "without"} the feature shared-memory`,
      );
    const wide = this.address === "i64";
    if (features.includes("memory64") !== wide)
      throw new WasmRuntimeError(
        `the module wants addresses of ${wide ? 32 : 64} bits, the runtime's have ${wide ? 64 : 32}: ` +
          `compile ${wide ? "with" : "without"} the feature memory64`,
      );
    const { exports } = new WebAssembly.Instance(compiled, { env: { memory: this.memory } });
    const byName = new Map(functions.map((f) => [f.name, f]));
    const find = (kernel: string): KernelFunction => {
      const found = byName.get(kernel);
      if (found !== undefined) return found;
      throw new WasmRuntimeError(`the module has no kernel ${kernel}; it has ${[...byName.keys()].join(", ")}`);
    };
    return {
      functions: byName,
      threads: (kernel, symbols = {}) => threadsOf(find(kernel), symbols),
      run: (kernel, launch) => {
        this.requireLive();
        const args = argumentsOf(find(kernel), launch, wide ? 64 : 32);
        try {
          (exports[kernel] as Exported)(...args);
        } catch (cause) {
          const reason = cause instanceof Error ? cause.message : String(cause);
          throw new WasmRuntimeError(`kernel ${kernel} trapped: ${reason}`, { cause });
        }
      },
    };
  }
}
