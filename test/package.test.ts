// The package as npm publishes it: packed, installed into an empty project, and used there.

import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { version } from "../src/index.ts";

interface Packed {
  readonly filename: string;
  readonly files: readonly { readonly path: string; readonly mode: number }[];
}

// Compiles and runs in the empty project. The wrong line holds only while types arrive: of `any` nothing is wrong.
const consumer = `
import { version } from "qloom";

const text: string = version;
// @ts-expect-error the version is no number
const wrong: number = version;

console.log(JSON.stringify({ version: text }));
`;

const consumerConfig = {
  compilerOptions: {
    target: "es2024",
    lib: ["es2024", "dom"],
    types: [],
    module: "nodenext",
    strict: true,
    exactOptionalPropertyTypes: true,
    skipLibCheck: false,
    noEmit: true,
  },
  files: ["consumer.ts"],
};

const root = join(import.meta.dirname, "..");
let project = "";
let packed: Packed;

/** Runs a program in `cwd`, with this Node before any other; npm's own settings for the outer run are left out. */
async function run(cwd: string, program: string, ...args: readonly string[]): Promise<string> {
  const inherited = Object.entries(process.env).filter(
    ([name]) => !/^npm_(package|lifecycle|command|execpath)/.test(name),
  );
  const env = {
    ...Object.fromEntries(inherited),
    PATH: `${dirname(process.execPath)}${delimiter}${process.env["PATH"]}`,
  };
  const { stdout } = await promisify(execFile)(program, args, { cwd, env, maxBuffer: 2 ** 24 });
  return stdout;
}

beforeAll(async () => {
  project = await mkdtemp(join(tmpdir(), "qloom-package-"));
  // --json makes npm send what the build prints elsewhere: standard output is the list alone.
  [packed] = JSON.parse(await run(root, "npm", "pack", "--json", "--pack-destination", project)) as [Packed];
  await writeFile(join(project, "package.json"), JSON.stringify({ name: "consumer", private: true, type: "module" }));
  await writeFile(join(project, "consumer.ts"), consumer);
  await writeFile(join(project, "tsconfig.json"), JSON.stringify(consumerConfig));
  await run(project, "npm", "install", "--prefer-offline", "--no-audit", "--no-fund", join(project, packed.filename));
}, 180_000);

afterAll(async () => {
  if (project !== "") await rm(project, { recursive: true, force: true });
});

describe("the packed package", () => {
  test("holds the build, the README and the license, and no source or test", () => {
    const paths = packed.files.map((file) => file.path);
    expect(paths).toEqual(expect.arrayContaining(["package.json", "README.md", "LICENSE"]));
    expect(paths).toEqual(expect.arrayContaining(["dist/src/index.js", "dist/src/index.d.ts", "dist/src/cli/main.js"]));
    const others = paths.filter((path) => !/^dist\/(src|ir|schedules|backends|tune-db)\/.+\.(js|d\.ts)$/.test(path));
    expect(others.sort()).toEqual(["LICENSE", "README.md", "package.json"]);
  });

  test("has an executable", () => {
    const main = packed.files.find((file) => file.path === "dist/src/cli/main.js");
    expect((main?.mode ?? 0) & 0o111).toBe(0o111);
  });
});

describe("installed into an empty project", () => {
  test("brings no peer along", () => {
    const peers = ["onnxruntime-node", "onnxruntime-web", "protobufjs"];
    expect(peers.filter((peer) => existsSync(join(project, "node_modules", peer)))).toEqual([]);
  });

  test("gives the public API", async () => {
    expect(JSON.parse(await run(project, process.execPath, "consumer.ts"))).toEqual({ version });
  });

  test("gives its types, that hold without this repository's settings", async () => {
    await expect(run(project, join(root, "node_modules/.bin/tsc"), "-p", project)).resolves.toBe("");
  });

  test("exports its manifest, and nothing below the API", async () => {
    const manifest = 'import m from "qloom/package.json" with { type: "json" }; console.log(m.version)';
    expect(await run(project, process.execPath, "--input-type=module", "--eval", manifest)).toBe(`${version}\n`);
    const inner = 'await import("qloom/dist/src/version.js")';
    await expect(run(project, process.execPath, "--input-type=module", "--eval", inner)).rejects.toThrow(
      "ERR_PACKAGE_PATH_NOT_EXPORTED",
    );
  });

  test("runs its command", async () => {
    expect(await run(project, "npx", "--no-install", "qloom", "--version")).toBe(`${version}\n`);
  });
});
