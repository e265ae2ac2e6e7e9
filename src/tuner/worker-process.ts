/**
 * The measuring process seen from the tuner: started, asked one thing at a time within a time limit, killed. Not here: what is asked (measurer.ts).
 */
import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { TunerError } from "./errors.ts";
import type { Failure, Reply, Request, Results } from "./protocol.ts";

/** Characters of the process's last words that are kept. */
const lastWords = 2000;

/** What a request came to: its result, or why the candidate came to nothing. */
export type Answer<T> = { readonly value: T; readonly failure?: undefined } | { readonly failure: Failure };

export class WorkerProcess {
  readonly #child: ChildProcess;
  #stderr = "";
  #ended: string | undefined;

  constructor() {
    const file = import.meta.url.endsWith(".ts") ? "./worker.ts" : "./worker.js";
    this.#child = fork(fileURLToPath(new URL(file, import.meta.url)), [], {
      // The tuner's own flags (a debugger's port, a test runner's loader) are not for the process.
      execArgv: [],
      serialization: "advanced",
      stdio: ["ignore", "ignore", "pipe", "ipc"],
    });
    this.#child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-lastWords);
    });
    this.#child.on("error", (error) => {
      this.#ended ??= error.message;
    });
    // `close` comes after the last of stderr was read, `exit` may come before.
    this.#child.on("close", (code, signal) => {
      this.#ended ??= [signal === null ? `code ${code}` : `signal ${signal}`, ...this.#complaint()].join(": ");
    });
  }

  /** False once it has ended or was killed. */
  get alive(): boolean {
    return this.#ended === undefined && !this.#child.killed;
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /**
   * Sends a request and waits for its answer. A process that ends or is past its time gives the outcomes `crash` and `hang`, and is gone
   * afterwards. Throws the signal's reason when aborted, and a `TunerError` when the setting is at fault.
   */
  async ask<R extends Request>(
    request: R,
    limitMs: number,
    signal: AbortSignal | undefined,
  ): Promise<Answer<Results[R["op"]]>> {
    signal?.throwIfAborted();
    const answer = await this.#exchange(request, limitMs, signal);
    // Ctrl-C in a terminal reaches the process too, and its end may be seen before the signal.
    if (answer === "aborted") throw signal?.reason;
    if (typeof answer === "string") {
      const action = {
        prepare: "preparing",
        build: "it was built",
        check: "it was checked",
        time: "it was timed",
        drop: "",
      };
      const while_ = action[request.op];
      if (answer === "hang")
        return {
          failure: { outcome: "hang", reason: `past ${limitMs / 1000} s while ${while_}; the process was killed` },
        };
      return { failure: { outcome: "crash", reason: `the process ended while ${while_}: ${this.#ended}` } };
    }
    if ("error" in answer) throw new TunerError(answer.error);
    return "failure" in answer ? answer : { value: answer.value as Results[R["op"]] };
  }

  /** Ends the process at once. */
  kill(): void {
    this.#child.kill("SIGKILL");
  }

  #exchange(
    request: Request,
    limitMs: number,
    signal: AbortSignal | undefined,
  ): Promise<Reply | "hang" | "crash" | "aborted"> {
    const child = this.#child;
    return new Promise((resolve) => {
      const finish = (answer: Reply | "hang" | "crash" | "aborted"): void => {
        clearTimeout(timer);
        child.off("message", onMessage).off("close", onClose).off("error", onClose);
        signal?.removeEventListener("abort", onAbort);
        resolve(answer);
      };
      const onMessage = (reply: unknown): void => finish(reply as Reply);
      const onClose = (): void => finish(signal?.aborted ? "aborted" : "crash");
      const onAbort = (): void => {
        this.kill();
        finish("aborted");
      };
      const timer = setTimeout(() => {
        this.kill();
        finish("hang");
      }, limitMs);
      child.on("message", onMessage).on("close", onClose).on("error", onClose);
      signal?.addEventListener("abort", onAbort);
      if (this.#ended !== undefined) onClose();
      // A process that has just ended gives an error here; its end is heard of by `close`.
      else child.send(request, () => {});
    });
  }

  /** The line of its last words that says most: V8's and Node's line that begins with the error. */
  #complaint(): readonly string[] {
    const lines = this.#stderr.split("\n").map((line) => line.trim());
    const said = lines.find((line) => /^(# *)?(\w*Error\b|fatal)/i.test(line)) ?? lines.findLast((line) => line !== "");
    return said ? [said] : [];
  }
}
