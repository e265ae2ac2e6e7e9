/**
 * The pool of workers that share launches with their caller: one for all kernels of a process (or page, or worker), started with the first kernel that wants threads, ended
 * with the last. Not here: the protocol (control.ts), what a worker does (worker.ts).
 */
import { ApiError } from "../errors.ts";
import type { SharedKernels, ShareKernels } from "../shared-kernels.ts";
import {
  announceMail,
  awaitDone,
  fits,
  makeControl,
  mostThreads,
  publish,
  takeFailure,
  takePart,
  wake,
} from "./control.ts";
import type { Answer, Mail } from "./mail.ts";
import { startThread, type Thread } from "./start.ts";

/** What tests change. */
export interface ThreadOptions {
  /** Launches of less work run on the caller's thread alone. */
  readonly leastWork?: number;
  /** What the others may take after the caller has done its part, besides 100 times what that took. */
  readonly patienceMs?: number;
}

/** What takes one core some 20 µs: less is not worth having another come. */
const leastShared = 2 ** 18;
const patience = 10_000;
const epochs = 2 ** 20;

/** Shares kernels among so many threads, the caller's among them. Throws an `ApiError` for a number that can't be, or where memory can't be shared. */
export function onThreads(threads: number, options: ThreadOptions = {}): ShareKernels {
  if (!Number.isInteger(threads) || threads < 1 || threads > mostThreads)
    throw new ApiError(`threads = ${threads}: a number from 1 to ${mostThreads}`);
  if (typeof SharedArrayBuffer === "undefined")
    throw new ApiError(
      `threads = ${threads}: threads need shared memory, which browsers give to pages that are cross-origin isolated; send the headers Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp, or compile for one thread`,
    );
  return async (module, instance, memory) => {
    current ??= new ThreadPool();
    return current.share(threads, module, instance, memory, options);
  };
}

let current: ThreadPool | undefined;

type Exported = (...args: readonly number[]) => void;

interface Member {
  readonly thread: Thread;
  /** Those that wait for answers, in the order asked. */
  readonly waiting: { readonly resolve: () => void; readonly reject: (error: Error) => void }[];
}

class ThreadPool {
  readonly #control = makeControl();
  /** Thread `i + 1` is member `i`; the caller is thread 0. */
  readonly #members: Member[] = [];
  /** Modules that are known, or about to be. */
  readonly #known = new Set<number>();
  #made = 0;
  #epoch = 0;
  #failure: string | undefined;

  async share(
    threads: number,
    module: WebAssembly.Module,
    instance: WebAssembly.Instance,
    memory: WebAssembly.Memory,
    { leastWork = leastShared, patienceMs = patience }: ThreadOptions,
  ): Promise<SharedKernels> {
    const id = this.#made++;
    const members = Array.from({ length: threads - 1 }, (_, i) => this.#member(i));
    const functions = Object.values(instance.exports) as Exported[];
    const places = new Map(Object.keys(instance.exports).map((name, at) => [name, at]));
    this.#known.add(id);
    const dispose = (): void => this.#drop(id, members);
    try {
      await Promise.all(members.map((member, i) => this.#ask(member, i + 1, { kind: "load", id, module, memory })));
    } catch (error) {
      dispose();
      throw error;
    }
    const run: SharedKernels["run"] = (kernel, args, iterations, work) => {
      const at = places.get(kernel) as number;
      const called = functions[at] as Exported;
      if (this.#failure !== undefined) throw new ApiError(this.#failure);
      if (iterations <= 1 || work < leastWork || !fits(args)) called(...args, 0, iterations);
      else this.#run({ kernel: id, function: at, args, iterations, threads }, called, kernel, patienceMs);
    };
    return { threads, run, dispose };
  }

  #run(call: Parameters<typeof publish>[2], called: Exported, name: string, patienceMs: number): void {
    const control = this.#control;
    this.#epoch = (this.#epoch + 1) % epochs;
    const chunks = publish(control, this.#epoch, call);
    for (let thread = 1; thread < call.threads; thread++) wake(control, thread);
    const start = performance.now();
    takePart(control, 0, ({ args }, begin, end) => called(...args, begin, end));
    const ownMs = performance.now() - start;
    if (!awaitDone(control, chunks, patienceMs + 100 * ownMs)) {
      this.#fail(
        `a thread has begun a part of kernel ${name} and not ended it after ${Math.round(patienceMs + 100 * ownMs)} ms`,
      );
      throw new ApiError(this.#failure as unknown as string);
    }
    const failure = takeFailure(control);
    if (failure !== undefined) throw new WebAssembly.RuntimeError(`kernel ${name} trapped in ${failure}`);
  }

  /** The member at a place; started where there is none. */
  #member(i: number): Member {
    const known = this.#members[i];
    if (known !== undefined) return known;
    const waiting: Member["waiting"] = [];
    const thread = startThread({
      answer: ({ error }: Answer) => {
        const asked = waiting.shift();
        if (waiting.length === 0) thread.hold(false);
        if (error === undefined) asked?.resolve();
        else asked?.reject(new ApiError(`threads: ${error}`));
      },
      ended: (reason) => this.#fail(`a thread is gone: ${reason}`),
    });
    const member: Member = { thread, waiting };
    this.#members[i] = member;
    const begun = this.#ask(member, i + 1, { kind: "begin", control: this.#control, thread: i + 1 });
    begun.catch(() => {});
    return member;
  }

  /** Rejects with an `ApiError` where the thread can't do it, or is gone. */
  #ask(member: Member, thread: number, mail: Mail): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(new ApiError(this.#failure));
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    member.waiting.push({ resolve, reject });
    // A process that only waits for this answer must not end.
    member.thread.hold(true);
    this.#post(member.thread, thread, mail);
    return promise;
  }

  #drop(id: number, members: readonly Member[]): void {
    if (!this.#known.delete(id) || this.#failure !== undefined) return;
    if (this.#known.size === 0) this.#end();
    else for (const [i, { thread }] of members.entries()) this.#post(thread, i + 1, { kind: "drop", id });
  }

  /** Announced before it is sent: one that is read before it is announced would be the last that is. */
  #post(to: Thread, thread: number, mail: Mail): void {
    announceMail(this.#control, thread);
    to.post(mail);
  }

  /** What is gone does not come back: whoever compiles next gets a new pool. */
  #fail(reason: string): void {
    if (this.#failure !== undefined) return;
    this.#failure = `threads: ${reason}; dispose of the kernel and compile it again`;
    const error = new ApiError(this.#failure);
    for (const { waiting } of this.#members) for (const { reject } of waiting.splice(0)) reject(error);
    this.#end();
  }

  #end(): void {
    this.#failure ??= "threads: the pool has ended; compile the kernel again";
    if (current === this) current = undefined;
    for (const [i, { thread }] of this.#members.entries()) {
      // Browsers give one that sleeps two seconds before they end it.
      announceMail(this.#control, i + 1);
      thread.end();
    }
  }
}
