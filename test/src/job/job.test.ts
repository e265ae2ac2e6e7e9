// The main job on a small model: tuned, built, loaded and checked; stopped half-way; limits that mean something.

import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { probeWasm } from "../../../backends/index.ts";
import { encode, formatOf, type MatmulWorkload, type Workload } from "../../../ir/index.ts";
import { limitMs } from "../../../src/bench/index.ts";
import { writeGguf } from "../../../src/gguf/index.ts";
import { type JobOptions, type JobRow, runJob } from "../../../src/job/index.ts";
import { normal, splitmix32 } from "../../../src/timing/index.ts";
import { openStore } from "../../../tune-db/index.ts";

let folder: string;
let gguf: string;

// Each run measures, builds and checks for real.
vi.setConfig({ testTimeout: 90_000 });

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "qloom-job-"));
  gguf = join(folder, "small.gguf");
  const random = splitmix32(7);
  const tensor = (name: string, type: "q4_0" | "q6_K", n: number, k: number) => {
    const values = Float32Array.from({ length: n * k }, () => normal(random));
    return { name, type, shape: [k, n], data: encode(formatOf(type), values, n, k)["w.raw"] as Uint8Array };
  };
  const rows = { name: "other", type: "iq3_s", shape: [256, 4], data: new Uint8Array(4 * 110) } as const;
  await writeGguf(gguf, {
    metadata: [],
    tensors: [tensor("a", "q4_0", 48, 64), tensor("b", "q4_0", 48, 64), tensor("c", "q6_K", 20, 256), rows],
  });
});

afterAll(() => rm(folder, { recursive: true }));

async function job(changes: Partial<JobOptions>, lines: string[] = []) {
  const store = await openStore(":memory:");
  try {
    return await runJob({
      gguf,
      out: join(folder, "kernels"),
      device: await probeWasm(),
      store,
      trials: 4,
      signal: new AbortController().signal,
      progress: (line) => lines.push(line),
      ...changes,
    });
  } finally {
    await store.close();
  }
}

/** The rows of x that a line of the table is about. */
const rowsOf = ({ workload }: JobRow): unknown => "m" in workload && workload.m;

describe("the main job", () => {
  test("builds for the threads that it tunes for", async () => {
    const out = join(folder, "threads");
    const report = await job({ out, device: { ...(await probeWasm()), threads: 2 }, trials: 1 });
    expect(report.checks.map(({ ok }) => ok)).toEqual([true, true]);
    expect(await readdir(out)).toEqual(expect.arrayContaining(["q4_0_n48_k64.threads.wasm", "worker.js"]));
  });

  test("tunes each distinct matmul, builds it and checks it against the file's tensors", async () => {
    const lines: string[] = [];
    const report = await job({}, lines);
    expect(report.stopped).toBe(false);
    expect(report.rows.map((r) => [r.kernel, r.tensors, rowsOf(r)])).toEqual([
      ["q4_0_n48_k64", 2, 1],
      ["q4_0_n48_k64", 2, 128],
      ["q6_K_n20_k256", 1, 1],
      ["q6_K_n20_k256", 1, 128],
    ]);
    for (const row of report.rows) {
      expect(row.tunedMs).toBeGreaterThan(0);
      expect(row.share?.of).toBeGreaterThan(0);
    }
    expect(report.skipped.map((s) => s.reason)).toEqual(["no format covers iq3_s"]);
    expect(report.checks.map((c) => [c.kernel, c.tensor, c.ok])).toEqual([
      ["q4_0_n48_k64", "a", true],
      ["q6_K_n20_k256", "c", true],
    ]);
    expect(lines.some((line) => line.startsWith("checking q4_0"))).toBe(true);
    expect(await readdir(join(folder, "kernels"))).toContain("index.js");
  });

  test("takes one matmul too, with random weights", async () => {
    const numerics = { compute: "i8", xGroup: 32 } as const;
    const workload: MatmulWorkload = { op: "matmul", m: "any", n: 20, k: 64, w: "int4_g32", bias: true, numerics };
    const report = await job({ gguf: undefined, workload, trials: 2 });
    expect(report.rows.map(rowsOf)).toEqual([1, 128]);
    expect(report.checks).toMatchObject([{ kernel: "matmul_int4_g32_n20_k64", tensor: "random weights", ok: true }]);
  });

  test.each<Workload>([
    { op: "rmsnorm", m: "any", k: 64, eps: 1e-5, residual: true },
    { op: "embed", m: 3, n: 9, k: 32, w: "q4_0" },
    {
      ...{ op: "attention", m: 2, heads: 2, kvHeads: 1, headSize: 32, keys: "i8_row", values: "f32", causal: true },
      numerics: { scores: "i8", weights: "f32" },
    },
    {
      ...{ op: "attention", m: 2, heads: 2, kvHeads: 1, headSize: 32, keys: "i8_row", values: "f32", causal: true },
      ...{ numerics: { scores: "f32", weights: "f32" }, pages: 128 },
    },
    { op: "append", m: 3, kvHeads: 1, headSize: 32, keys: "i8_row", values: "f32", pages: 64 },
    { op: "rotate", m: 3, kvHeads: 1, headSize: 32, keys: "int4_row", rotary: 32, pairing: "neox" },
  ])("takes $op too, judged by its reference", async (workload) => {
    const report = await job({ gguf: undefined, workload, trials: 2, peer: "ort-node" });
    expect(report.rows).toMatchObject([{ failure: undefined, peer: undefined, share: undefined }]);
    expect(report.rows[0]?.tunedMs).toBeGreaterThan(0);
    expect(report.checks).toMatchObject([{ tensor: "random numbers", ok: true }]);
  });

  test("refuses a folder that it may not replace before it measures anything", async () => {
    const lines: string[] = [];
    await expect(job({ out: folder, progress: (line) => lines.push(line) })).rejects.toThrow("is no qloom build");
    expect(lines).toEqual([]);
  });

  test("stopped, keeps what there is and builds nothing", async () => {
    const stop = new AbortController();
    const out = join(folder, "never");
    const report = await job({ out, signal: stop.signal, progress: (line) => line.includes("1/") && stop.abort() });
    expect(report.stopped).toBe(true);
    expect(report.out).toBeUndefined();
    await expect(readdir(out)).rejects.toThrow("ENOENT");
  });
});

test("the limit of a matmul is the slower of reading its weights and doing its products", () => {
  const workload: MatmulWorkload = {
    op: "matmul",
    m: "any",
    n: 4096,
    k: 4096,
    w: "q8_0",
    bias: false,
    numerics: { compute: "i8", xGroup: 32 },
  };
  const limits = { readGBs: { [2 ** 24]: 10 }, dotGops: 100 };
  expect(limitMs(workload, 1, limits)).toEqual({ ms: (4096 * 4096 * 34) / 32 / 10 / 1e6, by: "memory" });
  expect(limitMs(workload, 128, limits)).toEqual({ ms: (2 * 128 * 4096 * 4096) / 100 / 1e6, by: "arithmetic" });
});
