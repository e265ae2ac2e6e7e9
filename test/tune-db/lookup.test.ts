import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { beforeEach, describe, expect, onTestFinished, test } from "vitest";
import type { Device } from "../../ir/index.ts";
import {
  type LookupRequest,
  type LookupResult,
  lookup,
  memoryReader,
  openStore,
  recordKey,
  sealRecord,
  type TuneStore,
} from "../../tune-db/index.ts";
import { configure, device, failure, folder, keyOf, matmul, measure, record } from "./helpers.ts";

let place: string;
let store: TuneStore;

beforeEach(async () => {
  place = join(folder(), "tune.sqlite");
  store = await openStore(place);
  onTestFinished(() => store.close());
});

const request: LookupRequest = { workload: matmul(), device, layoutVersion: 1, generator: "g1" };

const find = (changes: Partial<LookupRequest> = {}) => lookup(store, { ...request, ...changes });

/** The ladder's account, a line a step, without the test's own folder and with short keys. */
function account({ rung, steps }: LookupResult): string {
  const lines = steps.map((step) => `${step.rung} [${step.source}] ${step.candidates}: ${step.reason}`);
  return [...lines, `=> ${rung}`]
    .join("\n")
    .replaceAll(place, "PLACE")
    .replaceAll(/\b[0-9a-f]{12,}\b/g, "KEY");
}

const other: Partial<Device> = { fingerprint: "zen4-64core", label: "a server" };
const arm: Partial<Device> = { fingerprint: "m4", architecture: "arm64", label: "a laptop" };

describe("rungs", () => {
  test("an empty store has none, and says so for every rung", async () => {
    expect(account(await find())).toMatchInlineSnapshot(`
      "exact [PLACE] 0: no record of this workload on this device with these features, engine and generator
      nearest-shape [PLACE] 0: no record of a near shape of this class on this device
      architecture [PLACE] 0: no record of a near shape of this class on another device of this architecture
      features [PLACE] 0: no record of a near shape of this class on a device with the same features
      => none"
    `);
  });

  test("exact: the fastest of this very workload, device, features, engine, generator and layout", async () => {
    await store.put([
      record(30),
      record(10, { rows: 8 }),
      record(20, { rows: 2 }),
      record(1, { workload: matmul(2), rows: 16 }),
    ]);
    const found = await find();
    expect(found).toMatchObject({ rung: "exact", record: record(10, { rows: 8 }), key: configure({ rows: 8 }).key });
    expect(found.steps).toMatchObject([
      { rung: "exact", source: place, candidates: 3, chosen: keyOf(configure({ rows: 8 })) },
    ]);
  });

  test("nearest shape on this device, before the same shape on others", async () => {
    await store.put([
      record(1, { device: other }),
      record(30, { workload: matmul(1, 1024, 4096), rows: 2 }),
      record(40, { workload: matmul(1, 2048, 4096), rows: 8 }),
      record(50, { workload: matmul(64, 4096, 4096), rows: 16 }),
    ]);
    const found = await find();
    expect(account(found)).toMatchInlineSnapshot(`
      "exact [PLACE] 0: no record of this workload on this device with these features, engine and generator
      nearest-shape [PLACE] 3: decode {"rows":8}, median 0.04 µs, measured at m=1 n=2048 k=4096, distance 1.00, on a test machine
      => nearest-shape"
    `);
    expect(found.key).toEqual(configure({ rows: 8 }).key);
  });

  test("the same shape under another generator or engine is the nearest there is; the same generator comes first", async () => {
    await store.put([
      record(1, { generator: "g0", rows: 2 }),
      record(2, { device: { engine: "v8 12" }, rows: 8 }),
      record(3, { generator: "g0", device: { engine: "v8 12" }, rows: 16 }),
    ]);
    expect(account(await find())).toMatchInlineSnapshot(`
      "exact [PLACE] 0: no record of this workload on this device with these features, engine and generator
      nearest-shape [PLACE] 3: decode {"rows":8}, median 0.00 µs, measured at m=1 n=4096 k=4096, distance 0.00, on a test machine, on engine v8 12
      => nearest-shape"
    `);
  });

  test("same architecture, then same features", async () => {
    await store.put([record(1, { device: arm, rows: 2 })]);
    expect(account(await find())).toMatchInlineSnapshot(`
      "exact [PLACE] 0: no record of this workload on this device with these features, engine and generator
      nearest-shape [PLACE] 0: no record of a near shape of this class on this device
      architecture [PLACE] 0: no record of a near shape of this class on another device of this architecture
      features [PLACE] 1: decode {"rows":2}, median 0.00 µs, measured at m=1 n=4096 k=4096, distance 0.00, on a laptop
      => features"
    `);
    await store.put([record(9, { device: other, rows: 8 })]);
    expect(await find()).toMatchObject({ rung: "architecture", record: { key: { point: { rows: 8 } } } });
  });

  test.each([
    ["features", { device: { ...device, features: [] } }],
    ["kind", { device: { ...device, kind: "reference" } }],
    ["layout version", { layoutVersion: 2 }],
    ["format", { workload: matmul(1, 4096, 4096, "int4_g64") }],
    ["numerics", { workload: { ...matmul(), numerics: { compute: "f32" } } }],
  ] as const)("no rung crosses another %s", async (_name, changes) => {
    await store.put([record(1), record(1, { device: other }), record(1, { device: arm })]);
    expect((await find(changes)).rung).toBe("none");
  });

  test("a shape too far away is no evidence", async () => {
    await store.put([record(1, { workload: matmul(1, 16, 4096) })]);
    expect((await find()).rung).toBe("nearest-shape");
    expect((await find({ maxDistance: 7.9 })).rung).toBe("none");
  });
});

