// Which kernel `compile` takes: a stored winner where there is one that loads, else one rung further down, and what it says about it.

import { execFileSync } from "node:child_process";
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { pathToFileURL } from "node:url";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import type { MatmulWorkload, Workload } from "../../../ir/index.ts";
import type { Point } from "../../../schedules/index.ts";
import {
  artifactHash,
  buildArtifact,
  compile,
  generatorHash,
  layoutVersion,
  planPart,
  rangesOf,
} from "../../../src/compile/index.ts";
import {
  makeKey,
  makeScope,
  openStore,
  recordKey,
  sealRecord,
  TuneDbError,
  type TuneRecord,
  type TuneStore,
} from "../../../tune-db/index.ts";
import { folder } from "../../tune-db/helpers.ts";
import { relaxed } from "./harness.ts";

const device = relaxed;
const base = {
  op: "matmul",
  m: 1,
  n: 64,
  k: 64,
  w: "int4_g32",
  bias: false,
  numerics: { compute: "i8", xGroup: 32 },
} as const satisfies MatmulWorkload;

const best: Point = { vectors: 2, tile: 1, rows: 1, panel: 2, order: "vectors-outside" };
const second: Point = { vectors: 1, tile: 1, rows: 1, panel: 1, order: "quads-outside" };
const byDefault: Point = { vectors: 4, tile: 4, rows: 1, panel: 1, order: "quads-outside" };

/** What a tuner stores of a point: with the hash of its artifact unless another is given. */
function record(workload: Workload, template: string, point: Point, median: number, artifact?: string): TuneRecord {
  const [range] = rangesOf(workload);
  if (range === undefined) throw new Error("no part");
  const target = { workload, device };
  const hash = (): string => artifactHash(buildArtifact(target, [planPart(target, range, point)]));
  const key = makeKey(makeScope(workload, device, layoutVersion, generatorHash()), template, point);
  const configuration = { key, label: "a test machine", schedule: [], artifact: artifact ?? hash() };
  return sealRecord(
    configuration,
    { outcome: "ok", reason: null, samples: [median], quantum: 1, maxError: 0 },
    new Date(0),
  );
}

const decode = (point: Point, median: number, artifact?: string): TuneRecord =>
  record(base, "integer-dot-decode", point, median, artifact);

async function storeWith(...records: readonly TuneRecord[]): Promise<{ store: TuneStore; path: string }> {
  const path = join(folder(), "tune.db");
  const store = await openStore(path);
  onTestFinished(() => store.close());
  await store.put(records);
  return { store, path };
}

/** The explanation, with paths and hashes that differ from run to run left out. */
const explained = (lines: readonly string[], path: string): string =>
  lines
    .join("\n")
    .replaceAll(path, "<path>")
    .replaceAll(/\b[0-9a-f]{12}\b/g, "<hash>");

const pointOf = (kernel: {
  readonly artifact: { readonly parts: readonly { readonly point: Point }[] };
}): readonly Point[] => kernel.artifact.parts.map((part) => part.point);

