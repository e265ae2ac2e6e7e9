/**
 * Loads a kernel that was built ahead of time: picks the best of its modules that this engine runs, and gets its bytes. Node and browsers; which
 * files there are, and what shares runs among threads, is in the generated module that calls this.
 */
import { relaxedDotAgrees, type WasmMemory } from "../../backends/index.ts";
import { type FileBeside, readBeside, wordsOf } from "./beside.ts";
import { ApiError } from "./errors.ts";
import { Executable } from "./executable.ts";
import type { KernelInfo } from "./info.ts";
import { kernelOf, type LoadedKernel } from "./kernel.ts";
import type { ShareKernels } from "./shared-kernels.ts";

/** One module of a built kernel. */
export interface Variant extends FileBeside {
  readonly info: KernelInfo;
}

/** What all kernels of a build have in common. */
export interface Built {
  /** In base64, the module that relaxed SIMD is checked with (`dotModule`). */
  readonly relaxedDot: string;
  /** The threads that it was built for, and what shares kernels among them; left out where that is one. */
  readonly threads?: { readonly most: number; readonly share: (threads: number) => ShareKernels };
}

/** What a module can be given as. */
export type ModuleSource = BufferSource | WebAssembly.Module;

export interface LoadOptions {
  /** Memory to work in: kernels that share one share packed tensors. By default a kernel has its own. Threads take one that was made with `{ shared: true }`. */
  readonly memory?: WasmMemory;
  /**
   * Threads that share a run, the caller's among them, the result being the same. More than one is refused where memory can't be shared.
   * @default as many as the kernels were built for, the machine has cores for, and the memory allows
   */
  readonly threads?: number;
  /** Gives the module in a file, by its name; by default the file beside the generated module is read. */
  readonly wasm?: (file: string) => ModuleSource | Promise<ModuleSource>;
  /** False takes the plain SIMD module even where the engine has relaxed SIMD. */
  readonly relaxedSimd?: boolean;
}

/**
 * Loads the first of the variants whose features this engine has.
 *
 * @throws ApiError where a file can't be read or compiled here, or the threads that were asked for can't be had
 */
export async function loadVariant<Weights, Arguments, Result>(
  variants: readonly Variant[],
  built: Built,
  options: LoadOptions,
): Promise<LoadedKernel<Weights, Arguments, Result>> {
  const threads = threadsFor(built, options);
  const share = threads === 1 ? undefined : built.threads?.share(threads);
  const found: Readonly<Record<string, boolean>> = {
    "relaxed-simd": options.relaxedSimd !== false && (await hasRelaxedSimd(built.relaxedDot)),
    "shared-memory": options.memory?.shared ?? share !== undefined,
  };
  const variant = variants.find(({ info }) => info.features.every((f) => found[f]));
  if (variant === undefined)
    throw new ApiError(
      `none of ${variants.map(({ file, info }) => `${file} (${info.features.join(", ")})`).join(", ")} runs in this engine`,
    );
  const source = await (options.wasm ?? ((): Promise<ModuleSource> => readBeside(variant, "wasm")))(variant.file);
  const module = await compiled(variant.file, source);
  return kernelOf(await Executable.instantiate(variant.info, module, options.memory, share));
}

/** The threads that share runs. Throws an `ApiError` where those that are asked for can't. */
function threadsFor({ threads: built }: Built, { threads: asked, memory }: LoadOptions): number {
  if (asked === undefined) {
    const shares = memory?.shared ?? typeof SharedArrayBuffer !== "undefined";
    return shares ? Math.min(built?.most ?? 1, globalThis.navigator?.hardwareConcurrency ?? 1) : 1;
  }
  if (asked !== 1 && built === undefined)
    throw new ApiError(`threads = ${asked}: the kernels were built for one; build them with threads in the config`);
  if (asked > 1 && memory?.shared === false)
    throw new ApiError(`threads = ${asked}: the memory is not shared; make one with {"shared":true}`);
  return asked;
}

const checked = new Map<string, Promise<boolean>>();

/** Checked once: an engine does not change. */
function hasRelaxedSimd(relaxedDot: string): Promise<boolean> {
  let answer = checked.get(relaxedDot);
  if (answer === undefined) {
    answer = relaxedDotAgrees(Uint8Array.from(atob(relaxedDot), (character) => character.charCodeAt(0)));
    checked.set(relaxedDot, answer);
  }
  return answer;
}

async function compiled(file: string, source: ModuleSource): Promise<WebAssembly.Module> {
  if (source instanceof WebAssembly.Module) return source;
  try {
    return await WebAssembly.compile(source);
  } catch (cause) {
    throw new ApiError(
      `${file} does not compile here: ${wordsOf(cause)}; the file is damaged, or the engine has no Wasm SIMD`,
      { cause },
    );
  }
}
