/** Starts a worker, in Node and Deno by `node:worker_threads`, in browsers as a module worker. */
import type { Answer, Mail } from "./mail.ts";

/** A worker from outside. */
export interface Thread {
  post(mail: Mail): void;
  /** Whether the process waits for it; a new one is not waited for. */
  hold(isHeld: boolean): void;
  end(): void;
}

export interface ThreadEvents {
  answer(answer: Answer): void;
  /** It ended, or never began. */
  ended(reason: string): void;
}

export const startThread = (events: ThreadEvents): Thread => {
  const node = globalThis.process?.getBuiltinModule?.("node:worker_threads");
  return node === undefined ? startInPage(events) : startInNode(node, events);
};

const isSource = import.meta.url.endsWith(".ts");
const sourceUrl = (): URL => new URL(isSource ? "./worker.ts" : "./worker.js", import.meta.url);

function startInNode({ Worker }: typeof import("node:worker_threads"), events: ThreadEvents): Thread {
  // The caller's own flags (a debugger's port, a test runner's loader) are not for the worker.
  const worker = new Worker(sourceUrl(), { execArgv: [], name: "qloom" });
  worker.on("message", (answer: Answer) => events.answer(answer));
  worker.on("error", (error: Error) => events.ended(error.message));
  worker.on("exit", (code) => events.ended(`it ended with code ${code}`));
  worker.unref();
  return {
    post: (mail) => worker.postMessage(mail),
    hold: (isHeld) => (isHeld ? worker.ref() : worker.unref()),
    end: () => void worker.terminate(),
  };
}

function startInPage(events: ThreadEvents): Thread {
  // Written out for bundlers, which look for these very words.
  const worker = isSource
    ? new Worker(sourceUrl(), { type: "module", name: "qloom" })
    : new Worker(new URL("./worker.js", import.meta.url), { type: "module", name: "qloom" });
  worker.addEventListener("message", ({ data }: MessageEvent<Answer>) => events.answer(data));
  // What does not load is an error without a message.
  worker.addEventListener("error", ({ message = "" }) => events.ended(message === "" ? "it does not load" : message));
  return { post: (mail) => worker.postMessage(mail), hold: () => {}, end: () => worker.terminate() };
}