describe("a record of this very workload", () => {
  test("is used", async () => {
    const { path } = await storeWith(decode(second, 200), decode(best, 100));
    const kernel = await compile(base, { db: path, device });
    expect(pointOf(kernel)).toEqual([best]);
    expect(explained(kernel.explanation, path)).toMatchInlineSnapshot(`
      "all: exact (<path>): integer-dot-decode {"order":"vectors-outside","panel":2,"rows":1,"tile":1,"vectors":2}, median 0.10 µs
      all: integer-dot-decode {"order":"vectors-outside","panel":2,"rows":1,"tile":1,"vectors":2}, from exact record"
    `);
  });

  test("an open store serves as well, and stays open", async () => {
    const { store } = await storeWith(decode(best, 100));
    expect(pointOf(await compile(base, { db: store, device }))).toEqual([best]);
    expect((await store.summary()).records).toBe(1);
  });

  test("that names another artifact is quarantined, and the next one used", async () => {
    const tampered = decode(best, 100, "0".repeat(64));
    const { store, path } = await storeWith(tampered, decode(second, 200));
    const kernel = await compile(base, { db: path, device });
    expect(pointOf(kernel)).toEqual([second]);
    expect(explained(kernel.explanation, path)).toMatchInlineSnapshot(`
      "all: exact (<path>): integer-dot-decode {"order":"quads-outside","panel":1,"rows":1,"tile":1,"vectors":1}, median 0.20 µs; 1 skipped that failed (<hash> quarantined: its artifact hash <hash> is not the built one's <hash>)
      all: integer-dot-decode {"order":"quads-outside","panel":1,"rows":1,"tile":1,"vectors":1}, from exact record
      integer-dot-decode {"order":"vectors-outside","panel":2,"rows":1,"tile":1,"vectors":2} failed and is quarantined: its artifact hash <hash> is not the built one's <hash>"
    `);
    const state = await store.state(recordKey(tampered.key));
    expect(state?.outcome).toBe("quarantined");
    expect(state?.reason).toContain("its artifact hash 000000000000 is not the built one's");
    expect((await store.summary()).outcomes).toMatchObject({ ok: 1, quarantined: 1 });
    // From now on it is not tried again.
    const again = await compile(base, { db: path, device });
    expect(pointOf(again)).toEqual([second]);
    expect(again.explanation.join("\n")).toContain("1 skipped that failed");
  });

  test("whose text was altered is quarantined, and the next one used", async () => {
    const altered = decode(best, 100);
    const { store, path } = await storeWith(altered, decode(second, 200));
    const database = new DatabaseSync(path);
    const changed = database
      .prepare("UPDATE record SET text = replace(text, ?, ?) WHERE key = ?")
      .run(altered.artifact, "f".repeat(64), recordKey(altered.key));
    database.close();
    expect(changed.changes).toBe(1);
    const kernel = await compile(base, { db: path, device });
    expect(pointOf(kernel)).toEqual([second]);
    expect(explained(kernel.explanation, path)).toMatchInlineSnapshot(`
      "all: exact (<path>): integer-dot-decode {"order":"quads-outside","panel":1,"rows":1,"tile":1,"vectors":1}, median 0.20 µs; 1 refused: damaged: its hash does not match its content: it was altered or damaged (quarantined)
      all: integer-dot-decode {"order":"quads-outside","panel":1,"rows":1,"tile":1,"vectors":1}, from exact record"
    `);
    expect((await store.state(recordKey(altered.key)))?.outcome).toBe("quarantined");
  });

  test("whose module the engine refuses is quarantined, and the next one used", async () => {
    const { store, path } = await storeWith(decode(best, 100), decode(second, 200));
    const refused = vi.spyOn(WebAssembly, "compile");
    onTestFinished(() => refused.mockRestore());
    refused.mockRejectedValueOnce(new WebAssembly.CompileError("WebAssembly.compile(): no such instruction"));
    const kernel = await compile(base, { db: path, device });
    expect(pointOf(kernel)).toEqual([second]);
    expect(explained(kernel.explanation, path)).toMatchInlineSnapshot(`
      "all: exact (<path>): integer-dot-decode {"order":"quads-outside","panel":1,"rows":1,"tile":1,"vectors":1}, median 0.20 µs; 1 skipped that failed (<hash> quarantined: WebAssembly.compile(): no such instruction)
      all: integer-dot-decode {"order":"quads-outside","panel":1,"rows":1,"tile":1,"vectors":1}, from exact record
      integer-dot-decode {"order":"vectors-outside","panel":2,"rows":1,"tile":1,"vectors":2} failed and is quarantined: WebAssembly.compile(): no such instruction"
    `);
    expect((await store.state(recordKey(decode(best, 1).key)))?.outcome).toBe("quarantined");
  });

  test("that is no point of the space is passed over", async () => {
    const { store, path } = await storeWith(decode({ ...best, tile: 4 }, 50, "0".repeat(64)), decode(second, 200));
    const kernel = await compile(base, { db: path, device });
    expect(pointOf(kernel)).toEqual([second]);
    expect(explained(kernel.explanation, path)).toMatchInlineSnapshot(`
      "all: exact (<path>): integer-dot-decode {"order":"quads-outside","panel":1,"rows":1,"tile":1,"vectors":1}, median 0.20 µs; 1 refused: tile divides vectors: 4 is not a divisor of 2
      all: integer-dot-decode {"order":"quads-outside","panel":1,"rows":1,"tile":1,"vectors":1}, from exact record"
    `);
    expect((await store.summary()).outcomes).toMatchObject({ ok: 2, quarantined: 0 });
  });
});

