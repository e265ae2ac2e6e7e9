/**
 * The measuring process seen from the tuner: asked one thing at a time within a time limit, killed. The same for every engine: how one is started and reached is a
 * `Connect` (`engines/`). Not here: what is asked (measurer.ts).
 */
import { TunerError } from "./errors.ts";
import type { Failure, Reply, Request, Results } from "./protocol.ts";

/** What a request came to: its result, or why the candidate came to nothing. */
export type Answer<T> = { readonly value: T; readonly failure?: undefined } | { readonly failure: Failure };

/** The wire to a measuring process. */
export interface Link {
  /** Of the operating system's process, where there is one and its id is known. */
  readonly pid?: number | undefined;
  /** May be called before the process is there. One that has ended takes it silently. */
  send(request: Request): void;
  /** Ends the process at once, whatever it does. */
  kill(): void;
}

/** What a link tells. */
export interface LinkEvents {
  reply(reply: Reply): void;
  /** The process is gone, or never came about; `reason` says why in a few words. */
  end(reason: string): void;
}

/** Starts a measuring process. */
export type Connect = (events: LinkEvents) => Link;

type Came = Reply | "hang" | "crash" | "aborted";

const doing = {
  probe: "being probed",
  prepare: "preparing",
  build: "it was built",
  check: "it was checked",
  time: "it was timed",
  drop: "it was dropped",
} satisfies Record<Request["op"], string>;

/** A measuring process. */
export class MeasuringHost {
  readonly #link: Link;
  #waiting: ((came: Came) => void) | undefined;
  #ended: string | undefined;
  #killed = false;

  constructor(connect: Connect) {
    this.#link = connect({
      reply: (reply) => this.#waiting?.(reply),
      end: (reason) => {
        this.#ended ??= reason;
        this.#waiting?.("crash");
      },
    });
  }

  /** False once it has ended or was killed. */
  get alive(): boolean {
    return this.#ended === undefined && !this.#killed;
  }

  get pid(): number | undefined {
    return this.#link.pid;
  }

  /**
   * Sends a request and waits for its answer. A process that ends or is past its time gives the outcomes `crash` and `hang`, and is gone
   * afterwards. Throws the signal's reason when aborted, and a `TunerError` when the setting is at fault.
   */
  async ask<R extends Request>(request: R, limitMs: number, signal?: AbortSignal): Promise<Answer<Results[R["op"]]>> {
    signal?.throwIfAborted();
    const came = await this.#exchange(request, limitMs, signal);
    // Ctrl-C in a terminal reaches the process too, and its end may be seen before the signal.
    if (came === "aborted" || (came === "crash" && signal?.aborted)) throw signal?.reason;
    const during = doing[request.op];
    if (came === "hang")
      return {
        failure: { outcome: "hang", reason: `past ${limitMs / 1000} s while ${during}; the process was killed` },
      };
    if (came === "crash")
      return { failure: { outcome: "crash", reason: `the process ended while ${during}: ${this.#ended}` } };
    if ("error" in came) throw new TunerError(came.error);
    return "failure" in came ? came : { value: came.value as Results[R["op"]] };
  }

  /** Ends the process at once. */
  kill(): void {
    this.#killed = true;
    this.#link.kill();
  }

  #exchange(request: Request, limitMs: number, signal: AbortSignal | undefined): Promise<Came> {
    return new Promise((resolve) => {
      const finish = (came: Came): void => {
        clearTimeout(timer);
        this.#waiting = undefined;
        signal?.removeEventListener("abort", onAbort);
        if (came === "hang" || came === "aborted") this.kill();
        resolve(came);
      };
      const onAbort = (): void => finish("aborted");
      const timer = setTimeout(() => finish("hang"), limitMs);
      this.#waiting = finish;
      signal?.addEventListener("abort", onAbort);
      if (this.#ended !== undefined) finish("crash");
      else this.#link.send(request);
    });
  }
}
