// From a config to kernels: which, under which names, for which tensors.

import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { BuildConfig } from "../../../src/build/index.ts";
import { gatherJobs } from "../../../src/build/index.ts";
import { firstClash, namePattern, pascalCase } from "../../../src/build/names.ts";
import type { GgmlTypeName } from "../../../src/gguf/index.ts";
import { GGML_TYPES, writeGguf } from "../../../src/gguf/index.ts";
import { attention, config, quantize, temporaryFolder } from "./sample.ts";

/** A folder with model.gguf: matrices of these types, names and shapes (n, k). */
async function model(...tensors: readonly (readonly [name: string, type: GgmlTypeName, n: number, k: number])[]) {
  const folder = await temporaryFolder();
  await writeGguf(join(folder, "model.gguf"), {
    metadata: [],
    tensors: tensors.map(([name, type, n, k]) => {
      const { blockElements, blockBytes } = GGML_TYPES[type];
      return { name, type, shape: [k, n], data: new Uint8Array(((n * k) / blockElements) * blockBytes) };
    }),
  });
  return folder;
}

const messageOf = (of: BuildConfig, base = "."): Promise<string> =>
  gatherJobs(of, base).then(
    () => "no error",
    (error: Error) => `${error.name}: ${error.message}`,
  );

test("workloads keep their names and order", async () => {
  const { jobs, skipped } = await gatherJobs(config, ".");
  expect(jobs.map(({ name, workload, tensors }) => ({ name, workload, tensors }))).toEqual(
    config.kernels.map((entry) => ({ ...entry, tensors: [] })),
  );
  expect(skipped).toEqual([]);
});

describe("a GGUF file", () => {
  test("gives its distinct matmuls, and says what it leaves out", async () => {
    const base = await model(
      ["a.weight", "q4_0", 16, 64],
      ["b.weight", "q4_0", 16, 64],
      ["c.weight", "q6_K", 16, 256],
      ["d.weight", "iq3_s", 16, 256],
    );
    const { jobs, skipped } = await gatherJobs({ kernels: [{ gguf: "model.gguf" }] }, base);
    expect(jobs).toEqual([
      {
        name: "q4_0_n16_k64",
        workload: attention,
        tensors: [{ gguf: "model.gguf", names: ["a.weight", "b.weight"] }],
      },
      {
        name: "q6_K_n16_k256",
        workload: { ...attention, k: 256, w: "q6_K" },
        tensors: [{ gguf: "model.gguf", names: ["c.weight"] }],
      },
    ]);
    expect(skipped).toEqual([
      { gguf: "model.gguf", matmul: "n 16, k 256, iq3_s", tensors: 1, reason: "no format covers iq3_s" },
    ]);
  });

  test("takes rows, numerics and a prefix from its entry", async () => {
    const base = await model(["a.weight", "q4_0", 16, 64]);
    const { jobs } = await gatherJobs(
      { kernels: [{ gguf: "model.gguf", m: 1, numerics: { compute: "f32" }, prefix: "big" }] },
      base,
    );
    expect(jobs[0]).toMatchObject({
      name: "big_q4_0_n16_k64",
      workload: { ...attention, m: 1, numerics: { compute: "f32" } },
    });
  });

  test("shares a kernel with a workload that is listed by name", async () => {
    const base = await model(["a.weight", "q4_0", 16, 64]);
    const kernels = [{ name: "attn-q", workload: attention }, { gguf: "model.gguf" }];
    expect((await gatherJobs({ kernels }, base)).jobs).toEqual([
      { name: "attn-q", workload: attention, tensors: [{ gguf: "model.gguf", names: ["a.weight"] }] },
    ]);
  });
});

describe("errors", () => {
  test("name the kernel, the reason and the remedy", async () => {
    const odd = { name: "odd", workload: { ...attention, k: 100 } };
    expect(await messageOf({ kernels: [odd] })).toMatchInlineSnapshot(
      `"BuildError: kernel odd: k: 100 is not a multiple of q4_0's block of 32; the nearest are 96 and 128"`,
    );
    expect(await messageOf({ kernels: [{ name: "odd", workload: { ...attention, w: "q9" } }] })).toMatchInlineSnapshot(
      `"BuildError: kernel odd: unknown format "q9"; near it are f32, f16, q4_0, q4_1"`,
    );
    const twice = { name: "again", workload: quantize };
    expect(await messageOf({ kernels: [...config.kernels, twice] })).toMatchInlineSnapshot(
      `"BuildError: kernels quant and again have the same workload; name it once"`,
    );
    const alike = { name: "Attn_Q", workload: { ...attention, m: 1 } };
    expect(await messageOf({ kernels: [...config.kernels, alike] })).toMatchInlineSnapshot(
      `"BuildError: kernels attn-q and Attn_Q would share a file or an identifier; rename one, or give a GGUF file's kernels a prefix"`,
    );
  });

  test("of files", async () => {
    const uncovered = await model(["d.weight", "iq3_s", 16, 256]);
    expect(await messageOf({ kernels: [{ gguf: "model.gguf" }] }, uncovered)).toMatchInlineSnapshot(
      `"BuildError: nothing to build: all matmuls are skipped (no format covers iq3_s)"`,
    );
    const none = await model(["scale", "f32", 1, 64]);
    expect(await messageOf({ kernels: [{ gguf: "model.gguf" }] }, none)).toMatchInlineSnapshot(
      `"BuildError: nothing to build: no file has a matmul"`,
    );
    const [here] = [await temporaryFolder()];
    const missing = await messageOf({ kernels: [{ gguf: "nowhere.gguf" }] }, here);
    expect(missing.replace(here, "..")).toMatchInlineSnapshot(
      `"GgufError: ../nowhere.gguf: cannot open: no such file or directory (ENOENT); check the path"`,
    );
  });
});

describe("names", () => {
  test("become identifiers", () => {
    expect(["attn-q", "attn_q", "lm_head", "q4_0_n16_k64", "Q4-0", "x"].map(pascalCase)).toEqual([
      "AttnQ",
      "AttnQ",
      "LmHead",
      "Q4_0N16K64",
      "Q4_0",
      "X",
    ]);
  });

  test("clash where a file system or an identifier would not tell them apart", () => {
    expect(firstClash(["a", "b", "a-b", "ab"])).toBeUndefined();
    expect(firstClash(["a-b", "x", "a_b"])).toEqual(["a-b", "a_b"]);
    expect(firstClash(["head", "HEAD"])).toEqual(["head", "HEAD"]);
  });

  test.each(["", "-a", "a-", "a--b", "1a", "a b", "a/b", "..", "ä", "a.b"])("%j is none", (name) => {
    expect(namePattern.test(name)).toBe(false);
  });
});
