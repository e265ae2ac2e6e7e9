// What holds for every command: help, and errors of its command line.

import { describe, expect, test } from "vitest";
import { commands } from "../../../../src/cli/commands/index.ts";
import { qloom } from "../run.ts";

describe.each(Object.keys(commands))("qloom %s", (name) => {
  test("explains itself", async () => {
    const { code, out, err } = await qloom(name, "--help");
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(out).toMatch(new RegExp(`^Usage: qloom ${name}`));
    // One that gives no result, as a server does, has none to print.
    expect(out.includes("--json")).toBe(commands[name]?.render !== undefined);
    // Fits a terminal of a usual width, but for a sentence here and there.
    for (const line of out.split("\n")) expect(line.length).toBeLessThan(140);
  });

  test("refuses an option that it does not know", async () => {
    const { code, out, err } = await qloom(name, "--nonsense");
    expect({ code, out }).toEqual({ code: 2, out: "" });
    expect(err).toBe(`qloom: unknown option '--nonsense'; see qloom ${name} --help\n`);
  });
});