describe("what is skipped", () => {
  test("failures, with what they failed by", async () => {
    await store.put([
      record(10),
      record(20, { rows: 8 }),
      sealRecord(configure({ rows: 2 }), failure("trap", "out of bounds")),
    ]);
    await store.put([sealRecord(configure({ rows: 3 }), failure("rejected", "3 does not divide 4096"))]);
    await store.quarantine(keyOf(configure()), "artifact differs");
    const found = await find();
    expect(found.record?.key.point).toEqual({ rows: 8 });
    expect(found.steps[0]!.candidates).toBe(3);
    expect(found.steps[0]!.reason).toMatch(/^decode \{"rows":8\}, median 0\.02 µs; 2 skipped that failed \(/);
    expect(found.steps[0]!.reason).toMatch(/quarantined: artifact differs/);
    expect(found.steps[0]!.reason).toMatch(/trap: out of bounds/);
  });

  test("what the caller cannot use, with the reasons counted", async () => {
    await store.put([1, 2, 3, 4].map((rows) => record(rows, { rows })));
    const usable: LookupRequest["usable"] = ({ key }) => (Number(key.point["rows"]) < 4 ? "split n: tail" : undefined);
    expect(account(await find({ usable }))).toMatchInlineSnapshot(`
      "exact [PLACE] 4: decode {"rows":4}, median 0.00 µs; 3 refused: split n: tail
      => exact"
    `);
    expect(account(await find({ usable: (_record, rung) => `no ${rung}` }))).toMatchInlineSnapshot(`
      "exact [PLACE] 4: 4 refused: no exact
      nearest-shape [PLACE] 0: no record of a near shape of this class on this device
      architecture [PLACE] 0: no record of a near shape of this class on another device of this architecture
      features [PLACE] 0: no record of a near shape of this class on a device with the same features
      => none"
    `);
  });

  test("a far record whose configuration failed for this workload, although it is right for its own", async () => {
    await store.put([record(10, { workload: matmul(2) }), record(20, { workload: matmul(2), rows: 8 })]);
    const first = await find();
    expect(first.key).toEqual(configure().key);
    await store.quarantine(recordKey(first.key!), "trapped at load", { ...first.record!, key: first.key! });
    const second = await find();
    expect(second.record?.key.point).toEqual({ rows: 8 });
    expect(account(second)).toMatchInlineSnapshot(`
      "exact [PLACE] 1: 1 skipped that failed (KEY quarantined: trapped at load)
      nearest-shape [PLACE] 2: decode {"rows":8}, median 0.02 µs, measured at m=2 n=4096 k=4096, distance 1.00, on a test machine; 1 refused: quarantined for this workload here: trapped at load
      => nearest-shape"
    `);
    expect((await find({ workload: matmul(2) })).record?.key.point).toEqual({ rows: 4 });
  });
});

describe("a tampered record", () => {
  async function tamper(): Promise<void> {
    await store.put([record(10), record(20, { rows: 8 })]);
    const db = new DatabaseSync(place);
    db.prepare("UPDATE record SET text = json_set(text, '$.artifact', 'evil') WHERE key = ?").run(keyOf(configure()));
    db.close();
  }

  test("is passed over and appears as quarantined", async () => {
    await tamper();
    expect(account(await find())).toMatchInlineSnapshot(`
      "exact [PLACE] 2: decode {"rows":8}, median 0.02 µs; 1 refused: damaged: its hash does not match its content: it was altered or damaged (quarantined)
      => exact"
    `);
    expect(await store.state(keyOf(configure()))).toMatchObject({
      outcome: "quarantined",
      reason: expect.stringContaining("altered or damaged"),
    });
    expect(await store.summary()).toMatchObject({ outcomes: { ok: 1, quarantined: 1 }, damaged: 1 });
  });

  test("is passed over where nothing can be written", async () => {
    await tamper();
    const readOnly = await openStore(place, { readOnly: true });
    onTestFinished(() => readOnly.close());
    const found = await lookup(readOnly, request);
    expect(found.record?.key.point).toEqual({ rows: 8 });
    expect(found.steps[0]!.reason).toContain("could not be quarantined");
  });
});

describe("several readers", () => {
  test("are asked in their order on each rung", async () => {
    const shipped = memoryReader("shipped", [record(1, { rows: 16 })]);
    await store.put([record(5, { workload: matmul(2), rows: 2 })]);
    expect(account(await lookup([store, shipped], request))).toMatchInlineSnapshot(`
      "exact [PLACE] 0: no record of this workload on this device with these features, engine and generator
      exact [shipped] 1: decode {"rows":16}, median 0.00 µs
      => exact"
    `);
    await store.put([record(9)]);
    expect((await lookup([store, shipped], request)).steps).toMatchObject([{ rung: "exact", source: place }]);
  });

  test("a shipped record that failed here is skipped", async () => {
    const shipped = memoryReader("shipped", [record(1, { rows: 16 }), record(2)]);
    await store.quarantine(keyOf(configure({ rows: 16 })), "trapped at load", configure({ rows: 16 }));
    const found = await lookup([store, shipped], request);
    expect(found.record?.key.point).toEqual({ rows: 4 });
    expect(found.steps[1]!.reason).toContain("1 refused: quarantined for this workload here: trapped at load");
  });
});

test("measurements of several samples compare by median", async () => {
  await store.put([
    sealRecord(configure(), measure(1, 30, 30)),
    sealRecord(configure({ rows: 8 }), measure(20, 20, 90)),
  ]);
  expect((await find()).record?.key.point).toEqual({ rows: 8 });
});
