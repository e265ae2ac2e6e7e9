// A build for GPUs: shaders that run without qloom, here on the processor in a GPU's place, and types that are the workloads'.

import { execFile } from "node:child_process";
import { readdir, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { gpuEnvironment } from "../../../backends/index.ts";
import { type AttentionWorkload, type Device, referenceAttention } from "../../../ir/index.ts";
import { nmse, normals } from "../../ir/samples.ts";
import { build, expected, head, inputs, temporaryFolder } from "./sample.ts";

const run = promisify(execFile);
const tsc = join(import.meta.dirname, "../../../node_modules/.bin/tsc");
const webgpu = pathToFileURL(createRequire(import.meta.url).resolve("webgpu")).href;

const device: Device = {
  ...{ kind: "wgsl", label: "a GPU", fingerprint: "test", architecture: "test", engine: "test" },
  features: ["packed-dot"],
  limits: { workgroupMemory: 16384, invocations: 256, storageBuffers: 8, processor: 1 },
};

const heads = { kvHeads: 2, headSize: 16 } as const;
const attention: AttentionWorkload = {
  ...{ op: "attention", m: 1, heads: 2, ...heads, keys: "f32", values: "f32", causal: true },
  numerics: { scores: "f32", weights: "f32" },
};
const config = {
  kernels: [
    { name: "head", workload: head },
    { name: "append", workload: { op: "append", m: "any", ...heads, keys: "f32", values: "f32" } },
    { name: "attend", workload: attention },
  ],
} as const;

const tokens = 5;
const [q, keys, values] = [normals(32, 1), normals(32 * tokens, 2), normals(32 * tokens, 3)];

const script = `
  import { readFile } from "node:fs/promises";
  import { create } from ${JSON.stringify(webgpu)};
  import * as kernels from "./kernels/index.js";
  const gpu = create([]);
  const { rows, x, bias, int4, q, keys, values } = JSON.parse(await readFile("inputs.json", "utf8"));
  const bytes = (arrays) => Object.fromEntries(Object.entries(arrays).map(([name, a]) => [name, Uint8Array.from(a)]));
  const floats = (list) => Float32Array.from(list);
  const results = [];
  for (const language of [{}, gpu]) {
    const device = await (await gpu.requestAdapter()).requestDevice();
    const given = [];
    const files = (file) => (given.push(file), readFile("kernels/" + file));
    const options = { device, gpu: language, ...(language !== gpu && { files }) };
    const [head, append, attend] = [
      await kernels.loadHead(options), await kernels.loadAppend(options), await kernels.loadAttend(options),
    ];
    const w = await head.loadPacked(await (await head.pack(bytes(int4))).toBytes());
    const y = await head.run({ x: floats(x.slice(0, 64)), w, bias: floats(bias) });
    const cache = await attend.newCache();
    const [, attended] = await Promise.all([
      append.run({ cache, k: floats(keys), v: floats(values), m: ${tokens} }),
      attend.run({ cache, q: floats(q) }),
    ]);
    const refused = await head.run({ x: floats(x), w }).catch(String);
    results.push({ y: [...y], attended: [...attended], refused, given });
  }
  const missing = await kernels.loadHead({}).catch(String);
  console.log(JSON.stringify({ results, missing }));
  process.exit(0);
`;

/** Calls and what they must not take. */
const consumer = `
  import { kernels, loadAttend, loadHead, type HeadKernel } from "./kernels/index.js";
  declare const device: GPUDevice;
  const x = new Float32Array(1);
  const head: HeadKernel = await kernels.head({ device, gpu: navigator.gpu });
  const w = await head.pack({ codes: x, scales: x });
  export const y: Float32Array = await head.run({ x, w, bias: x });
  // @ts-expect-error the bias is missing
  await head.run({ x, w });
  // @ts-expect-error there is no device
  await loadHead();
  const attend = await loadAttend({ device });
  export const attended: Float32Array = await attend.run({ cache: await attend.newCache(8), q: x });
`;

test("kernels run on a device where no package is, with the features that it has, and are typed", {
  timeout: 120_000,
}, async () => {
  const folder = await temporaryFolder();
  const out = join(folder, "kernels");
  const { kernels } = await build(config, out, { device });
  expect(kernels.map(({ variants }) => variants.map(({ file, features }) => [file, features]))).toEqual([
    [
      ["head.wgsl", ["packed-dot"]],
      ["head.strict.wgsl", []],
    ],
    [["append.wgsl", []]],
    [["attend.wgsl", []]],
  ]);
  expect(await readdir(out)).toEqual(expect.arrayContaining(["head.pack.wasm", "head.wgsl", "runtime.js"]));
  await writeFile(join(folder, "main.mjs"), script);
  await writeFile(
    join(folder, "inputs.json"),
    JSON.stringify({ ...(inputs as object), ...lists({ q, keys, values }) }),
  );
  const { env } = await gpuEnvironment({ software: true });
  const { stdout } = await run(process.execPath, ["main.mjs"], { cwd: folder, env: { ...process.env, ...env } });
  const { results, missing } = JSON.parse(stdout);
  const [strict] = results;
  for (const { y, attended, refused } of results) {
    expect(nmse(y, expected().head)).toBeLessThan(1e-10);
    expect(nmse(attended, referenceAttention(attention, { q, keys, values }).y)).toBeLessThan(1e-10);
    expect(refused).toMatch("ApiError: x has 192 values, expected 64");
  }
  expect(strict.given).toEqual(["head.strict.wgsl", "head.strict.pack.wasm", "append.wgsl", "attend.wgsl"]);
  expect(missing).toBe("ApiError: device is missing; pass a GPUDevice: await adapter.requestDevice()");

  await writeFile(join(folder, "package.json"), '{ "type": "module" }');
  await writeFile(join(folder, "consumer.ts"), consumer);
  const compilerOptions = { target: "es2024", lib: ["es2024", "dom"], types: [], module: "nodenext", strict: true };
  await writeFile(
    join(folder, "tsconfig.json"),
    JSON.stringify({ compilerOptions: { ...compilerOptions, noEmit: true }, files: ["consumer.ts"] }),
  );
  await run(tsc, ["-p", folder]);
});

test("threads are refused", async () => {
  const folder = await temporaryFolder();
  await expect(build({ ...config, threads: 2 }, join(folder, "kernels"), { device })).rejects.toThrow(
    "config: threads: kernels on a GPU have none; leave it out, or build for Wasm",
  );
});

const lists = (arrays: Readonly<Record<string, Float32Array>>) =>
  Object.fromEntries(Object.entries(arrays).map(([name, array]) => [name, [...array]]));
