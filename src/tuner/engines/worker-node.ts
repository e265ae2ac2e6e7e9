/** The measuring process in Node: started by `node.ts`. */
import { flushCompileCache } from "node:module";
import process from "node:process";
import { setFlagsFromString } from "node:v8";
import { makeMeasuring } from "../measuring/measuring.ts";
import type { Request } from "../protocol.ts";
import { guardProcess } from "./guard.ts";

/** Only the optimizing compiler: no step in the times, and the first run of a candidate is as fast as the others. */
setFlagsFromString("--no-liftoff");
guardProcess();
process.on("disconnect", () => process.exit());

const answer = makeMeasuring();
process.on("message", (request: Request) => {
  void answer(request).then((reply) => {
    process.send!(reply);
    // The process is killed rather than ended and would never save what Node has compiled, where a cache is enabled (NODE_COMPILE_CACHE).
    if (request.op === "prepare") flushCompileCache();
  });
});
