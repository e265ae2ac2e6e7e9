// A command with an option of each sort, for the tests of the command line; run as a program it serves as a qloom of
// that one command.

import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { QloomError } from "../../../ir/index.ts";
import { type Command, type Commands, defineCommand } from "../../../src/cli/command.ts";
import { main } from "../../../src/cli/process.ts";
import { choice, integer, list, positive } from "../../../src/cli/values.ts";

const weave: Command = defineCommand({
  summary: "Weave a kernel",
  operands: { usage: "<pattern> [more]", help: "What to weave", min: 1, max: 2 },
  options: {
    m: { type: "string", placeholder: "rows", help: "Rows of x", schema: integer(0) },
    budget: {
      type: "string",
      short: "b",
      placeholder: "seconds",
      help: "Time to take",
      schema: positive().default(60),
    },
    stage: { type: "string", help: "What to show", schema: choice("naive", "lowered").optional() },
    peers: {
      type: "string",
      placeholder: "names",
      help: "Whom to compare",
      schema: list("ort-node", "ort-web").default([]),
    },
    file: { type: "string", placeholder: "path", help: "Where to", multiple: true },
    db: { type: "string", placeholder: "path", help: "Which records" },
    plain: { type: "boolean", help: "Without relaxed SIMD" },
    seed: { type: "string", help: "Of the search", schema: z.string().transform(BigInt).optional() },
  },
  async run({ options, operands }, { signal, progress, fail }) {
    // Types follow from the rows above: these are numbers, not texts.
    const rows: number = options.m;
    const seconds: number = options.budget;
    progress(`weaving ${operands.join(" and ")}`);
    switch (operands[0]) {
      case "known":
        throw new QloomError("pattern known:\n  it is known; choose another");
      case "missing":
        throw Object.assign(new Error("ENOENT: no such file, open 'x'"), { code: "ENOENT", syscall: "open" });
      case "bug":
        throw new RangeError("out of thread");
      case "wrong":
        fail("the result is wrong");
        break;
      case "wait":
        await sleep(60_000, undefined, { signal });
        break;
      case "keep":
        while (!signal.aborted) await sleep(5);
        break;
      case "much":
        return { text: "thread\n".repeat(1_000_000) };
    }
    return { text: operands.join(" "), rows, seconds, plain: options.plain, file: options.file, peers: options.peers };
  },
  render: ({ text }) => text,
});

const quiet: Command = defineCommand({ summary: "Print nothing", options: {}, run: async () => undefined });

export const sample: Commands = { weave, quiet };

if (import.meta.main) process.exitCode = await main(sample);
