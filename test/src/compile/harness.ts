/** Runs compiled artifacts between guards: every tensor, packed ones and workspaces too, stands between sentinels or poison. */
import { type Guarded, guardedInput, guardedOutput, probeWasm, WasmMemory } from "../../../backends/index.ts";
import type { Containers, Device } from "../../../ir/index.ts";
import { evaluate, type Launch, type TensorSpec, type WasmArtifact } from "../../../src/compile/index.ts";

const probed = await probeWasm();

/** This machine's Wasm with relaxed SIMD. */
export const relaxed: Device = { ...probed, features: ["relaxed-simd"] };
/** The same without. */
export const strict: Device = { ...probed, features: [] };

/** Stored tensors under the names that `pack` takes: without the buffers' prefix. */
export const unprefixed = (containers: Containers): Record<string, Uint8Array> =>
  Object.fromEntries(Object.entries(containers).map(([name, bytes]) => [name.replace("w.", ""), bytes]));

/** An artifact's module, instantiated, with its packed weights. */
export interface GuardedKernel {
  /** y for the rows of x. Throws where something outside of a tensor was written. */
  run(x: Float32Array, m: number, bias?: Float32Array): Float32Array<ArrayBuffer>;
  /** The packed tensors' bytes. */
  readonly packed: readonly Tensor[];
  /** The kernel with other packed tensors. */
  withPacked(packed: readonly Tensor[]): GuardedKernel;
  free(): void;
}

type Tensor = readonly [name: string, bytes: Uint8Array];

/** Packs weights between guards. Throws where the packer writes outside of its tensors or into its input. */
export function guardedKernel(artifact: WasmArtifact, weights: Containers, runtime: WasmMemory): GuardedKernel {
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(artifact.code), {
    env: { memory: runtime.memory },
  });
  const call: Call = (launch, at, symbols) => {
    if (!launch.symbols.every((s) => within(symbols[s.name] as number, s))) return;
    const addresses = launch.tensors.map((name) => (at.get(name) as Guarded).address);
    const values = launch.symbols.map((s) => symbols[s.name] as number);
    (exports[launch.function] as Exported)(...addresses, ...values, 0, evaluate(launch.threads, symbols));
  };
  const stored = artifact.weights.map(({ name }): Tensor => [name, weights[name] as Uint8Array]);
  const inputs = guardedInputs(runtime, stored);
  const outputs = guardedOutputs(runtime, artifact.packed, {});
  for (const launch of artifact.pack) call(launch, new Map([...inputs, ...outputs]), {});
  check(inputs, outputs);
  const packed = [...outputs].map(([name, g]): Tensor => [name, runtime.read(g.address, g.bytes)]);
  free(inputs, outputs);
  return runnable(artifact, runtime, call, packed);
}

type Exported = (...args: readonly number[]) => void;
type Symbols = Readonly<Record<string, number>>;
type Call = (launch: Launch, at: ReadonlyMap<string, Guarded>, symbols: Symbols) => void;

function runnable(artifact: WasmArtifact, runtime: WasmMemory, call: Call, packed: readonly Tensor[]): GuardedKernel {
  // Packed tensors are inputs now: what is beside them is poison.
  const weights = guardedInputs(runtime, packed);
  return {
    run: (x, m, bias) => {
      const symbols = { M: m };
      const part = artifact.parts.find((p) => m >= p.min && m <= p.max) as WasmArtifact["parts"][number];
      const bytes = (values: Float32Array): Uint8Array =>
        new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
      const given = guardedInputs(runtime, [["x", bytes(x)], ...(bias ? [["bias", bytes(bias)] as const] : [])]);
      const made = guardedOutputs(runtime, [...artifact.outputs, ...part.workspaces], symbols);
      for (const launch of part.launches) call(launch, new Map([...weights, ...given, ...made]), symbols);
      check(weights, given, made);
      const y = made.get("y") as Guarded;
      const result = runtime.readF32(y.address, y.bytes / 4);
      free(given, made);
      return result;
    },
    packed,
    withPacked: (other) => runnable(artifact, runtime, call, other),
    free: () => free(weights),
  };
}

const guardedInputs = (runtime: WasmMemory, tensors: readonly Tensor[]): Map<string, Guarded> =>
  new Map(tensors.map(([name, bytes]) => [name, guardedInput(runtime, bytes)]));

const guardedOutputs = (runtime: WasmMemory, specs: readonly TensorSpec[], symbols: Symbols): Map<string, Guarded> =>
  new Map(specs.map(({ name, bytes }) => [name, guardedOutput(runtime, evaluate(bytes, symbols))]));

function free(...groups: readonly ReadonlyMap<string, Guarded>[]): void {
  for (const group of groups) for (const guarded of group.values()) guarded.free();
}

const within = (value: number, s: Launch["symbols"][number]): boolean =>
  value >= s.min && value <= s.max && value % s.modulo === s.residue;

function check(...groups: readonly ReadonlyMap<string, Guarded>[]): void {
  for (const group of groups)
    for (const [name, guarded] of group) {
      const violation = guarded.violation();
      if (violation !== undefined) throw new Error(`${name}: ${violation}`);
    }
}

/** Memory whose every byte is poison before it is used, so that nothing can rely on zeros. */
export function poisonedRuntime(bytes: number): WasmMemory {
  const runtime = new WasmMemory();
  const at = runtime.allocate(bytes);
  runtime.bytes(at, bytes).fill(0xff);
  runtime.free(at);
  return runtime;
}
