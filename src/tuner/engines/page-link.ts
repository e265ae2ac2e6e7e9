/** The wire to a dedicated worker of this page: requests and replies as messages. A worker can be ended whatever it does. */
import type { Connect } from "../host.ts";
import type { Reply } from "../protocol.ts";
import { workerUrl } from "./worker-url.ts";

export interface PageEngineOptions {
  /** Makes the worker, where the library is bundled: a module worker whose file is a bundle of `worker-web`. */
  readonly worker?: () => Worker;
}

const ownWorker = (): Worker => new Worker(workerUrl("worker-web"), { type: "module", name: "qloom" });

export const connectPage =
  ({ worker: make = ownWorker }: PageEngineOptions = {}): Connect =>
  (events) => {
    const worker = make();
    const end = (reason: string): void => {
      worker.terminate();
      events.end(reason);
    };
    worker.addEventListener("message", ({ data }: MessageEvent<Reply>) => events.reply(data));
    // What does not load is an error without a message.
    worker.addEventListener("error", ({ message = "" }) => end(message === "" ? "the worker does not load" : message));
    worker.addEventListener("messageerror", () => end("what the worker said could not be read"));
    return { send: (request) => worker.postMessage(request), kill: () => worker.terminate() };
  };
