/** The measuring process in a browser: a dedicated worker of a page, started by `page-link.ts`. */
import { makeMeasuring } from "../measuring/measuring.ts";
import type { Request } from "../protocol.ts";

const answer = makeMeasuring();
addEventListener("message", ({ data }: MessageEvent<Request>) => {
  // What is nobody's fault but ours reaches the page as an error of the worker.
  answer(data).then((reply) => postMessage(reply), reportError);
});
