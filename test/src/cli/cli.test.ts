import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { runCli } from "../../../src/cli/cli.ts";
import { commands } from "../../../src/cli/commands/index.ts";
import { Interruption } from "../../../src/cli/errors.ts";
import { version } from "../../../src/index.ts";
import { sample } from "./sample.ts";

async function qloom(args: string, { debug = false, signal = new AbortController().signal, table = sample } = {}) {
  let out = "";
  let err = "";
  const code = await runCli(args === "" ? [] : args.split(" "), {
    commands: table,
    out: (text) => {
      out += text;
    },
    err: (text) => {
      err += text;
    },
    debug,
    signal,
  });
  return { code, out, err };
}

describe("help and version", () => {
  test("lists the commands of the table", async () => {
    const { code, out, err } = await qloom("--help");
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(out).toMatchInlineSnapshot(`
      "Usage: qloom <command> [options]

      Generates, tunes and builds kernels for quantized language models.

      Commands:
        weave  Weave a kernel
        quiet  Print nothing

      Options:
        --version   Print the version
        --help, -h  Print this help

      qloom <command> --help explains a command.
      "
    `);
    expect(await qloom("-h")).toEqual({ code, out, err });
  });

  test("goes to standard error where a command is missing", async () => {
    const { out } = await qloom("--help");
    expect(await qloom("")).toEqual({ code: 2, out: "", err: out });
  });

  test("explains a command from its row, even with options missing", async () => {
    const { code, out, err } = await qloom("weave --help");
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(out).toMatchInlineSnapshot(`
      "Usage: qloom weave <pattern> [more] [options]

      Weave a kernel.

      Arguments:
        <pattern> [more]  What to weave

      Options:
        --m <rows>              Rows of x (required)
        --budget, -b <seconds>  Time to take (default: 60)
        --stage <value>         What to show
        --peers <names>         Whom to compare
        --file <path>           Where to (may be repeated)
        --db <path>             Which records
        --plain                 Without relaxed SIMD
        --seed <value>          Of the search
        --json                  Print the result as JSON
        --help, -h              Print this help
      "
    `);
  });

  test("shows no --json where nothing is printed", async () => {
    expect((await qloom("quiet --help")).out).not.toContain("--json");
    expect((await qloom("quiet --json")).code).toBe(2);
  });

  test("every command of qloom explains itself", async () => {
    for (const name of Object.keys(commands)) {
      const { code, out } = await qloom(`${name} --help`, { table: commands });
      expect({ name, code, usage: out.startsWith(`Usage: qloom ${name}`) }).toEqual({ name, code: 0, usage: true });
    }
  });

  test("prints the version that package.json has", async () => {
    const manifest = JSON.parse(readFileSync("package.json", "utf8")) as { readonly version: string };
    expect(version).toBe(manifest.version);
    expect(await qloom("--version")).toEqual({ code: 0, out: `${version}\n`, err: "" });
  });
});

describe("usage errors", () => {
  test.each([
    ["unwoven"],
    ["toString"],
    ["--unknown"],
    ["weave a --m 1 --unknown"],
    ["weave a --m"],
    ["weave a --m --plain"],
    ["weave a --m 1 --plain=yes"],
    ["weave --m 1"],
    ["weave a b c --m 1"],
    ["weave a"],
    ["weave a --m 1.5"],
    ["weave a --m=-1"],
    ["weave a --m 1 --budget 0"],
    ["weave a --m 1 --stage printed"],
    ["weave a --m 1 --peers ort-node,ort-node"],
    ["quiet x"],
  ])("qloom %s", async (args) => {
    const { code, out, err } = await qloom(args);
    expect({ code, out }).toEqual({ code: 2, out: "" });
    expect(err).toMatch(/^qloom: [^\n]+\n$/);
    expect(err).toMatchSnapshot();
  });
});

describe("results", () => {
  test("go to standard output, progress to standard error", async () => {
    expect(await qloom("weave a b --m 1")).toEqual({ code: 0, out: "a b\n", err: "weaving a and b\n" });
    expect(await qloom("quiet")).toEqual({ code: 0, out: "", err: "" });
  });

  test("are printed as JSON, with the options' values and defaults in them", async () => {
    const { out } = await qloom("weave a --m 3 --json");
    expect(JSON.parse(out)).toEqual({ text: "a", rows: 3, seconds: 60, plain: false, file: [], peers: [] });
    const all = await qloom("weave a --m 0 -b 2.5 --plain --file x --file y --peers ort-web,ort-node --json");
    expect(JSON.parse(all.out)).toEqual({
      text: "a",
      rows: 0,
      seconds: 2.5,
      plain: true,
      file: ["x", "y"],
      peers: ["ort-web", "ort-node"],
    });
  });

  test("that are wrong are printed with exit code 1", async () => {
    const { code, out, err } = await qloom("weave wrong --m 1");
    expect({ code, out, err }).toEqual({ code: 1, out: "wrong\n", err: "weaving wrong\nqloom: the result is wrong\n" });
  });
});

describe("errors", () => {
  test("of a known class are one line", async () => {
    const known = await qloom("weave known --m 1");
    expect(known.code).toBe(1);
    expect(known.err).toBe("weaving known\nqloom: pattern known: it is known; choose another\n");
    const system = await qloom("weave missing --m 1");
    expect(system).toMatchObject({ code: 1, err: "weaving missing\nqloom: ENOENT: no such file, open 'x'\n" });
  });

  test("come with their stack for debugging", async () => {
    const { err } = await qloom("weave known --m 1", { debug: true });
    expect(err).toMatch(/qloom: pattern known: it is known; choose another\nQloomError: [\s\S]+ at .*sample\.ts/);
  });

  test("of any other class are bugs, and say so with their stack", async () => {
    const { code, out, err } = await qloom("weave bug --m 1");
    expect({ code, out }).toEqual({ code: 1, out: "" });
    expect(err).toMatch(
      /qloom: internal error: out of thread; please report it .*\nRangeError: [\s\S]+ at .*sample\.ts/,
    );
  });
});

describe("interruption", () => {
  test("ends a command that waits, in one line and with the signal's exit code", async () => {
    const controller = new AbortController();
    const run = qloom("weave wait --m 1", { signal: controller.signal });
    controller.abort(new Interruption("SIGINT", 130));
    expect(await run).toEqual({ code: 130, out: "", err: "weaving wait\nqloom: interrupted by SIGINT\n" });
  });

  test("prints what a command kept", async () => {
    const controller = new AbortController();
    const run = qloom("weave keep --m 1", { signal: controller.signal });
    controller.abort(new Interruption("SIGTERM", 143));
    expect(await run).toEqual({ code: 143, out: "keep\n", err: "weaving keep\nqloom: interrupted by SIGTERM\n" });
  });
});
