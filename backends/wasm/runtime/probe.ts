/** Finds out what Wasm on this machine can do, as a Device record. */
import { b, type Device, type Feature, QloomError } from "../../../ir/index.ts";
import { compileModule } from "../module.ts";
import { type HostFacts, hostFacts } from "./host.ts";
import { WasmMemory } from "./memory.ts";
import { dotModule } from "./probe-relaxed.ts";
import { relaxedDotAgrees } from "./relaxed-dot.ts";

export interface ProbeOptions {
  /** False leaves relaxed SIMD out even where the engine has it: the device of the strict twin. */
  readonly relaxedSimd?: boolean;
  /** Facts to use instead of asking the host. */
  readonly host?: HostFacts;
}

const pages4GiB = 65536;

/** The most bytes that a memory may be declared with here. */
function maxMemory(): number {
  for (let maximum = pages4GiB; maximum > 1024; maximum /= 2) {
    try {
      new WebAssembly.Memory({ initial: 0, maximum });
      return maximum * 65536;
    } catch {}
  }
  return 1024 * 65536;
}

/** Whether a memory may have addresses of 64 bits, told as the final API has it. */
function hasMemory64(): boolean {
  try {
    new WasmMemory({ maxBytes: 2 ** 32 + 65536 });
    return true;
  } catch {
    return false;
  }
}

function hasSharedMemory(): boolean {
  try {
    return new WebAssembly.Memory({ initial: 0, maximum: 1, shared: true }).buffer instanceof SharedArrayBuffer;
  } catch {
    return false;
  }
}

/** A kernel of one vector store: validates where SIMD128 exists. */
function hasSimd(): boolean {
  const y = b.buffer("y", "f32", [16], { unit: "byte", role: "output" });
  const at = b.add(b.variable("&y"), b.lanes([4], [4]));
  const kernel = b.kernel("simd", "main", { buffers: [y], body: [b.store("y", [at], b.constant(0, "f32"))] });
  return WebAssembly.validate(compileModule([kernel], []).bytes);
}

/**
 * What this machine's Wasm can do. Relaxed SIMD counts only where its dot product gives the determined results on every pair of operands that
 * kernels may use.
 *
 * @throws QloomError where the engine has no SIMD128, which every kernel needs
 */
export async function probeWasm(options: ProbeOptions = {}): Promise<Device> {
  if (!hasSimd())
    throw new QloomError("this engine has no Wasm SIMD: use Node 16.4 or newer, or a browser of 2023 or newer");
  const host = options.host ?? hostFacts();
  const features: Feature[] = [];
  if (options.relaxedSimd !== false && (await relaxedDotAgrees(dotModule()))) features.push("relaxed-simd");
  if (hasSharedMemory()) features.push("shared-memory");
  if (hasMemory64()) features.push("memory64");
  const best = host.cpuFeatures[0];
  return {
    kind: "wasm",
    label: `${host.cpu}, ${host.cores} cores, ${host.program}`,
    fingerprint: [host.cpu, ...host.cpuFeatures, host.engine].join(", "),
    architecture: best === undefined ? host.family : `${host.family} ${best}`,
    engine: host.engine,
    features,
    limits: { cores: host.cores, ...host.caches, maxMemory: maxMemory() },
  };
}
