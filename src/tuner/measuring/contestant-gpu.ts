/** Candidates as shaders: all of them on one GPU, timed by its clock. */
import {
  GpuError,
  type GpuFault,
  type GpuRuntime,
  type GpuTensor,
  type GpuTimer,
  openGpu,
  type Prepared,
} from "../../../backends/index.ts";
import { Executable, evaluate, type WgslArtifact } from "../../compile/index.ts";
import { GpuExecutable, packedSizes, packedSlices, packerOf } from "../../runtime/index.ts";
import { TunerError } from "../errors.ts";
import type { Checked, Failure, Setting } from "../protocol.ts";
import { checksum } from "./checksum.ts";
import {
  type Arena,
  CandidateFailure,
  type Contestant,
  type SharedPacked,
  type Tell,
  trimPacked,
} from "./contestant.ts";
import { type GuardedOutput, guardedInput, guardedOutput } from "./gpu-guard.ts";
import type { Problem } from "./problem.ts";
import { settle } from "./warm-up.ts";

/** Packed weights of one layout: a map of tensors per copy. */
interface GpuCopies extends SharedPacked {
  readonly copies: readonly ReadonlyMap<string, GpuTensor>[];
}

/** What all contestants of a problem share. */
interface Shared {
  readonly runtime: GpuRuntime;
  /** Undefined until something is timed: what it takes to trust the device's clock is spared where nothing is. */
  timer: GpuTimer<Prepared> | undefined;
  readonly problem: Problem;
  readonly inputs: ReadonlyMap<string, GpuTensor>;
  /** By layout, the latest last. */
  readonly packed: Map<string, GpuCopies>;
  readonly copies: number;
}

export async function gpuArena({ device, gpu, copies }: Setting, problem: Problem): Promise<Arena> {
  const runtime = await openGpu({ ...gpu, features: device.features });
  if (runtime.device.fingerprint !== device.fingerprint)
    throw new TunerError(
      `the device to measure on is ${device.fingerprint}, and the process has ${runtime.device.fingerprint}: probe it again`,
    );
  const inputs = new Map<string, GpuTensor>();
  for (const [name, data] of Object.entries(problem.inputs)) inputs.set(name, await guardedInput(runtime, name, data));
  const shared: Shared = { runtime, timer: undefined, problem, inputs, packed: new Map(), copies };
  return {
    contestant: (artifact, tell) => new GpuContestant(artifact as WgslArtifact, shared, tell),
    trim: (contestants) => trimPacked(shared.packed, contestants),
    dispose: () => runtime.dispose(),
  };
}

/** The bytes of results and workspaces by name, each a view of what stands around it too. */
type Contents = ReadonlyMap<string, Uint8Array<ArrayBuffer>>;

class GpuContestant implements Contestant {
  readonly layout: string;
  readonly #artifact: WgslArtifact;
  readonly #shared: Shared;
  readonly #tell: Tell;
  #executable: GpuExecutable<WgslArtifact> | undefined;
  /** Outputs, workspaces, and what runs change. */
  #written: ReadonlyMap<string, GuardedOutput> = new Map();
  /** A run on the first copy of the weights, and a run on each of them in turn. */
  #once: Prepared | undefined;
  #round: Prepared | undefined;
  #checksum = 0;

  constructor(artifact: WgslArtifact, shared: Shared, tell: Tell) {
    this.#artifact = artifact;
    this.#shared = shared;
    this.#tell = tell;
    const slices = this.#slices();
    this.layout = `${artifact.layout} ${JSON.stringify(artifact.packed.map(({ name }) => slices(name)))}`;
  }

  get quantumMs(): number {
    return this.#shared.timer?.facts.quantumMs ?? 0;
  }

