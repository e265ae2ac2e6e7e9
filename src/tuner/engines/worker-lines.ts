/** The measuring process in Deno or Bun: started by `spawned.ts`. Written against Node's modules, which both have. */
import process from "node:process";
import { createInterface } from "node:readline";
import { makeMeasuring } from "../measuring/measuring.ts";
import type { Request } from "../protocol.ts";
import { guardProcess } from "./guard.ts";

guardProcess();
// Standard output is the channel.
console.log = console.error;

const answer = makeMeasuring();
createInterface({ input: process.stdin })
  .on("line", (line) => {
    // What a driver may have written without ending its line stays on a line of its own.
    void answer(JSON.parse(line) as Request).then((reply) => process.stdout.write(`\n${JSON.stringify(reply)}\n`));
  })
  .on("close", () => process.exit());
