/** Candidates as Wasm modules: all of them on one memory, timed by the processor's clock. */
import { type Guarded, guardedInput, guardedOutput, WasmRuntime } from "../../../backends/index.ts";
import { Executable, evaluate, type ShareKernels, sharedAmong, type WasmArtifact } from "../../compile/index.ts";
import { timerQuantum } from "../../timing/index.ts";
import type { Checked, Setting } from "../protocol.ts";
import { checksum } from "./checksum.ts";
import { type Arena, CandidateFailure, type Contestant, type Tell, trimPacked } from "./contestant.ts";
import { PackedCopies } from "./packed-copies.ts";
import type { Problem } from "./problem.ts";
import { warmUp } from "./warm-up.ts";

/** Memory that all contestants of a problem share. */
interface Shared {
  readonly runtime: WasmRuntime;
  readonly problem: Problem;
  readonly inputs: ReadonlyMap<string, Guarded>;
  /** Packed weights by layout, the latest last. */
  readonly packed: Map<string, PackedCopies>;
  readonly copies: number;
  /** Shares kernels among the device's threads. */
  readonly share: ShareKernels | undefined;
}

export async function wasmArena({ copies, device }: Setting, problem: Problem): Promise<Arena> {
  const share = sharedAmong(device);
  const runtime = new WasmRuntime({ shared: share !== undefined });
  const inputs = new Map(Object.entries(problem.inputs).map(([name, data]) => [name, guardedInput(runtime, data)]));
  const shared: Shared = { runtime, problem, inputs, packed: new Map(), copies, share };
  return {
    contestant: (artifact, tell) => new WasmContestant(artifact as WasmArtifact, shared, tell),
    trim: (contestants) => trimPacked(shared.packed, contestants),
    dispose: () => runtime.dispose(),
  };
}

class WasmContestant implements Contestant {
  readonly quantumMs: number = timerQuantum();
  readonly #artifact: WasmArtifact;
  readonly #shared: Shared;
  readonly #tell: Tell;
  #executable: Executable | undefined;
  /** Outputs, workspaces, and what runs change. */
  #written: ReadonlyMap<string, Guarded> = new Map();
  /** Addresses of all tensors, a map per copy of the weights. */
  #addresses: readonly ReadonlyMap<string, number>[] = [];
  #turn = 0;
  #checksum = 0;

  constructor(artifact: WasmArtifact, shared: Shared, tell: Tell) {
    this.#artifact = artifact;
    this.#shared = shared;
    this.#tell = tell;
  }

  get layout(): string {
    return this.#artifact.layout;
  }

  async check(): Promise<Checked> {
    const { runtime, problem, share } = this.#shared;
    let ms: number;
    try {
      this.#executable = await Executable.load(this.#artifact, runtime, share);
      this.#place(this.#executable);
      this.#restore();
      await this.#tell("run");
      const start = performance.now();
      this.#run();
      ms = performance.now() - start;
    } catch (error) {
      throw outcomeOf(error);
    }
    await this.#tell("ran", this.#outputs());
    this.#requireUntouched();
    const verdict = problem.judge((name) => this.#outputs()[name]!.slice() as Uint8Array<ArrayBuffer>);
    if (verdict.fault !== undefined) throw new CandidateFailure({ outcome: "wrong", reason: verdict.fault });
    this.#checksum = this.#outputsChecksum();
    return { maxError: verdict.maxError, ms };
  }

  async settle(): Promise<number> {
    return warmUp(() => this.#run());
  }

  async time(count: number): Promise<number> {
    const start = performance.now();
    for (let i = 0; i < count; i++) this.#run();
    return performance.now() - start;
  }

  async recheck(): Promise<void> {
    if (this.#restore()) this.#run();
    this.#requireUntouched();
    if (this.#outputsChecksum() !== this.#checksum)
      throw new CandidateFailure({
        outcome: "wrong",
        reason: "the result changed from run to run on the same numbers",
      });
  }

  dispose(): void {
    for (const guarded of this.#written.values()) guarded.free();
    this.#executable?.dispose();
  }

  /** One run, on the next copy of the weights. */
  #run(): void {
    const addresses = this.#addresses[this.#turn++ % this.#addresses.length]!;
    try {
      this.#executable!.launch(this.#shared.problem.sizes, addresses);
    } catch (error) {
      throw outcomeOf(error);
    }
  }

  #place(executable: Executable): void {
    const { runtime, problem, inputs } = this.#shared;
    const weights = this.#artifact.packed.length > 0 ? this.#packed(executable) : undefined;
    const specs = [...this.#artifact.outputs, ...executable.partFor(problem.sizes).workspaces];
    const sizes = [
      ...specs.map(({ name, bytes }) => [name, evaluate(bytes, problem.sizes)] as const),
      ...Object.entries(problem.changed ?? {}).map(([name, { byteLength }]) => [name, byteLength] as const),
    ];
    this.#written = new Map(sizes.map(([name, bytes]) => [name, guardedOutput(runtime, bytes)]));
    const own = [...inputs, ...this.#written].map(([name, { address }]) => [name, address] as const);
    this.#addresses = (weights?.addresses() ?? [new Map()]).map((of) => new Map([...of, ...own]));
  }

  /** What runs change is again as it was before the first; false where there is no such. */
  #restore(): boolean {
    const { runtime, problem } = this.#shared;
    const changed = Object.entries(problem.changed ?? {});
    for (const [name, data] of changed) runtime.write(this.#written.get(name)!.address, data);
    return changed.length > 0;
  }

  /** The weights in this layout: those of an earlier contestant while they are intact, else packed now. */
  #packed(executable: Executable): PackedCopies {
    const { problem, packed, copies } = this.#shared;
    const known = packed.get(this.layout);
    if (known !== undefined && known.violation() === undefined) return known;
    known?.free();
    const sizes = new Map(this.#artifact.packed.map(({ name, bytes }) => [name, evaluate(bytes, {})]));
    const made = new PackedCopies(executable.pack(problem.weights), sizes, copies);
    packed.set(this.layout, made);
    return made;
  }

  #outputs(): Record<string, Uint8Array> {
    const view = (name: string): Uint8Array => {
      const { address, bytes } = this.#written.get(name)!;
      return this.#shared.runtime.bytes(address, bytes);
    };
    const names = [
      ...this.#artifact.outputs.map(({ name }) => name),
      ...Object.keys(this.#shared.problem.changed ?? {}),
    ];
    return Object.fromEntries(names.map((name) => [name, view(name)]));
  }

  #outputsChecksum(): number {
    return Object.values(this.#outputs()).reduce((sum, bytes) => checksum(bytes, sum), 0);
  }

  #requireUntouched(): void {
    const { inputs, packed } = this.#shared;
    const guarded = [...inputs, ...this.#written];
    const reason =
      guarded.map(([name, of]) => of.violation() && `${name}: ${of.violation()}`).find((v) => v !== undefined) ??
      packed.get(this.layout)?.violation();
    if (reason !== undefined) throw new CandidateFailure({ outcome: "wrong", reason });
  }
}

/** A `CandidateFailure` for what the engine throws when a module does not load or traps; anything else as it is. */
function outcomeOf(error: unknown): unknown {
  const engine = [WebAssembly.CompileError, WebAssembly.LinkError, WebAssembly.RuntimeError, RangeError];
  if (!(error instanceof Error) || !engine.some((of) => error instanceof of)) return error;
  return new CandidateFailure({ outcome: "trap", reason: `${error.name}: ${error.message}` });
}