describe("down to the template's default", () => {
  test("where nothing was measured", async () => {
    const { path } = await storeWith();
    const kernel = await compile(base, { db: path, device });
    expect(pointOf(kernel)).toEqual([byDefault]);
    expect(explained(kernel.explanation, path)).toMatchInlineSnapshot(`
      "all: exact (<path>): no record of this workload on this device with these features, engine and generator
      all: exact (shipped records): no record of this workload on this device with these features, engine and generator
      all: nearest-shape (<path>): no record of a near shape of this class on this device
      all: nearest-shape (shipped records): no record of a near shape of this class on this device
      all: architecture (<path>): no record of a near shape of this class on another device of this architecture
      all: architecture (shipped records): no record of a near shape of this class on another device of this architecture
      all: features (<path>): no record of a near shape of this class on a device with the same features
      all: features (shipped records): no record of a near shape of this class on a device with the same features
      all: integer-dot-decode {"vectors":4,"tile":4,"rows":1,"panel":1,"order":"quads-outside"}, from template default"
    `);
  });

  test("where all that is stored fails", async () => {
    const { store, path } = await storeWith(
      ...[best, second].map((point, i) => decode(point, 100 + i, "1".repeat(64))),
    );
    const kernel = await compile(base, { db: path, device });
    expect(pointOf(kernel)).toEqual([byDefault]);
    expect((await store.summary()).outcomes).toMatchObject({ ok: 0, quarantined: 2 });
  });

  test("where the default itself fails, that is the error", async () => {
    const { path } = await storeWith();
    const refused = vi.spyOn(WebAssembly, "compile").mockRejectedValue(new WebAssembly.CompileError("no SIMD"));
    onTestFinished(() => refused.mockRestore());
    await expect(compile(base, { db: path, device })).rejects.toThrow("no SIMD");
  });
});

describe("a record of another shape", () => {
  test("is used where it fits", async () => {
    const other = { ...base, n: 128 } as const;
    const { path } = await storeWith(record(other, "integer-dot-decode", best, 100));
    const kernel = await compile(base, { db: path, device });
    expect(pointOf(kernel)).toEqual([best]);
    expect(explained(kernel.explanation, path)).toMatchInlineSnapshot(`
      "all: exact (<path>): no record of this workload on this device with these features, engine and generator
      all: exact (shipped records): no record of this workload on this device with these features, engine and generator
      all: nearest-shape (<path>): integer-dot-decode {"order":"vectors-outside","panel":2,"rows":1,"tile":1,"vectors":2}, median 0.10 µs, measured at m=1 n=128 k=64, distance 1.00, on a test machine
      all: integer-dot-decode {"order":"vectors-outside","panel":2,"rows":1,"tile":1,"vectors":2}, from nearest-shape record"
    `);
  });

  test("that fails here is quarantined here only", async () => {
    const other = record({ ...base, n: 128 }, "integer-dot-decode", best, 100);
    const { store, path } = await storeWith(other);
    const refused = vi.spyOn(WebAssembly, "compile").mockRejectedValueOnce(new WebAssembly.CompileError("refused"));
    onTestFinished(() => refused.mockRestore());
    const kernel = await compile(base, { db: path, device });
    expect(pointOf(kernel)).toEqual([byDefault]);
    expect((await store.state(recordKey(decode(best, 1).key)))?.outcome).toBe("quarantined");
    expect((await store.state(recordKey(other.key)))?.outcome).toBe("ok");
    expect(pointOf(await compile({ ...base, n: 128 }, { db: path, device }))).toEqual([best]);
  });
});

describe("M known at run time", () => {
  const any = { ...base, m: "any" } as const;
  const large = { ...base, m: 128 } as const;
  const prefill: Point = { ...best, rows: 6, tile: 2 };

  test("records of M = 1 and M = 128 make its parts, with one layout", async () => {
    const { path } = await storeWith(decode(best, 100), record(large, "integer-dot-prefill", prefill, 100));
    const kernel = await compile(any, { db: path, device });
    // One row at a time would do for M = 1 only.
    expect(pointOf(kernel)).toEqual([{ ...best, rows: 4 }, prefill]);
    expect(explained(kernel.explanation, path)).toMatchInlineSnapshot(`
      "decode: exact (<path>): integer-dot-decode {"order":"vectors-outside","panel":2,"rows":1,"tile":1,"vectors":2}, median 0.10 µs
      decode: integer-dot-decode {"order":"vectors-outside","panel":2,"rows":4,"tile":1,"vectors":2}, from exact record
      prefill: exact (<path>): integer-dot-prefill {"order":"vectors-outside","panel":2,"rows":6,"tile":2,"vectors":2}, median 0.10 µs
      prefill: integer-dot-prefill {"order":"vectors-outside","panel":2,"rows":6,"tile":2,"vectors":2}, from exact record"
    `);
  });

  test("a record of another layout is passed over", async () => {
    const { path } = await storeWith(
      decode(best, 100),
      record(large, "integer-dot-prefill", { ...prefill, vectors: 4 }, 50),
      record(large, "integer-dot-prefill", prefill, 100),
    );
    expect(pointOf(await compile(any, { db: path, device }))[1]).toEqual(prefill);
  });

  test("of two records the one that fails is quarantined", async () => {
    const [first, last] = [decode(best, 100), record(large, "integer-dot-prefill", prefill, 100)];
    const { store, path } = await storeWith(first, last);
    // The engine refuses whatever holds six rows of x at a time.
    const compileModule = WebAssembly.compile.bind(WebAssembly);
    const refused = vi.spyOn(WebAssembly, "compile").mockImplementation(async (bytes) => {
      const text = new TextDecoder("latin1").decode(bytes as Uint8Array);
      if (text.includes("prefill/main.5")) throw new WebAssembly.CompileError("too many registers");
      return compileModule(bytes);
    });
    onTestFinished(() => refused.mockRestore());
    const kernel = await compile(any, { db: path, device });
    expect(pointOf(kernel)[0]).toEqual({ ...best, rows: 4 });
    expect(pointOf(kernel)[1]).not.toMatchObject({ rows: 6 });
    expect((await store.state(recordKey(first.key)))?.outcome).toBe("ok");
    expect((await store.state(recordKey(last.key)))?.outcome).toBe("quarantined");
  });
});

