// Commands that ask the database: a record that serves, one that was tampered with, and `qloom db` itself.

import { readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import type { AttentionReport, BitsReport, TailsReport } from "../../../../src/bench/index.ts";
import { recordKey } from "../../../../tune-db/index.ts";
import { qloom } from "../run.ts";
import { databaseOf, flags, folder, recordOf } from "./database.ts";

const tuned = { vectors: 2, tile: 2 };

/** The result of a command with `--json`, which must succeed, and may tell of its progress in such lines only. */
async function json(args: readonly string[], progress: RegExp): Promise<unknown> {
  const { code, out, err } = await qloom(...args, "--json");
  expect({ code, err }).toEqual({ code: 0, err: expect.stringMatching(progress) });
  return JSON.parse(out);
}

describe("a recorded winner", () => {
  test("is shown with the rungs of the look-up", async () => {
    const db = await databaseOf(await recordOf(tuned, 0.25), await recordOf({ vectors: 1, tile: 1 }, 0.5));
    const { out } = await qloom("show", ...flags, "--db", db);
    expect(out).toContain("f32-decode, point from exact record");
    expect(out).toContain("panel=1 rows=1 tile=2 vectors=2");
    expect(out).toContain(`exact (${db}): f32-decode {"panel":1,"rows":1,"tile":2,"vectors":2}, median 0.250 ms`);
  });

  test("whose artifact is another one falls to the next rung, and is quarantined", async () => {
    const altered = await recordOf(tuned, 0.25, "0".repeat(64));
    const db = await databaseOf(altered);
    const benched = await qloom("bench", "matmul", ...flags, "--seconds", "0.01", "--db", db);
    expect(benched.code).toBe(0);
    expect(benched.err).toContain("qloom is the same kernel as qloom-default");
    const { out } = await qloom("db", "--db", db);
    expect(out).toContain("1 records of 1 workloads, 1 quarantined");
    expect(out).toContain("quarantined:\n");
    expect(out).toContain(recordKey(altered.key).slice(0, 12));
    expect(out).toContain("its artifact hash 000000000000 is not the built one's");
  });
});

describe("qloom bench", () => {
  test("measures the recorded kernel beside the default", async () => {
    const db = await databaseOf(await recordOf(tuned, 0.25));
    const { code, out, err } = await qloom("bench", "matmul", ...flags, "--seconds", "0.01", "--db", db, "--json");
    expect({ code, err }).toEqual({ code: 0, err: "" });
    const { device, rows } = JSON.parse(out);
    expect(device.kind).toBe("wasm");
    expect(rows.map(({ who, workload }: { who: string; workload: string }) => [who, workload])).toEqual([
      ["qloom", "matmul m1 n16 k32 f32 x f32, 1 thread"],
      ["qloom-default", "matmul m1 n16 k32 f32 x f32, 1 thread"],
    ]);
    for (const row of rows) {
      expect(row.medianMs).toBeGreaterThan(0);
      expect(row.lowMs).toBeLessThanOrEqual(row.highMs);
      expect(row.maxError).toBeLessThan(1e-5);
      expect(row.gops).toBeCloseTo((2 * 16 * 32) / (row.medianMs * 1e6));
    }
  });

  test.each(["int4_g32", "int3_g32", "int8_g64", "int5_row_z", "q6_K", "bf16"])("takes %s", async (weights) => {
    const db = await databaseOf();
    const x = weights === "bf16" ? "f32" : "i8_row";
    const shape = ["--m", "2", "--n", "16", "--k", "256", "--weights", weights, "--x", x];
    const { code, out } = await qloom("bench", "matmul", ...shape, "--seconds", "0.01", "--db", db);
    expect(code).toBe(0);
    expect(out).toMatch(new RegExp(`^matmul m2 n16 k256 ${weights} x ${x}, 1 thread\non [^\n]+\n\nwho +median`));
  });

  test("sizes and bits, drawn", async () => {
    const db = await databaseOf();
    const svg = join(dirname(db), "plot.svg");
    const rest = ["--seconds", "0.01", "--svg", svg];
    expect(await json(["bench", "sizes", "--n", "1024", ...rest, "--db", db], /^(\d+ x \d+\n)*$/)).toMatchObject({
      sizes: [512, 1024].map((size) => ({ size, gops: expect.any(Number), limitMs: expect.any(Number) })),
    });
    expect(await readFile(svg, "utf8")).toMatch(/^<svg.*limit of one thread.*<\/svg>\n$/s);
    const { methods } = (await json(
      ["bench", "bits", "--n", "64", "--k", "128", ...rest],
      /^(int\w+\n)*$/,
    )) as BitsReport;
    const bitsBy = (name: string) => methods.filter(({ method }) => method === name).map(({ bits }) => bits);
    expect(bitsBy("dot product")).toEqual([1, 2, 3, 4, 5, 6, 8]);
    expect(bitsBy("table lookup")).toEqual([1, 2, 3, 4]);
    expect(await readFile(svg, "utf8")).toContain("lookup, 8-bit tables");
  }, 60_000);

  test("attention over several caches, with a peer", async () => {
    const shape = ["--tokens", "9,70", "--queries", "2", "--heads", "4", "--kv-heads", "2", "--head-size", "32"];
    const caches = ["--keys", "f32,i8_row", "--values", "f32,int4_row"];
    const args = ["bench", "attention", ...shape, ...caches, "--seconds", "0.01", "--peers", "ort-node"];
    const { lengths } = (await json(args, /^$/)) as AttentionReport;
    expect(lengths.map(({ tokens }) => tokens)).toEqual([9, 70]);
    for (const { rows, readGBs } of lengths) {
      expect(readGBs).toBeGreaterThan(0);
      expect(rows.map(({ who, values, numerics }) => [who, values, numerics.scores, numerics.weights])).toEqual([
        ["qloom", "f32", "f32", "f32"],
        ["qloom", "int4_row", "i8", "f32"],
        ["qloom", "int4_row", "i8", "i8"],
        ["ort-node GroupQueryAttention", "f32", "f32", "f32"],
        ["ort-node Attention", "f32", "f32", "f32"],
      ]);
    }
    const { code, out, err } = await qloom(...args);
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(out).toMatch(
      /^2 queries, 4 heads, 2 of keys, head size 32, on [^\n]+\n\n9 tokens; streaming reads \S+ GB\/s\n\nwho .*\nqloom /,
    );
  }, 60_000);

  test("tails, each beside the shape without", async () => {
    const db = await databaseOf();
    const shape = ["--m", "4", "--n", "64", "--seconds", "0.01", "--db", db];
    const report = (await json(["bench", "tails", ...shape, "--k", "64"], /^(m \d+, n \d+, k \d+\n)*$/)) as TailsReport;
    expect(report.tails.map(({ m, n, k }) => [m, n, k])).toEqual([
      ...[5, 7].map((m) => [m, 64, 64]),
      ...[65, 66, 67, 69, 97].map((n) => [4, n, 64]),
      ...[96, 160].map((k) => [4, 64, k]),
    ]);
    expect(report.worstTail).toBe(Math.max(...report.tails.map(({ perElement }) => perElement)));
    const { out } = await qloom("bench", "tails", ...shape, "--k", "256", "--weights", "q4_K");
    expect(out).toMatch(/^q4_K 64 x 256, M = 4, on [^\n]+\n\nM +N +K +median +without +GOP\/s +time per element\n/);
    expect(out).toMatch(
      /\n4 +64 +512 [^\n]+\n4 +64 +1024 [^\n]+\n\nlargest time per element [\d.]+ of that without a tail\n$/,
    );
  }, 60_000);

  test("on several threads", async () => {
    const db = await databaseOf();
    const shape = ["--n", "1024", "--k", "512", "--seconds", "0.01", "--threads", "2", "--db", db, "--json"];
    const { code, out, err } = await qloom("bench", "matmul", ...shape, "--peers", "ort-node");
    expect({ code, err }).toEqual({ code: 0, err: expect.not.stringContaining("left out") });
    expect(JSON.parse(out).rows.map(({ workload }: { workload: string }) => workload)).toEqual(
      new Array(3).fill("matmul m1 n1024 k512 int4_g32 x i8_g32, 2 threads"),
    );
    expect(await json(["bench", "rows", "--m", "2", ...shape.slice(0, -1)], /^$/)).toMatchObject({
      rows: [{ m: 1 }, { m: 2 }],
    });
    expect(await json(["bench", "threads", ...shape.slice(0, -1)], /^$/)).toMatchObject({
      speedups: [
        { threads: 1, speedup: 1, dispatchUs: expect.any(Number) },
        { threads: 2, speedup: expect.any(Number), readGBs: expect.any(Number), readShare: expect.any(Number) },
      ],
    });
    expect(await json(["show", "--m", "1", ...shape.slice(0, 4), "--threads", "2", "--db", db], /^$/)).toMatchObject({
      module: { features: expect.arrayContaining(["shared-memory"]) },
    });
  }, 60_000);

  test.each([
    [2, ["bench"]],
    [2, ["bench", "attend"]],
    [2, ["bench", "attention", "--m", "3"]],
    [2, ["bench", "attention", "--tokens", "16,0"]],
    [2, ["bench", "attention", "--keys", "f32,f16", "--values", "f32"]],
    [2, ["bench", "matmul", "--keys", "f32"]],
    [1, ["bench", "attention", "--tokens", "3", "--queries", "4"]],
    [1, ["bench", "attention", "--tokens", "3", "--keys", "q4_K"]],
    [2, ["bench", "compiler", "--threads", "2"]],
    [2, ["bench", "matmul", "--threads", "0"]],
    [2, ["bench", "matmul", "--threads", "2", "--target", "webgpu", "--engine", "chromium"]],
    [2, ["bench", "threads"]],
    [2, ["bench", "bits", "--weights", "q4_K"]],
    [2, ["bench", "sizes", "--k", "512"]],
    [2, ["bench", "sizes", "--n", "256"]],
    [2, ["bench", "matmul", "--m", "any"]],
    [2, ["bench", "matmul", "--peers", "ort-node,ggml"]],
    [2, ["bench", "matmul", "--target", "cuda"]],
    [2, ["bench", "rows", "--target", "webgpu", "--engine", "chromium"]],
    [2, ["bench", "matmul", "--features", "f64"]],
    [1, ["bench", "matmul", "--n", "16", "--k", "100"]],
    [1, ["bench", "matmul", "--n", "16", "--k", "64", "--weights", "int9_g32"]],
  ])("refuses in one line (%i): %j", async (exitCode, args) => {
    const db = args.length > 5 ? ["--db", await databaseOf()] : [];
    const { code, out, err } = await qloom(...args, ...db);
    expect({ code, out }).toEqual({ code: exitCode, out: "" });
    expect(err).toMatch(/^qloom: [^\n]+\n$/);
    expect(err).toMatchSnapshot();
  });
});

describe("qloom db", () => {
  test("summarizes", async () => {
    const db = await databaseOf(await recordOf(tuned, 0.25), await recordOf({ vectors: 1, tile: 1 }, 0.5));
    const { code, out } = await qloom("db", "--db", db);
    expect(code).toBe(0);
    expect(out).toMatch(/^[^\n]+tune\.sqlite \([\d.]+ KiB\)\n2 records of 1 workloads, 2 ok\n {2}2 on wasm: [^\n]+\n$/);
    expect(await json(["db", "--db", db], /^$/)).toMatchObject({
      action: "summary",
      summary: { records: 2 },
      quarantined: [],
    });
  });

  test("lists, by workload and outcome", async () => {
    const record = await recordOf(tuned, 0.25);
    const db = await databaseOf(record);
    const { out } = await qloom("db", "list", "--db", db);
    expect(out.replace(/^\w{12}/, "KEY")).toMatchInlineSnapshot(`
      "KEY  matmul m=1 n=16 k=32 f32 x f32  0.2500 ms  ok  f32-decode panel=1 rows=1 tile=2 vectors=2
      "
    `);
    expect(await json(["db", "list", "--db", db], /^$/)).toMatchObject({
      records: [{ key: recordKey(record.key), medianMs: 0.25 }],
    });
    const counts = async (...args: readonly string[]): Promise<number> =>
      ((await json(["db", "list", "--db", db, ...args], /^$/)) as { records: unknown[] }).records.length;
    expect(await counts("--n", "16", "--weights", "f32")).toBe(1);
    expect(await counts("--n", "17")).toBe(0);
    expect(await counts("--m", "any")).toBe(0);
    expect(await counts("--x", "i8_g32")).toBe(0);
    expect(await counts("--bias")).toBe(0);
    expect(await counts("--workload", JSON.stringify(record.key.workload))).toBe(1);
    expect(await counts("--outcome", "crash,trap")).toBe(0);
  });

  test("exports and imports", async () => {
    const db = await databaseOf(await recordOf(tuned, 0.25), await recordOf({ vectors: 1, tile: 1 }, 0.5));
    const printed = await qloom("db", "export", "--db", db);
    const file = join(await folder(), "records.jsonl");
    expect(await qloom("db", "export", "--db", db, "--out", file)).toEqual({
      code: 0,
      out: `2 records in ${file}\n`,
      err: "",
    });
    expect(await readFile(file, "utf8")).toBe(printed.out);
    expect(printed.out.split("\n")).toHaveLength(3);
    const other = join(await folder(), "new", "tune.sqlite");
    const merged = await qloom("db", "import", file, file, "--db", other);
    expect(merged).toEqual({ code: 0, out: "2 added, 0 replaced, 2 kept, 0 lines refused\n", err: "" });
    expect((await qloom("db", "export", "--db", other)).out).toBe(printed.out);
  });

  test("refuses lines by number and reason, and imports the others", async () => {
    const db = await databaseOf(await recordOf(tuned, 0.25));
    const [line = ""] = (await qloom("db", "export", "--db", db)).out.split("\n");
    const file = join(await folder(), "records.jsonl");
    await writeFile(file, `${line.replace('"median":250000', '"median":25')}\n${line}\n{"a":1}\n`);
    const told =
      'qloom: FILE:1: median: is not the median of the samples\nqloom: FILE:3: not a qloom record: no "qloomRecord" version\n';
    const strict = join(await folder(), "tune.sqlite");
    const none = await qloom("db", "import", file, "--strict", "--db", strict);
    expect({ ...none, err: none.err.replaceAll(file, "FILE") }).toEqual({
      code: 1,
      out: "0 added, 0 replaced, 0 kept, 2 lines refused\n",
      err: told,
    });
    const some = await qloom("db", "import", file, "--db", strict);
    expect({ ...some, err: some.err.replaceAll(file, "FILE") }).toEqual({
      code: 1,
      out: "1 added, 0 replaced, 0 kept, 2 lines refused\n",
      err: told,
    });
  });

  test("withdraws a record by its key", async () => {
    const [first, second] = [await recordOf(tuned, 0.25), await recordOf({ vectors: 1, tile: 1 }, 0.5)];
    const db = await databaseOf(first, second);
    const key = recordKey(first.key);
    const withdrawn = await qloom("db", "quarantine", key.slice(0, 10), "--reason", "it was too good", "--db", db);
    expect(withdrawn).toEqual({ code: 0, out: `${key} is withdrawn: it was too good\n`, err: "" });
    const { out } = await qloom("db", "quarantine", "--db", db);
    expect(out).toContain(`${key.slice(0, 12)}  matmul m=1 n=16 k=32 f32 x f32`);
    expect(out).toContain("quarantined: it was too good");
    expect((await qloom("show", ...flags, "--db", db)).out).toContain("tile=1 vectors=1");
    expect(await qloom("db", "quarantine", "xyz", "--db", db)).toMatchObject({
      code: 1,
      err: expect.stringMatching("no record's key begins with xyz"),
    });
    expect(await qloom("db", "quarantine", "", "--db", db)).toMatchObject({
      code: 1,
      err: expect.stringMatching("2 records' keys begin with"),
    });
  });

  test.each([
    [2, ["db", "drop"]],
    [2, ["db", "list", "all"]],
    [2, ["db", "import"]],
    [1, ["db", "--db", "nowhere/tune.sqlite"]],
    [1, ["db", "import", "nowhere.jsonl"]],
    [2, ["db", "list", "--outcome", "good"]],
  ])("refuses in one line (%i): %j", async (exitCode, args) => {
    const db = args.includes("--db") ? [] : ["--db", await databaseOf()];
    const { code, out, err } = await qloom(...args, ...db);
    expect({ code, out }).toEqual({ code: exitCode, out: "" });
    expect(err).toMatch(/^qloom: [^\n]+\n$/);
    expect(err).toMatchSnapshot();
  });
});
