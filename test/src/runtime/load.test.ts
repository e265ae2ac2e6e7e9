// Loading built kernels: which of their modules is taken, where its bytes come from, and what is said where that fails.

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { dotModule, probeWasm, WasmMemory } from "../../../backends/index.ts";
import type { MatmulWorkload } from "../../../ir/index.ts";
import { resolve } from "../../../src/compile/index.ts";
import {
  type LoadedKernel,
  type LoadOptions,
  loadVariant,
  type PackedTensors,
  type Variant,
} from "../../../src/runtime/index.ts";

const workload: MatmulWorkload = {
  op: "matmul",
  m: "any",
  n: 16,
  k: 32,
  w: "f32",
  bias: false,
  numerics: { compute: "f32" },
};
const probed = await probeWasm();
const { artifact: best } = await resolve(workload, probed, false);
const { artifact: strict } = await resolve(workload, { ...probed, features: [] }, false);
const relaxedDot = Buffer.from(dotModule()).toString("base64");

type Kernel = LoadedKernel<
  { readonly raw: Float32Array },
  { readonly x: Float32Array; readonly w: PackedTensors; readonly m: number },
  Float32Array
>;

const folder = pathToFileURL(await mkdtemp(join(tmpdir(), "qloom-load-")));
const variants: readonly Variant[] = [
  { file: "k.wasm", url: () => new URL(`${folder}/k.wasm`), info: best },
  { file: "k.strict.wasm", url: () => new URL(`${folder}/k.strict.wasm`), info: strict },
];

async function load(options: LoadOptions = {}, of = variants, dot = relaxedDot): Promise<Kernel> {
  const kernel: Kernel = await loadVariant(of, { relaxedDot: dot }, options);
  onTestFinished(() => kernel.dispose());
  return kernel;
}

/** The file that is asked for. */
async function fileTaken(options: LoadOptions = {}, dot = relaxedDot): Promise<string> {
  let taken = "";
  const wasm = (file: string) => {
    taken = file;
    return (file === "k.wasm" ? best : strict).code;
  };
  await load({ ...options, wasm }, variants, dot);
  return taken;
}

const messageOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => "no error",
    (error: Error) =>
      `${error.name}: ${error.message}`.replaceAll(folder.href, "file://..").replaceAll(fileURLToPath(folder), ".."),
  );

const identity = Float32Array.from({ length: 16 * 32 }, (_, i) => (i % 33 === 0 ? 1 : 0));
const x = Float32Array.from({ length: 32 }, (_, i) => i);

function runs(kernel: Kernel): void {
  const w = kernel.pack({ raw: identity });
  expect(kernel.run({ x, w, m: 1 })).toEqual(x.slice(0, 16));
}

test("relaxed SIMD is taken where the engine has it, confirmed by running it", async () => {
  expect(best.features).toEqual(["relaxed-simd"]);
  expect(await fileTaken()).toBe("k.wasm");
  expect(await fileTaken({ relaxedSimd: false })).toBe("k.strict.wasm");
  // A check that does not hold: as good as an engine without.
  const other = Buffer.from(dotModule());
  const at = other.indexOf(Buffer.from([0xfd, 0x92, 0x02]));
  expect(at).toBeGreaterThan(0);
  other.set([0xfd, 0x8e, 0x01], at); // i16x8.add
  expect(await fileTaken({}, other.toString("base64"))).toBe("k.strict.wasm");
  expect(await fileTaken({}, Buffer.from("no module").toString("base64"))).toBe("k.strict.wasm");
});

test("modules are given as bytes, compiled, or read beside", async () => {
  runs(await load({ wasm: () => best.code }));
  runs(await load({ wasm: () => WebAssembly.compile(best.code) }));
  await writeFile(new URL(`${folder}/k.wasm`), best.code);
  onTestFinished(() => rm(new URL(`${folder}/k.wasm`)));
  runs(await load());
});

test("kernels on one memory share packed tensors", async () => {
  const memory = new WasmMemory();
  const wasm = () => best.code;
  const [first, second, apart] = [await load({ memory, wasm }), await load({ memory, wasm }), await load({ wasm })];
  const w = first.pack({ raw: identity });
  expect(second.run({ x, w, m: 1 })).toEqual(x.slice(0, 16));
  first.dispose();
  expect(second.run({ x, w, m: 1 })).toEqual(x.slice(0, 16));
  expect(await messageOf((async () => apart.run({ x, w, m: 1 }))())).toMatchInlineSnapshot(
    `"ApiError: w was packed in another memory; give both kernels one memory to work in"`,
  );
  const before = memory.usedBytes;
  w.dispose();
  expect(memory.usedBytes).toBeLessThan(before);
  expect(await messageOf((async () => second.run({ x, w, m: 1 }))())).toMatchInlineSnapshot(
    `"ApiError: the packed tensors are disposed; pack the weights again"`,
  );
});

test("what fails is told by file, reason and remedy", async () => {
  expect(await messageOf(load())).toMatchInlineSnapshot(
    `"ApiError: k.wasm can't be read from file://../k.wasm: ENOENT: no such file or directory, open '../k.wasm'; put it beside the module that loads it, or pass its bytes with the option wasm"`,
  );
  expect(await messageOf(load({ wasm: () => best.code.subarray(0, 40) }))).toMatchInlineSnapshot(
    `"ApiError: k.wasm does not compile here: WebAssembly.compile(): section (code 2, "Import") extends past end of the module (length 15, remaining bytes 11) @+27; the file is damaged, or the engine has no Wasm SIMD"`,
  );
  expect(await messageOf(load({ wasm: () => Promise.reject(new Error("offline")) }))).toBe("Error: offline");
  const only = variants.slice(0, 1);
  expect(await messageOf(load({ relaxedSimd: false }, only))).toMatchInlineSnapshot(
    `"ApiError: none of k.wasm (relaxed-simd) runs in this engine"`,
  );
});

test("over HTTP the status is told", async () => {
  const far = [{ ...variants[0]!, url: () => new URL("http://localhost/k.wasm") }];
  const { fetch } = globalThis;
  onTestFinished(() => {
    globalThis.fetch = fetch;
  });
  globalThis.fetch = async () => new Response(null, { status: 404, statusText: "Not Found" });
  expect(await messageOf(load({}, far))).toMatchInlineSnapshot(
    `"ApiError: k.wasm can't be read from http://localhost/k.wasm: 404 Not Found; put it beside the module that loads it, or pass its bytes with the option wasm"`,
  );
  globalThis.fetch = async () => new Response(best.code);
  runs(await load({}, far));
});
