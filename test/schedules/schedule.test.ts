/** Schedules are data: checked when they come from outside, stored and replayed. */
import { describe, expect, test } from "vitest";
import {
  type MatmulWorkload,
  parseProgram,
  parseSchedule,
  printProgram,
  printSchedule,
  programOf,
} from "../../ir/index.ts";
import { applySchedule, type Schedule, scheduleOf, type Target, templateFor } from "../../schedules/index.ts";

const copy = parseProgram(`program p
kernel main stage main
  input x: f32[8]
  output y: f32[8]
  for n < 8
    y[n] = x[n]
`);

/** The message with which data is refused as a schedule. */
function refusal(schedule: unknown): string {
  try {
    applySchedule(copy, schedule as Schedule);
  } catch (error) {
    expect((error as Error).name).toBe("ScheduleError");
    return (error as Error).message;
  }
  throw new Error("it applies");
}

const split = { op: "split", loop: "n", factor: 4, into: ["no", "ni"] };

describe("data that is no schedule", () => {
  test("an unknown primitive", () => {
    expect(refusal([split, { op: "tile", loop: "no" }])).toMatchInlineSnapshot(
      `"step 2: no primitive is named "tile"; there are split, reorder, fuse, distribute, join, unroll, vectorize, bind, accumulate-in, layout, rfactor, subgroup, compute-at, hoist, fission, contract, stage, pipeline, tensorize, specialize, factor, recode, lookup, online, rebase, skip, trim, clip, count-bits"`,
    );
  });
  test("no step at all", () => {
    expect(refusal([null])).toMatchInlineSnapshot(
      `"step 1: it has no op; there are split, reorder, fuse, distribute, join, unroll, vectorize, bind, accumulate-in, layout, rfactor, subgroup, compute-at, hoist, fission, contract, stage, pipeline, tensorize, specialize, factor, recode, lookup, online, rebase, skip, trim, clip, count-bits"`,
    );
  });
  test("a step without op", () => {
    expect(refusal([{ loop: "n" }])).toMatchInlineSnapshot(
      `"step 1: it has no op; there are split, reorder, fuse, distribute, join, unroll, vectorize, bind, accumulate-in, layout, rfactor, subgroup, compute-at, hoist, fission, contract, stage, pipeline, tensorize, specialize, factor, recode, lookup, online, rebase, skip, trim, clip, count-bits"`,
    );
  });
  test("an inherited name", () => {
    expect(refusal([{ op: "toString" }])).toMatch(/^step 1: no primitive is named "toString"; there are split, /);
  });
  test("a field that is missing", () => {
    expect(refusal([{ op: "split", loop: "n", into: ["no", "ni"] }])).toMatchInlineSnapshot(
      `"step 1: split: factor: Invalid input: expected number, received undefined"`,
    );
  });
  test("a field of another type", () => {
    expect(refusal([{ ...split, factor: "4" }])).toMatchInlineSnapshot(
      `"step 1: split: factor: Invalid input: expected number, received string"`,
    );
  });
  test("a number out of range", () => {
    expect(refusal([{ ...split, factor: 0 }])).toMatchInlineSnapshot(
      `"step 1: split: factor: Too small: expected number to be >0"`,
    );
  });
  test("a field too many", () => {
    expect(refusal([{ ...split, tails: "guard" }])).toMatchInlineSnapshot(`"step 1: split: Unrecognized key: "tails""`);
  });
  test("a word that is no choice", () => {
    expect(refusal([{ ...split, tail: "mask" }])).toMatchInlineSnapshot(
      `"step 1: split: tail: Invalid option: expected one of "exact"|"guard"|"predicate"|"clamp"|"pad"|"peel""`,
    );
  });
  test("an encoding that there is not", () => {
    expect(refusal([{ op: "recode", encoding: "gray", buffer: "x" }])).toMatchInlineSnapshot(
      `"step 1: recode: encoding: Invalid discriminator value. Expected 'sign-fold' | 'offset' | 'planes' | 'levels'"`,
    );
  });
  test("neither form of specialize", () => {
    expect(refusal([{ op: "specialize", loops: ["n"], modulo: 0 }])).toMatchInlineSnapshot(
      `"step 1: specialize: modulo: Too small: expected number to be >0"`,
    );
  });
});

test("the step that fails is named by its number, and those before it are seen", () => {
  const seen: string[] = [];
  const steps = [split, { op: "unroll", loops: ["ni"] }, { op: "unroll", loops: ["k"] }] as unknown as Schedule;
  expect(() =>
    applySchedule(copy, steps, (step, after) => seen.push(`${step.op}: ${printProgram(after).includes("unroll")}`)),
  ).toThrowErrorMatchingInlineSnapshot(`[ScheduleError: step 3: unroll: no loop k in kernel main; it has no, ni]`);
  expect(seen).toEqual(["split: false", "unroll: true"]);
});

const workload: MatmulWorkload = {
  op: "matmul",
  m: "any",
  n: 20,
  k: 64,
  w: "q4_1",
  bias: true,
  numerics: { compute: "i8", xGroup: 32 },
};
const target: Target = { workload, device: { kind: "wasm", features: ["relaxed-simd"], limits: {} } };
const template = templateFor(target);

test("a template's schedule applies the same after a round trip through JSON and through text", () => {
  const schedule = scheduleOf(template, target, template.default(target));
  const program = programOf(workload);
  const wanted = printProgram(applySchedule(program, schedule));
  const stored = JSON.parse(JSON.stringify(schedule)) as Schedule;
  expect(printProgram(applySchedule(program, stored))).toBe(wanted);
  const read = parseSchedule(printSchedule(schedule)) as unknown as Schedule;
  expect(read).toEqual(stored);
  expect(printProgram(applySchedule(program, read))).toBe(wanted);
});

describe("a point that is not of its space", () => {
  const point = template.default(target);
  const rejected = (other: object): string => {
    try {
      scheduleOf(template, target, { ...point, ...other });
    } catch (error) {
      return (error as Error).message;
    }
    throw new Error("it is a point");
  };
  test("a value that an axis does not take", () => {
    expect(rejected({ vectors: 3 })).toMatchInlineSnapshot(
      `"integer-dot-decode: vectors = 3 is not a choice; it takes 1, 2, 4, 8"`,
    );
  });
  test("an axis that there is not", () => {
    expect(rejected({ threads: 2 })).toMatchInlineSnapshot(
      `"integer-dot-decode: there is no axis threads; the space has vectors, tile, rows, panel, order"`,
    );
  });
  test("an axis that is missing", () => {
    expect(rejected({ rows: undefined })).toMatchInlineSnapshot(
      `"integer-dot-decode: axis rows is missing; it takes 1, 2, 3, 4"`,
    );
  });
  test("values that do not go together", () => {
    expect(rejected({ vectors: 2, tile: 4 })).toMatchInlineSnapshot(
      `"integer-dot-decode: tile divides vectors: 4 is not a divisor of 2"`,
    );
    expect(rejected({ panel: 16 })).toMatchInlineSnapshot(`"integer-dot-decode: panel fits: 16 is more than 2"`);
  });
});