describe("a database that can't be used", () => {
  const corrupt = (): string => {
    const path = join(folder(), "tune.db");
    writeFileSync(path, "this is no database, however long it may be ".repeat(200));
    return path;
  };

  test("is an error where it was named", async () => {
    const path = corrupt();
    const error = await compile(base, { db: path, device }).catch((e: Error) => e);
    expect(explained([(error as Error).message], path)).toMatchInlineSnapshot(
      `"tune-db <path> is not a SQLite database and was left as it is; name another file with --db or QLOOM_DB"`,
    );
  });

  test("is a note, and the default kernel, where it lies in the default place", async () => {
    const path = corrupt();
    vi.stubEnv("QLOOM_DB", path);
    onTestFinished(() => {
      vi.unstubAllEnvs();
    });
    const kernel = await compile(base, { device });
    expect(pointOf(kernel)).toEqual([byDefault]);
    expect(explained(kernel.explanation.slice(-1), path)).toMatchInlineSnapshot(
      `"the database is not used: tune-db <path> is not a SQLite database and was left as it is; name another file with --db or QLOOM_DB"`,
    );
  });

  test("that can't be written: what fails is left out all the same", async () => {
    const { store } = await storeWith(decode(best, 100, "0".repeat(64)), decode(second, 200));
    const readOnly = new Proxy(store, {
      get: (target, name) => {
        if (name === "quarantine") return () => Promise.reject(new TuneDbError("read-only", "/records/tune.db"));
        const value: unknown = Reflect.get(target, name, target);
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
    const kernel = await compile(base, { db: readOnly, device });
    expect(pointOf(kernel)).toEqual([second]);
    expect(explained(kernel.explanation.slice(-1), "no path")).toMatchInlineSnapshot(
      `"integer-dot-decode {"order":"vectors-outside","panel":2,"rows":1,"tile":1,"vectors":2} failed and is left out, not quarantined (tune-db /records/tune.db cannot be written: file or folder is read-only; make both writable, or name another file with --db or QLOOM_DB): its artifact hash <hash> is not the built one's <hash>"`,
    );
  });

  test("that can only be read is read", async () => {
    const place = folder();
    const path = join(place, "tune.db");
    const store = await openStore(path);
    await store.put([decode(best, 100)]);
    await store.close();
    chmodSync(path, 0o444);
    chmodSync(place, 0o555);
    onTestFinished(() => chmodSync(place, 0o755));
    // In a process without the superuser's rights, for whom nothing is read-only.
    const module = pathToFileURL(join(import.meta.dirname, "../../../src/compile/index.ts")).href;
    const script = `import { compile } from ${JSON.stringify(module)};
      if (process.getuid?.() === 0) process.setuid(65534);
      const options = { db: ${JSON.stringify(path)}, device: ${JSON.stringify(device)} };
      const kernel = await compile(${JSON.stringify(base)}, options);
      console.log(JSON.stringify(kernel.artifact.parts.map(({ point }) => point)));`;
    const output = execFileSync(process.execPath, ["--input-type=module", "--eval", script], { encoding: "utf8" });
    expect(JSON.parse(output)).toEqual([best]);
  });
});