  async check(): Promise<Checked> {
    const { runtime, problem } = this.#shared;
    const { ms, contents } = await this.#failing(async () => {
      this.#executable = await GpuExecutable.load(this.#artifact, runtime);
      await this.#place(this.#executable);
      await this.#restore();
      await this.#tell("run");
      const start = performance.now();
      await this.#runOnce();
      const taken = performance.now() - start;
      return { ms: taken, contents: await this.#read() };
    });
    await this.#tell("ran", Object.fromEntries(this.#judged().map((name) => [name, contents.get(name)!])));
    this.#requireUntouched(contents);
    const verdict = problem.judge((name) => contents.get(name)!.slice());
    if (verdict.fault !== undefined) throw new CandidateFailure({ outcome: "wrong", reason: verdict.fault });
    this.#checksum = this.#checksumOf(contents);
    return { maxError: verdict.maxError, ms };
  }

  async settle(): Promise<number> {
    await this.#timer();
    return settle(this);
  }

  async time(count: number): Promise<number> {
    const { copies } = this.#shared;
    const rounds = Math.ceil(count / copies);
    const timer = await this.#timer();
    const ms = await this.#failing(() => timer.time(this.#round!, rounds));
    return (ms * count) / (rounds * copies);
  }

  async #timer(): Promise<GpuTimer<Prepared>> {
    this.#shared.timer ??= await this.#shared.runtime.timer();
    return this.#shared.timer;
  }

  async recheck(): Promise<void> {
    const contents = await this.#failing(async () => {
      if (await this.#restore()) await this.#runOnce();
      return this.#read();
    });
    this.#requireUntouched(contents);
    if (this.#checksumOf(contents) !== this.#checksum)
      throw new CandidateFailure({
        outcome: "wrong",
        reason: "the result changed from run to run on the same numbers",
      });
  }

  dispose(): void {
    for (const { tensor } of this.#written.values()) tensor.free();
    this.#executable?.dispose();
  }

  async #place(executable: GpuExecutable<WgslArtifact>): Promise<void> {
    const { runtime, problem, inputs } = this.#shared;
    const { outputs, parts, packed } = this.#artifact;
    const weights = packed.length > 0 ? await this.#packed() : [new Map<string, GpuTensor>()];
    const written = new Map<string, GuardedOutput>();
    this.#written = written;
    for (const { name, bytes } of [...outputs, ...parts.flatMap(({ workspaces }) => workspaces)])
      written.set(name, await guardedOutput(runtime, name, evaluate(bytes, problem.sizes)));
    for (const [name, { byteLength }] of Object.entries(problem.changed ?? {}))
      written.set(name, await guardedOutput(runtime, name, byteLength));
    const own = [...inputs, ...[...written].map(([name, { tensor }]) => [name, tensor] as const)];
    const launches = await Promise.all(
      weights.map((copy) => executable.launches(problem.sizes, new Map([...copy, ...own]))),
    );
    this.#once = await runtime.prepare(launches[0]!);
    this.#round = await runtime.prepare(launches.flat());
  }

  async #runOnce(): Promise<void> {
    const { runtime } = this.#shared;
    await runtime.launch(this.#once!);
    await runtime.done();
  }

  /** What runs change is again as it was before the first; false where there is no such. */
  async #restore(): Promise<boolean> {
    const { runtime, problem } = this.#shared;
    const changed = Object.entries(problem.changed ?? {});
    for (const [name, data] of changed) await runtime.write(this.#written.get(name)!.tensor, data);
    return changed.length > 0;
  }

  /** The weights in this layout, those of an earlier contestant where there are such: kernels can't write what they are given to read. */
  async #packed(): Promise<GpuCopies["copies"]> {
    const { runtime, problem, packed, copies } = this.#shared;
    const known = packed.get(this.layout);
    if (known !== undefined) return known.copies;
    const { code } = this.#artifact;
    const packer = await Executable.load({ ...packerOf(this.#artifact), code });
    const made: Map<string, GpuTensor>[] = [];
    const free = (): void => {
      for (const tensor of made.flatMap((copy) => [...copy.values()])) tensor.free();
    };
    try {
      const source = packer.pack(problem.weights);
      const slices = this.#slices();
      for (let i = 0; i < copies; i++) {
        const copy = new Map<string, GpuTensor>();
        made.push(copy);
        for (const { name } of this.#artifact.packed)
          copy.set(name, await guardedInput(runtime, name, source.bytes(name), slices(name)));
      }
      packed.set(this.layout, { copies: made, bytes: copies * source.byteLength, free });
      return made;
    } catch (error) {
      free();
      throw error;
    } finally {
      packer.dispose();
    }
  }

  #slices(): ReturnType<typeof packedSlices> {
    return packedSlices(this.#artifact, packedSizes(this.#artifact.packed), this.#shared.runtime.sizeLimits);
  }

  async #read(): Promise<Contents> {
    const contents = new Map<string, Uint8Array<ArrayBuffer>>();
    for (const [name, guarded] of this.#written) contents.set(name, await guarded.read());
    return contents;
  }

  #requireUntouched(contents: Contents): void {
    for (const [name, guarded] of this.#written) {
      const reason = guarded.violation(contents.get(name)!);
      if (reason !== undefined) throw new CandidateFailure({ outcome: "wrong", reason });
    }
  }

  /** Outputs, and what runs change. */
  #judged(): readonly string[] {
    return [...this.#artifact.outputs.map(({ name }) => name), ...Object.keys(this.#shared.problem.changed ?? {})];
  }

  #checksumOf(contents: Contents): number {
    return this.#judged().reduce((sum, name) => checksum(contents.get(name)!, sum), 0);
  }

  /** The work, its failures as a candidate's. */
  async #failing<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw outcomeOf(error);
    }
  }
}

/** What the runtime throws that is a candidate's doing; the rest is the machine's or ours. */
const outcomes: Readonly<Partial<Record<GpuFault, Failure["outcome"]>>> = {
  shader: "trap",
  limit: "trap",
  feature: "trap",
  call: "trap",
  driver: "trap",
  lost: "crash",
};

/** A `CandidateFailure` for what the GPU holds against a candidate; anything else as it is. */
export function outcomeOf(error: unknown): unknown {
  const outcome = error instanceof GpuError ? outcomes[error.fault] : undefined;
  return outcome === undefined
    ? error
    : new CandidateFailure({ outcome, reason: `${(error as Error).name}: ${(error as Error).message}` });
}
