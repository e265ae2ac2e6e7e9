/**
 * Measures candidates of one workload in a process that can be killed. A candidate goes through build, check and time; each gives its result or why the candidate came
 * to nothing. After a crash or hang the process is started again, and after a wrong result or trap too: what such a kernel has left in memory must not be held against
 * the next. Contestants that are to be timed against are then built and checked again on the way.
 * Not here: which candidates, and what is remembered of them (tune-part.ts).
 */
import { canonicalJson, iterationsOf, programOf, typicalSizes, type Workload } from "../../ir/index.ts";
import { hostsOf, type StartHost } from "./engines/index.ts";
import { TunerError } from "./errors.ts";
import type { Answer, MeasuringHost } from "./host.ts";
import type {
  Built,
  Candidate,
  Checked,
  Failure,
  Request,
  Results,
  SamplingOptions,
  Setting,
  Timed,
} from "./protocol.ts";

/** How long a candidate may take, in seconds. */
export interface TimeLimits {
  /** To be scheduled and emitted. @default 20 */
  readonly build?: number;
  /** To be loaded, packed for and run once; a workload's own expected time comes on top. @default 20 */
  readonly run?: number;
}

/** Contestants that could be timed, and the failure of one that no longer could. */
export type TimeAnswer = { readonly value: Timed } | { readonly failure: Failure; readonly candidate: Candidate };

/** Making weights, inputs and references of the largest workloads takes seconds. */
const prepareMs = 300_000;
/** Operations per second that the slowest kernel, without any schedule, makes on a slow machine. */
const slowest = 1e8;

export class Measurer {
  readonly #setting: Setting;
  readonly #limits: Required<TimeLimits>;
  readonly #signal: AbortSignal | undefined;
  readonly #startHost: StartHost;
  #process: MeasuringHost | undefined;
  /** What the process holds: checked ones by id, with the time of their first run. */
  readonly #loaded = new Map<string, { readonly candidate: Candidate; readonly ms: number | undefined }>();
  #fastest: number | undefined;

  /** Measures in Node unless told otherwise. */
  constructor(setting: Setting, limits: TimeLimits = {}, signal?: AbortSignal, startHost: StartHost = hostsOf("node")) {
    this.#setting = setting;
    this.#limits = { build: limits.build ?? 20, run: limits.run ?? 20 };
    this.#signal = signal;
    this.#startHost = startHost;
  }

  /** The process's id while there is one. */
  get pid(): number | undefined {
    return this.#process?.pid;
  }

  /** Schedules and emits. Throws a `TunerError` where the workload itself can't be measured; all methods throw the signal's reason when aborted. */
  async build(candidate: Candidate): Promise<Answer<Built>> {
    const id = idOf(candidate);
    const answer = await this.#ask({ op: "build", id, candidate }, 1000 * this.#limits.build);
    if (answer.failure === undefined) this.#loaded.set(id, { candidate, ms: undefined });
    return answer;
  }

  /** Runs once on guarded memory and judges the result. To be built before. */
  async check(candidate: Candidate): Promise<Answer<Checked>> {
    const id = idOf(candidate);
    const answer = await this.#ask({ op: "check", id }, this.#runLimit());
    if (answer.failure === undefined) {
      const { ms } = answer.value;
      this.#loaded.set(id, { candidate, ms });
      this.#fastest = Math.min(ms, this.#fastest ?? ms);
    }
    return answer;
  }

  /** Builds and checks what the process does not hold, or holds no longer. */
  async ensure(candidate: Candidate): Promise<Answer<null>> {
    if (this.#loaded.get(idOf(candidate))?.ms !== undefined) return { value: null };
    const built = await this.build(candidate);
    if (built.failure !== undefined) return built;
    const checked = await this.check(candidate);
    return checked.failure === undefined ? { value: null } : checked;
  }

  /**
   * Samples candidates that were checked, interleaved. A `newcomer`, the first, may get fewer samples than asked for where it is far slower than the others. A
   * failure is the first candidate's unless the process says whose.
   */
  async time(candidates: readonly Candidate[], sampling: SamplingOptions, newcomer = false): Promise<TimeAnswer> {
    const ids = candidates.map(idOf);
    const once = ids.reduce((sum, id) => sum + (this.#loaded.get(id)?.ms ?? 0), 0);
    const warmUpMs = 2000 * ids.length;
    const limitMs = 1000 * (this.#limits.run + 4 * sampling.seconds) + warmUpMs + 8 * (sampling.minSamples + 4) * once;
    const answer = await this.#ask({ op: "time", ids, sampling, newcomer }, limitMs);
    if (answer.failure === undefined) return answer;
    const guilty = candidates.find((c) => idOf(c) === answer.failure.id) ?? candidates[0]!;
    return { failure: answer.failure, candidate: guilty };
  }

  /** Frees what the process holds of a candidate. */
  async drop(candidate: Candidate): Promise<void> {
    const id = idOf(candidate);
    if (!this.#loaded.delete(id)) return;
    await this.#ask({ op: "drop", id }, prepareMs);
  }

  /** Ends the process. */
  close(): void {
    this.#process?.kill();
    this.#process = undefined;
    this.#loaded.clear();
  }

  async #ask<R extends Request>(request: R, limitMs: number): Promise<Answer<Results[R["op"]]>> {
    const running = await this.#start();
    try {
      const answer = await running.ask(request, limitMs, this.#signal);
      // A point that was refused has run nothing.
      if (answer.failure !== undefined && answer.failure.outcome !== "rejected") this.close();
      return answer;
    } catch (error) {
      this.close();
      throw error;
    }
  }

  async #start(): Promise<MeasuringHost> {
    if (this.#process?.alive) return this.#process;
    this.close();
    const host = await this.#startHost();
    this.#process = host;
    const { failure } = await host.ask({ op: "prepare", setting: this.#setting }, prepareMs, this.#signal);
    if (failure === undefined) return host;
    this.close();
    throw new TunerError(`${canonicalJson(this.#setting.workload)} can't be measured: ${failure.reason}`);
  }

  /** One run takes up to what a kernel without any schedule would; once a time is known, a hundred times that. */
  #runLimit(): number {
    const expected =
      this.#fastest === undefined ? (1000 * operations(this.#setting.workload)) / slowest : 100 * this.#fastest;
    return 1000 * this.#limits.run + expected;
  }
}

export const idOf = ({ template, point }: Candidate): string => canonicalJson({ template, point });

/** Two for each iteration: a product and a sum. The workload's M is fixed. */
const operations = (workload: Workload): number => 2 * iterationsOf(programOf(workload), typicalSizes(workload));
