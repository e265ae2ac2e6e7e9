// Schedules as text: one step a line, any plain record reads back equal.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseSchedule, printSchedule } from "../../../ir/index.ts";

describe("schedules", () => {
  const word = fc.constantFrom(
    "n",
    "split",
    "tail/k",
    "x.q",
    "for",
    "true",
    "inf",
    "null",
    "1",
    "a b",
    "",
    'q"',
    "&x",
    "f32",
    "n-o",
  );
  const value = fc.letrec<{ json: unknown }>((tie) => ({
    json: fc.oneof(
      word,
      fc.integer(),
      fc.double({ noNaN: true, noDefaultInfinity: true }).map((v) => v + 0),
      fc.boolean(),
      fc.constant(null),
      fc.array(tie("json"), { maxLength: 3 }),
      fc.dictionary(word, tie("json"), { maxKeys: 3, noNullPrototype: true }),
    ),
  })).json;
  const step = fc
    .tuple(word, fc.dictionary(word, value, { maxKeys: 4, noNullPrototype: true }))
    .map(([op, fields]) => ({ ...fields, op }));

  test("read back equal", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 5 }), (steps) => {
        expect(parseSchedule(printSchedule(steps))).toEqual(steps);
      }),
      { numRuns: 300 },
    );
  });

  test("print one step a line", () => {
    const steps = [
      { op: "split", loop: "n", factor: 16, into: ["no", "ni"], tail: "guard" },
      { op: "stage", buffer: "x.q", at: "for", levels: [{ scalar: "i16", flush: "k/0" }], pad: undefined, on: true },
    ];
    expect(printSchedule(steps)).toMatchInlineSnapshot(`
      "split(loop: n, factor: 16, into: [no, ni], tail: guard)
      stage(buffer: x.q, at: for, levels: [{scalar: i16, flush: k/0}], on: true)
      "
    `);
    expect(parseSchedule("# nothing\n")).toEqual([]);
  });

  test.each([
    "split(loop n)",
    "split",
    "split(loop: )",
    "split(a: 1, a: 2)",
    "split(a: [1, 2)",
    "split() split()",
    "(a: 1)",
  ])("%j is refused", (text) => {
    expect(() => parseSchedule(text)).toThrowErrorMatchingSnapshot();
  });
});
