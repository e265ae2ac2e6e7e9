/**
 * A candidate in the measuring process: built, then run once on guarded memory and judged, then run many times. Every tensor that it may read is followed by
 * poison, every one that it may write stands between sentinels, while it is judged and while it is timed.
 */
import { crc32 } from "node:zlib";
import { type Guarded, guardedInput, guardedOutput, type WasmRuntime } from "../../backends/index.ts";
import { canonicalJson, QloomError } from "../../ir/index.ts";
import { rejection, type Target, templateNamed } from "../../schedules/index.ts";
import {
  type Artifact,
  artifactHash,
  buildArtifact,
  Executable,
  evaluate,
  hashOf,
  rangesOf,
  type WasmArtifact,
} from "../compile/index.ts";
import { PackedCopies } from "./packed-copies.ts";
import type { Problem } from "./problem.ts";
import type { Built, Candidate, Checked, Failure, Hook } from "./protocol.ts";

/** Ends the work on a candidate with an outcome. */
export class CandidateFailure extends QloomError {
  override name = "CandidateFailure";
  readonly failure: Failure;

  constructor(failure: Failure) {
    super(failure.reason);
    this.failure = failure;
  }
}

/** Memory that all contestants of a problem share. */
export interface Arena {
  readonly runtime: WasmRuntime;
  readonly problem: Problem;
  readonly inputs: ReadonlyMap<string, Guarded>;
  /** Packed weights by layout, the latest last. */
  readonly packed: Map<string, PackedCopies>;
  readonly copies: number;
}

export function makeArena(runtime: WasmRuntime, problem: Problem, copies: number): Arena {
  const inputs = new Map(Object.entries(problem.inputs).map(([name, data]) => [name, guardedInput(runtime, data)]));
  return { runtime, problem, inputs, packed: new Map(), copies };
}

/** Bytes of packed weights that are kept although no contestant reads them: the next of that layout need not be packed for. */
const mostKept = 2 ** 28;

/** Frees the oldest packed weights that no contestant reads. */
export function trimPacked({ packed }: Arena, contestants: Iterable<Contestant>): void {
  const used = new Set([...contestants].map(({ layout }) => layout));
  let kept = 0;
  for (const [layout, weights] of [...packed].reverse()) {
    if (used.has(layout)) continue;
    kept += weights.bytes;
    if (kept <= mostKept) continue;
    weights.free();
    packed.delete(layout);
  }
}

/** The artifact of a candidate for a workload with a fixed M. Throws a `CandidateFailure` for a point that is not of the space or does not apply. */
export function buildCandidate(target: Target, { template, point }: Candidate): { artifact: Artifact; built: Built } {
  const reject = (reason: string): CandidateFailure => new CandidateFailure({ outcome: "rejected", reason });
  const known = templateNamed(template);
  if (known === undefined) throw reject(`there is no template ${template}`);
  const refusal = known.refuses(target) ?? rejection(known.space(target), point);
  if (refusal !== undefined) throw reject(`${template}: ${refusal}`);
  try {
    const { name, min, max } = rangesOf(target.workload)[0]!;
    const schedule = known.schedule(target, point);
    const artifact = buildArtifact(target, [{ name, min, max, template, point, schedule }]);
    return { artifact, built: { schedule, artifact: artifactHash(artifact), kernels: kernelsHash(artifact) } };
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const bug = error instanceof QloomError ? "" : " (a fault of the compiler)";
    throw reject(`${error.name}: ${error.message}${bug}`);
  }
}

/** Leaves out how the kernels came about. */
function kernelsHash({ code, layout, packed, pack, parts }: Artifact): string {
  const launched = parts.map(({ launches, workspaces }) => ({ launches, workspaces }));
  return hashOf(`${canonicalJson({ layout, packed, pack, launched })}${hashOf(code)}`);
}

export class Contestant {
  readonly candidate: Candidate;
  readonly #artifact: Artifact;
  readonly #arena: Arena;
  readonly #hook: Hook | undefined;
  readonly #hookData: unknown;
  #executable: Executable | undefined;
  /** Outputs and workspaces. */
  #written: ReadonlyMap<string, Guarded> = new Map();
  /** Addresses of all tensors, a map per copy of the weights. */
  #addresses: readonly ReadonlyMap<string, number>[] = [];
  #turn = 0;
  #checksum = 0;
  /** Milliseconds of a run once its times have stopped falling. */
  steadyMs: number | undefined;

  constructor(candidate: Candidate, artifact: Artifact, arena: Arena, hook: Hook | undefined, hookData: unknown) {
    this.candidate = candidate;
    this.#artifact = artifact;
    this.#arena = arena;
    this.#hook = hook;
    this.#hookData = hookData;
  }

  get layout(): string {
    return this.#artifact.layout;
  }

  /** Calls the test's hook, if there is one. */
  async call(stage: Parameters<Hook>[0], outputs: Readonly<Record<string, Uint8Array>> = {}): Promise<void> {
    await this.#hook?.(stage, this.candidate, this.#hookData, outputs);
  }

  /** Loads, packs, runs once and judges. Throws a `CandidateFailure` for a trap or a wrong result. */
  async check(): Promise<Checked> {
    const { runtime, problem } = this.#arena;
    let ms: number;
    try {
      this.#executable = await Executable.load(this.#artifact as WasmArtifact, runtime);
      this.#place(this.#executable);
      await this.call("run");
      const start = performance.now();
      this.run();
      ms = performance.now() - start;
    } catch (error) {
      throw outcomeOf(error);
    }
    await this.call("ran", this.#outputs());
    this.#requireUntouched();
    const verdict = problem.judge((name) => this.#outputs()[name]!.slice() as Uint8Array<ArrayBuffer>);
    if (verdict.fault !== undefined) throw new CandidateFailure({ outcome: "wrong", reason: verdict.fault });
    this.#checksum = this.#outputsChecksum();
    return { maxError: verdict.maxError, ms };
  }

  /** One run, on the next copy of the weights. Throws a `CandidateFailure` for a trap. */
  run(): void {
    const addresses = this.#addresses[this.#turn++ % this.#addresses.length]!;
    try {
      this.#executable!.launch(this.#arena.problem.m, addresses);
    } catch (error) {
      throw outcomeOf(error);
    }
  }

  /** Throws a `CandidateFailure` if results or memory are no longer what they were when the contestant was checked. */
  recheck(): void {
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

  #place(executable: Executable): void {
    const { runtime, problem, inputs } = this.#arena;
    const weights = this.#artifact.packed.length > 0 ? this.#packed(executable) : undefined;
    const symbols = { M: problem.m };
    const specs = [...this.#artifact.outputs, ...executable.partFor(problem.m).workspaces];
    this.#written = new Map(specs.map(({ name, bytes }) => [name, guardedOutput(runtime, evaluate(bytes, symbols))]));
    const own = [...inputs, ...this.#written].map(([name, { address }]) => [name, address] as const);
    this.#addresses = (weights?.addresses() ?? [new Map()]).map((of) => new Map([...of, ...own]));
  }

  /** The weights in this layout: those of an earlier contestant while they are intact, else packed now. */
  #packed(executable: Executable): PackedCopies {
    const { problem, packed, copies } = this.#arena;
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
      return this.#arena.runtime.bytes(address, bytes);
    };
    return Object.fromEntries(this.#artifact.outputs.map(({ name }) => [name, view(name)]));
  }

  #outputsChecksum(): number {
    return Object.values(this.#outputs()).reduce((sum, bytes) => crc32(bytes, sum), 0);
  }

  #requireUntouched(): void {
    const { inputs, packed } = this.#arena;
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
