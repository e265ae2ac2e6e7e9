import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import {
  exportRecords,
  importFiles,
  importRecords,
  openStore,
  type RecordReader,
  type RefusedLine,
  recordText,
  sealRecord,
  type TuneStore,
} from "../../tune-db/index.ts";
import { all, configure, failure, folder, matmul, record } from "./helpers.ts";

async function storeWith(...list: Parameters<TuneStore["put"]>[0]): Promise<TuneStore> {
  const store = await openStore(join(folder(), "tune.sqlite"));
  onTestFinished(() => store.close());
  await store.put(list);
  return store;
}

async function lines(reader: RecordReader): Promise<string[]> {
  const list: string[] = [];
  for await (const line of exportRecords(reader)) list.push(line);
  return list;
}

const some = [
  record(1, { rows: 8 }),
  record(2),
  record(3, { workload: matmul(2) }),
  record(4, { device: { fingerprint: "other" } }),
  sealRecord(configure({ rows: 2 }), failure("trap", "out of bounds")),
];

test("the form of a line is fixed", async () => {
  const [line] = await lines(await storeWith(record(10)));
  expect(JSON.stringify(JSON.parse(line!), null, 1)).toMatchInlineSnapshot(`
    "{
     "artifact": "artifact-4",
     "count": 1,
     "createdAt": "2026-01-01T12:00:00.000Z",
     "hash": "bd1f1a39db82f1feb61a0144847fe0ce67453f889786f1bd88be5911294c92fe",
     "key": {
      "device": {
       "architecture": "x86-64",
       "engine": "v8 13.6",
       "features": [
        "relaxed-simd"
       ],
       "fingerprint": "zen4-2core",
       "kind": "wasm"
      },
      "generator": "g1",
      "layoutVersion": 1,
      "point": {
       "rows": 4
      },
      "template": "decode",
      "workload": {
       "bias": false,
       "k": 4096,
       "m": 1,
       "n": 4096,
       "numerics": {
        "compute": "i8",
        "xGroup": 32
       },
       "op": "matmul",
       "w": "int4_g32"
      }
     },
     "label": "a test machine",
     "maxError": 1e-7,
     "median": 10,
     "outcome": "ok",
     "qloomRecord": 1,
     "quantum": 1,
     "reason": null,
     "samples": [
      10
     ],
     "schedule": [
      {
       "factor": 4,
       "loop": "n",
       "op": "split"
      }
     ],
     "spread": 0
    }"
  `);
  expect(line).toBe(recordText(record(10)));
});

test("equal stores export equal lines, whatever the order in which they were filled; one more record is one more line", async () => {
  const one = await lines(await storeWith(...some));
  const other = await lines(await storeWith(...some.toReversed()));
  expect(other).toEqual(one);
  const more = await lines(await storeWith(...some, record(5, { rows: 3 })));
  expect(more.filter((line) => !one.includes(line))).toEqual([recordText(record(5, { rows: 3 }))]);
  expect(more.filter((line) => one.includes(line))).toEqual(one);
});

test("what is exported can be imported, once and again", async () => {
  const from = await storeWith(...some);
  const to = await storeWith();
  expect(await importRecords(to, exportRecords(from))).toEqual({ added: 5, replaced: 0, kept: 0, refused: [] });
  expect(await importRecords(to, exportRecords(from))).toEqual({ added: 0, replaced: 0, kept: 5, refused: [] });
  expect(await lines(to)).toEqual(await lines(from));
});

test("bad lines are refused by number and reason, the good ones are imported; strict imports none", async () => {
  const good = some.map(recordText);
  const given = [
    `\ufeff${good[0]}`,
    "",
    "<<<<<<< ours",
    `${good[1]}\r`,
    good[2]!.replace("artifact-4", "artifact-5"),
    '{"name":"leftpad"}',
    good[3]!.slice(0, 100),
    good[4]!,
    "x".repeat(5_000_000),
  ];
  const told: RefusedLine[] = [];
  const onRefused = (refused: RefusedLine) => told.push(refused);
  const store = await storeWith();
  expect(await importRecords(store, given, { strict: true, onRefused })).toMatchObject({
    added: 0,
    replaced: 0,
    kept: 0,
  });
  expect(await all(store)).toEqual([]);
  expect(told.map(({ line, reason }) => `${line}: ${reason}`)).toMatchInlineSnapshot(`
    [
      "3: a merge conflict marker; delete it and keep the lines of both sides",
      "5: its hash does not match its content: it was altered or damaged",
      "6: not a qloom record: no "qloomRecord" version",
      "7: not JSON",
      "9: longer than 4194304 characters",
    ]
  `);
  const result = await importRecords(store, given, { source: "theirs.jsonl" });
  expect(result).toMatchObject({ added: 3, replaced: 0, kept: 0 });
  expect(result.refused[0]).toEqual({
    source: "theirs.jsonl",
    line: 3,
    reason: "a merge conflict marker; delete it and keep the lines of both sides",
  });
});

test("several files merge as one, and the lines of both sides of a conflict are one union", async () => {
  const dir = folder();
  const [ours, theirs] = [join(dir, "ours.jsonl"), join(dir, "theirs.jsonl")];
  writeFileSync(ours, `${some.slice(0, 3).map(recordText).join("\n")}\n`);
  writeFileSync(theirs, some.slice(2).map(recordText).join("\r\n"));
  const store = await storeWith();
  expect(await importFiles(store, [ours, theirs])).toEqual({ added: 5, replaced: 0, kept: 1, refused: [] });
});

test("text is cut at line feeds only, across chunks, and kept as it is", async () => {
  const odd = sealRecord(
    { ...configure(), label: `a\u2028b ${"ü".repeat(70_000)}`.slice(0, 4000) },
    failure("trap", "x"),
  );
  const file = join(folder(), "odd.jsonl");
  writeFileSync(file, `${Array.from({ length: 40 }, () => recordText(odd)).join("\n")}\n`);
  const store = await storeWith();
  expect(await importFiles(store, [file])).toMatchObject({ added: 1, kept: 39, refused: [] });
  expect(await all(store)).toEqual([odd]);
});

test("a file that cannot be read is named, and nothing is imported from the others", async () => {
  const dir = folder();
  writeFileSync(join(dir, "good.jsonl"), recordText(some[0]!));
  const store = await storeWith();
  for (const bad of [join(dir, "none.jsonl"), dir]) {
    await expect(importFiles(store, [join(dir, "good.jsonl"), bad])).rejects.toThrow(
      `tune-db ${bad} cannot be read as a file of records; name a file that \`qloom db export\` wrote (`,
    );
  }
  expect(await all(store)).toEqual([]);
  expect(readFileSync(join(dir, "good.jsonl"), "utf8")).toBe(recordText(some[0]!));
});
