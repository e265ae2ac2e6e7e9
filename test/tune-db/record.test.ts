import { describe, expect, test } from "vitest";
import { parseRecord, recordText, sealRecord, type TuneRecord } from "../../tune-db/index.ts";
import { configure, failure, keyOf, measure, NOON, record } from "./helpers.ts";

const good = sealRecord(configure(), measure(30, 10, 20, 40), NOON);

/** The reason for refusing a record's text after `change`. */
function refusal(change: (value: Record<string, unknown>) => void, from: TuneRecord = good): string {
  const value = JSON.parse(recordText(from)) as Record<string, unknown>;
  change(value);
  const parsed = parseRecord(JSON.stringify(value));
  return "refused" in parsed ? parsed.refused : "accepted";
}

describe("sealRecord", () => {
  test("states median, interquartile range and count of the samples, which it keeps as taken", () => {
    expect(good).toMatchObject({
      samples: [30, 10, 20, 40],
      median: 25,
      spread: 15,
      count: 4,
      createdAt: "2026-01-01T12:00:00.000Z",
    });
  });

  test("keeps a reason to one line", () => {
    expect(sealRecord(configure(), failure("trap", "  out of\n\n bounds\n"), NOON).reason).toBe("out of bounds");
  });

  test("keeps an error that JSON cannot hold as none", () => {
    expect(sealRecord(configure(), { ...failure("wrong", "y is NaN"), maxError: Number.NaN }).maxError).toBeNull();
  });

  test.each([
    ["ok without samples", configure(), measure()],
    ["ok with a reason", configure(), { ...measure(1), reason: "but" }],
    ["a failure without a reason", configure(), { ...failure("trap", ""), reason: null }],
    ["ok without an artifact", { ...configure(), artifact: null }, measure(1)],
    ["a negative time", configure(), measure(-1)],
  ])("refuses %s", (_name, configuration, measurement) => {
    expect(() => sealRecord(configuration, measurement)).toThrow();
  });
});

describe("parseRecord", () => {
  test("reads what recordText wrote, in whatever order its properties stand", () => {
    const reversed = Object.fromEntries(Object.entries(good).reverse());
    for (const text of [recordText(good), JSON.stringify(reversed, null, 2)]) {
      expect(parseRecord(text)).toEqual({ record: good, key: keyOf(good) });
    }
  });

  test("refuses an altered record, whichever property was altered", () => {
    const alterations: Record<string, (value: Record<string, unknown>) => void> = {
      artifact: (value) => (value["artifact"] = "other"),
      label: (value) => (value["label"] = "other"),
      schedule: (value) => (value["schedule"] = []),
      maxError: (value) => (value["maxError"] = 0),
    };
    for (const alter of Object.values(alterations)) {
      expect(refusal(alter)).toBe("its hash does not match its content: it was altered or damaged");
    }
  });

  test("says in one line what is wrong", () => {
    expect({
      text: (parseRecord("{") as { refused: string }).refused,
      other: (parseRecord('{"name":"x"}') as { refused: string }).refused,
      number: (parseRecord("12") as { refused: string }).refused,
      newer: refusal((value) => (value["qloomRecord"] = 2)),
      missing: refusal((value) => delete value["outcome"]),
      extra: refusal((value) => (value["colour"] = "red")),
      outcome: refusal((value) => (value["outcome"] = "fine")),
      median: refusal((value) => (value["median"] = 1)),
      spread: refusal((value) => (value["spread"] = 1)),
      count: refusal((value) => (value["count"] = 1)),
      time: refusal((value) => (value["createdAt"] = "yesterday")),
      workload: refusal((value) => Object.assign((value["key"] as { workload: object }).workload, { k: 0 })),
      threads: refusal((value) => Object.assign((value["key"] as { device: object }).device, { threads: 1 })),
      features: refusal((value) =>
        Object.assign((value["key"] as { device: object }).device, { features: ["b", "a"] }),
      ),
    }).toMatchInlineSnapshot(`
      {
        "count": "count: is not the number of samples",
        "extra": "record: Unrecognized key: "colour"",
        "features": "key.device.features: is not sorted",
        "median": "median: is not the median of the samples",
        "missing": "outcome: Invalid option: expected one of "ok"|"crash"|"hang"|"wrong"|"trap"|"rejected"|"quarantined"",
        "newer": "record version 2 is newer than this qloom's 1; update qloom",
        "number": "not a qloom record: no "qloomRecord" version",
        "other": "not a qloom record: no "qloomRecord" version",
        "outcome": "outcome: Invalid option: expected one of "ok"|"crash"|"hang"|"wrong"|"trap"|"rejected"|"quarantined"",
        "spread": "spread: is not the interquartile range of the samples",
        "text": "not JSON",
        "threads": "key.device.threads: Too small: expected number to be >=2",
        "time": "createdAt: is not a UTC time with milliseconds",
        "workload": "key.workload: k: 0 is not a positive integer",
      }
    `);
  });

  test("refuses numbers beyond a double and nesting beyond the stack", () => {
    const text = recordText(good);
    expect(parseRecord(text.replace('"rows":4', '"rows":1e999'))).toHaveProperty("refused");
    expect(parseRecord(text.replace('"rows":4', `"rows":${"[".repeat(20_000)}${"]".repeat(20_000)}`))).toHaveProperty(
      "refused",
    );
    expect(parseRecord(text.replace('"rows":4', '"__proto__":{"rows":4}'))).toHaveProperty("refused");
  });

  test("two records of one configuration share a key, other configurations do not", () => {
    const keys = [
      record(1),
      record(2),
      record(1, { rows: 8 }),
      record(1, { generator: "g2" }),
      record(1, { layoutVersion: 2 }),
    ];
    expect(new Set(keys.map(keyOf)).size).toBe(4);
  });
});
