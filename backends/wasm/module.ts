/**
 * Lowered kernels to one Wasm module: imports `env.memory`, exports a function per kernel. What the functions take is described beside
 * the bytes. Nothing here runs a module; that is `runtime/`.
 */
import type { Expr, Feature, Kernel, SizeSymbol, Stage } from "../../ir/index.ts";
import { EmitError } from "../errors.ts";
import { encodeModule, type WasmModule } from "./asm/index.ts";
import { emitKernel } from "./emit/index.ts";
import { threadExtent } from "./emit/statements.ts";

/** What the function of a kernel takes. */
export interface KernelFunction {
  /** The kernel's name, which is the export's too. */
  readonly name: string;
  readonly stage: Stage;
  /** Parameters in order: addresses of these global buffers, values of these symbols, then begin and end. */
  readonly buffers: readonly string[];
  /** With their domains: the function may be called only with values in them. */
  readonly symbols: readonly SizeSymbol[];
  /** The extent of the thread loop, of which `begin..end` is a part; undefined where the kernel has none and ignores the range. */
  readonly threads: Expr | undefined;
}

export interface CompiledModule {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly functions: readonly KernelFunction[];
  /** Features without which the module does not validate. */
  readonly features: readonly Feature[];
}

/** The most pages of 64 KiB that a shared memory may have: all that 32 bits reach, and all that engines give with 64. */
const sharedPages = { i32: 65536, i64: 262144 } as const;

/** Features that are the memory's, not the instructions'. */
const memoryFeatures: readonly Feature[] = ["shared-memory", "memory64"];

/** The module of lowered kernels as plain data, for printing. Options as `compileModule`. */
export function emitModule(
  kernels: readonly Kernel[],
  features: readonly Feature[],
): {
  readonly module: WasmModule;
  readonly functions: readonly KernelFunction[];
  readonly features: readonly Feature[];
} {
  const names = new Set<string>();
  for (const { name } of kernels) {
    if (names.has(name)) throw new EmitError(`two kernels of the module are called ${name}: rename one`);
    names.add(name);
  }
  const shared = features.includes("shared-memory");
  const address = features.includes("memory64") ? "i64" : "i32";
  const emitted = kernels.map((kernel) => emitKernel(kernel, features));
  const used = features.filter(
    (feature) => memoryFeatures.includes(feature) || emitted.some((e) => e.features.has(feature)),
  );
  const module: WasmModule = {
    imports: [
      {
        kind: "memory",
        module: "env",
        field: "memory",
        name: "memory",
        address,
        min: 0,
        ...(shared ? { max: sharedPages[address] } : {}),
        shared,
      },
    ],
    globals: [],
    functions: emitted.map((e) => e.function),
    exports: kernels.map(({ name }) => ({ name, kind: "function", item: name })),
    data: [],
  };
  const functions = kernels.map(({ name, stage, buffers, symbols, body }) => ({
    name,
    stage,
    buffers: buffers.filter((buffer) => buffer.scope === "global").map((buffer) => buffer.name),
    symbols,
    threads: threadExtent(body),
  }));
  return { module, functions, features: used };
}

/**
 * Compiles lowered kernels to a Wasm module that validates wherever SIMD128 and the features in the result exist.
 *
 * @param features what the module may use: `relaxed-simd` (leave it out for the strict twin), `shared-memory` (the imported memory is then a shared one), `memory64` (its addresses have 64 bits)
 * @throws EmitError where a kernel is not in lowered form
 */
export function compileModule(kernels: readonly Kernel[], features: readonly Feature[]): CompiledModule {
  const { module, functions, features: used } = emitModule(kernels, features);
  return { bytes: encodeModule(module), functions, features: used };
}
