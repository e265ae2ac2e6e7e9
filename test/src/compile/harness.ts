/** Runs compiled artifacts between guards: every tensor, packed ones and workspaces too, stands between sentinels or poison. */
import { type Guarded, guardedInput, guardedOutput, probeWasm, WasmRuntime } from "../../../backends/index.ts";
import type { Containers, Device } from "../../../ir/index.ts";
import { type Artifact, evaluate, type Launch, type TensorSpec } from "../../../src/compile/index.ts";

const probed = await probeWasm();

/** This machine's Wasm with relaxed SIMD. */
export const relaxed: Device = { ...probed, features: ["relaxed-simd"] };
/** The same without. */
export const strict: Device = { ...probed, features: [] };

/** Stored tensors under the names that `pack` takes: without the buffers' prefix. */
export const unprefixed = (containers: Containers): Record<string, Uint8Array> =>
  Object.fromEntries(Object.entries(containers).map(([name, bytes]) => [name.replace("w.", ""), bytes]));

type Exported = (...args: readonly number[]) => void;

/** An artifact's module, instantiated, with its packed weights. */
export interface GuardedKernel {
  /** y for the rows of x. Throws where something outside of a tensor was written. */
  run(x: Float32Array, m: number, bias?: Float32Array): Float32Array<ArrayBuffer>;
  free(): void;
}

/** Packs weights between guards. Throws where the packer writes outside of its tensors or into its input. */
export function guardedKernel(artifact: Artifact, weights: Containers, runtime: WasmRuntime): GuardedKernel {
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(artifact.code), {
    env: { memory: runtime.memory },
  });
  const call = (launch: Launch, at: ReadonlyMap<string, Guarded>, symbols: Readonly<Record<string, number>>): void => {
    if (!launch.symbols.every((s) => within(symbols[s.name] as number, s))) return;
    const addresses = launch.tensors.map((name) => (at.get(name) as Guarded).address);
    const values = launch.symbols.map((s) => symbols[s.name] as number);
    (exports[launch.function] as Exported)(...addresses, ...values, 0, evaluate(launch.threads, symbols));
  };
  const output = (spec: TensorSpec, symbols: Readonly<Record<string, number>>): [string, Guarded] => [
    spec.name,
    guardedOutput(runtime, evaluate(spec.bytes, symbols)),
  ];
  const stored = new Map(
    artifact.weights.map(({ name }) => [name, guardedInput(runtime, weights[name] as Uint8Array)]),
  );
  const packed = new Map(artifact.packed.map((spec) => output(spec, {})));
  for (const launch of artifact.pack) call(launch, new Map([...stored, ...packed]), {});
  check(stored, packed);
  for (const guarded of stored.values()) guarded.free();
  // From here on packed tensors are inputs: what is behind them becomes poison.
  const inputs = new Map(
    [...packed].map(([name, g]) => [name, guardedInput(runtime, runtime.read(g.address, g.bytes))]),
  );
  for (const guarded of packed.values()) guarded.free();
  return {
    run: (x, m, bias) => {
      const symbols = { M: m };
      const part = artifact.parts.find((p) => m >= p.min && m <= p.max) as Artifact["parts"][number];
      const given = new Map([
        ["x", guardedInput(runtime, x)],
        ...(bias ? [["bias", guardedInput(runtime, bias)] as const] : []),
      ]);
      const made = new Map([...artifact.outputs, ...part.workspaces].map((spec) => output(spec, symbols)));
      for (const launch of part.launches) call(launch, new Map([...inputs, ...given, ...made]), symbols);
      check(inputs, given, made);
      const y = made.get("y") as Guarded;
      const result = runtime.readF32(y.address, y.bytes / 4);
      for (const guarded of [...given.values(), ...made.values()]) guarded.free();
      return result;
    },
    free: () => {
      for (const guarded of inputs.values()) guarded.free();
    },
  };
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
export function poisonedRuntime(bytes: number): WasmRuntime {
  const runtime = new WasmRuntime();
  const at = runtime.allocate(bytes);
  runtime.bytes(at, bytes).fill(0xff);
  runtime.free(at);
  return runtime;
}
