// The package as npm publishes it: packed, installed into an empty project, and used there.

import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { formatNames, version } from "../src/index.ts";

interface Packed {
  readonly filename: string;
  readonly files: readonly { readonly path: string; readonly mode: number }[];
}

// Compiles and runs in the empty project. The wrong lines hold only while types arrive: of `any` nothing is wrong.
const consumer = `
import { ApiError, buildFolder, compile, defineBuild, formatNames, PackedTensors, QloomError, version } from "qloom";
import type { CompiledKernel, FormatName, MatmulWorkload, Workload } from "qloom";

const format: FormatName = "q4_0";
const attention = { op: "matmul", m: "any", n: 16, k: 64, w: format, bias: false, numerics: { compute: "i8", xGroup: 32 } } as const;
const kernel = await compile(attention, { db: false });
const w: PackedTensors = kernel.pack({ raw: new Uint8Array(16 * 36) });
const y: Float32Array = kernel.run({ x: new Float32Array(2 * 64), w, m: 2 });

let refused: unknown;
try {
  kernel.run({ x: new Float32Array(64), w, m: 2 });
} catch (error) {
  refused = error;
}

const config = defineBuild({ kernels: [{ name: "attn-q", workload: attention }] });
const { kernels } = await buildFolder(config, "kernels", { db: false });

export async function wrong(other: CompiledKernel<typeof attention>, unknown: Workload): Promise<void> {
  // @ts-expect-error there is no such format
  await compile({ ...attention, w: "q4_7" });
  // @ts-expect-error a size is missing
  await compile({ op: "matmul", m: 1, n: 16, w: "q4_0", bias: false, numerics: { compute: "f32" } });
  // @ts-expect-error q4_0 is stored as raw blocks
  other.pack({ codes: new Uint8Array(1), scales: new Float32Array(1) });
  // @ts-expect-error m is known at run time only
  other.run({ x: y, w });
  // @ts-expect-error x is f32
  other.run({ x: new Int8Array(64), w, m: 1 });
  const biased = await compile({ ...attention, m: 1, bias: true });
  // @ts-expect-error the bias is missing
  biased.run({ x: y, w });
  biased.run({ x: y, w, bias: y });
  // @ts-expect-error a config's formats are known too
  defineBuild({ kernels: [{ name: "a", workload: { ...attention, w: "q4_7" } }] });
  // @ts-expect-error the version is no number
  const number: number = version;
  const known: MatmulWorkload = { ...attention, w: String(number) };
  await compile(known);
  await compile(unknown);
}

console.log(
  JSON.stringify({
    version,
    formats: formatNames().length,
    y: [...y],
    refused: refused instanceof ApiError && refused instanceof QloomError && refused.message,
    built: kernels.map(({ loader }) => loader),
  }),
);
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
    const others = paths.filter(
      (path) => !/^dist\/(src|ir|schedules|backends|tune-db)\/.+\.(js|d\.ts|jsonl)$/.test(path),
    );
    const page = ["dist/src/web/page/page.html", "dist/src/web/page/style.css"];
    expect(others.sort()).toEqual(["LICENSE", "README.md", ...page, "package.json"]);
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
    expect(JSON.parse(await run(project, process.execPath, "consumer.ts"))).toEqual({
      version,
      formats: formatNames().length,
      y: Array(32).fill(0),
      refused: "x has 64 values, expected 128 (m = 2)",
      built: ["loadAttnQ"],
    });
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

  test("serves itself, and the packages beside it, to pages", async () => {
    const script = `
      import { modulePath, serve } from ${JSON.stringify(pathToFileURL(join(project, "node_modules/qloom/dist/src/web/index.js")).href)};
      const server = await serve();
      const ask = async (path) => (await fetch(new URL(path, server.url))).text();
      const page = await ask("");
      const zod = /"zod":"([^"]*)"/.exec(page)[1];
      console.log(JSON.stringify({ index: await ask(modulePath("src/index")), zod: (await ask(zod)).length }));
      await server.close();
    `;
    const served = JSON.parse(await run(project, process.execPath, "--input-type=module", "--eval", script));
    expect(served.index).toBe(await readFile(join(project, "node_modules/qloom/dist/src/index.js"), "utf8"));
    expect(served.zod).toBeGreaterThan(20);
  });

  test("runs its command", async () => {
    expect(await run(project, "npx", "--no-install", "qloom", "--version")).toBe(`${version}\n`);
  });

  test("builds kernels that run, and type, without it", async () => {
    const config = { kernels: [{ name: "quant", workload: { op: "quantize", m: "any", k: 64, group: 32 } }] };
    await writeFile(
      join(project, "qloom.config.ts"),
      `import { defineBuild } from "qloom";\nexport default defineBuild(${JSON.stringify(config)});\n`,
    );
    await run(
      project,
      "npx",
      "--no-install",
      "qloom",
      "build",
      "qloom.config.ts",
      "--out",
      "alone/kernels",
      "--untuned",
    );
    const alone = await mkdtemp(join(tmpdir(), "qloom-alone-"));
    await rename(join(project, "alone/kernels"), join(alone, "kernels"));
    const user = `import { loadQuant } from "./kernels/index.js";
      const { q, s }: { q: Int8Array; s: Float32Array } = (await loadQuant()).run({ x: new Float32Array(64).fill(127), m: 1 });
      console.log(q[63], s[1]);`;
    await writeFile(join(alone, "user.ts"), user);
    await writeFile(join(alone, "package.json"), JSON.stringify({ type: "module" }));
    await writeFile(join(alone, "tsconfig.json"), JSON.stringify({ ...consumerConfig, files: ["user.ts"] }));
    expect(await run(alone, process.execPath, "user.ts")).toBe("127 1\n");
    await expect(run(alone, join(root, "node_modules/.bin/tsc"), "-p", alone)).resolves.toBe("");
    await rm(alone, { recursive: true });
  });
});
