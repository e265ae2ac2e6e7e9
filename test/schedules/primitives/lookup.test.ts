import { describe, expect, test } from "vitest";
import { interpretProgram, type Program, parseProgram, parseSchedule, tensor } from "../../../ir/index.ts";
import { applySchedule, type Schedule } from "../../../schedules/index.ts";
import { nmse, normals } from "../../ir/samples.ts";
import { goldens, refusal } from "../golden.ts";

goldens("lookup");

const program = (x = "in -127..127", sum = "i32(x[m, k]) * i32(q[n, k]) over k", read = "f32(d[o] - 3)"): string =>
  `kernel pack stage pack
  weight raw: u8[4, 32] in 0..3
  packed q: u2[4, 32]
  for q/n < 4
    for q/k < 32
      q[q/n, q/k] = u2(raw[q/n, q/k])
kernel main stage main
  input x: i8[2, 32] ${x}
  packed q: u2[4, 32]
  input s: f32[4]
  output y: f32[2, 4]
  register d: i32[4]
  for m < 2
    for n < 4
      for k < 32
        d[n] += ${sum}
    for o < 4
      y[m, o] = ${read} * s[o]
`;

const split = "split(loop: k, factor: 4, into: [k4, ke])\n";
const lookup = (fields: Readonly<Record<string, string>> = {}): string => {
  const all = {
    ...{ buffer: "d", at: "m", loop: "ke", operand: "x", codes: "q", entries: "i16" },
    into: "{table: t, numbers: ix, centre: c}",
    loops: "{plane: [p], digit: g}",
    ...fields,
  };
  return `lookup(${Object.entries(all)
    .map(([name, value]) => `${name}: ${value}`)
    .join(", ")})`;
};
const rounded = { entries: "i8", into: "{table: t, numbers: ix, centre: c, step: r}", loops: "{plane: [p]}" };

describe.each([
  ["whole", "f32(d[o] - 3)"],
  ["whole", "f32(d[o] * 2 - 3)"],
  ["half", "f32(d[o] - 3)"],
  ["half", "f32(d[o] * 2 - 3)"],
])("rounded entries of %s tables, read as %s", (tables, read) => {
  const before = parseProgram(`program rounded\n\n${program(undefined, undefined, read)}`);
  const after = applySchedule(before, parseSchedule(split + lookup({ ...rounded, tables })) as unknown as Schedule);
  const random = normals(2 * 32 + 4 * 32, 3);
  const x = random.slice(0, 64).map((v) => Math.max(-127, Math.min(127, Math.round(v * 40))));
  const run = (of: Program, values: Float64Array | readonly number[]): readonly number[] => {
    const inputs = new Map([
      ["x", tensor("i8", [2, 32], [...values])],
      [
        "raw",
        tensor(
          "u8",
          [4, 32],
          [...random.slice(64)].map((v) => (v > 0.7 ? 3 : v > 0 ? 2 : v > -0.7 ? 1 : 0)),
        ),
      ],
      ["s", tensor("f32", [4], [0.5, 1, 2, 1])],
    ]);
    return [...(interpretProgram(of, {}, inputs).get("y")?.values ?? [])];
  };

  test("are the same by whole tables and by halves", () => {
    const other = { ...rounded, tables: tables === "half" ? "whole" : "half" };
    const others = applySchedule(before, parseSchedule(split + lookup(other)) as unknown as Schedule);
    expect(run(after, [...x])).toEqual(run(others, [...x]));
  });
  test("are near the exact sum, and not the same", () => {
    const [wanted, got] = [run(before, [...x]), run(after, [...x])];
    expect(got).not.toEqual(wanted);
    expect(nmse(Float32Array.from(got), Float64Array.from(wanted))).toBeLessThan(5e-4);
  });
  test("of a multiple of the sum, too", () => {
    const twice = parseProgram(`program twice\n\n${program(undefined, undefined, "f32(2 * d[o] - 3)")}`);
    const [wanted, got] = [
      twice,
      applySchedule(twice, parseSchedule(split + lookup({ ...rounded, tables })) as unknown as Schedule),
    ].map((of) => run(of, [...x])) as [readonly number[], readonly number[]];
    expect(nmse(Float32Array.from(got), Float64Array.from(wanted))).toBeLessThan(5e-4);
    const exact = applySchedule(twice, parseSchedule(split + lookup({ tables })) as unknown as Schedule);
    expect(run(exact, [...x])).toEqual(wanted);
  });
  test("of one value throughout make no error again and again", () => {
    const same = new Array<number>(64).fill(127);
    const [wanted, got] = [run(before, same), run(after, same)];
    for (const [i, value] of got.entries()) expect(value).toBeCloseTo(wanted[i] as number, 2);
  });
  test("of zeros are exact", () => {
    const zeros = new Array<number>(64).fill(0);
    expect(run(after, zeros)).toEqual(run(before, zeros));
  });
});

describe("lookup refuses", () => {
  const refused = (text: string, steps: string): string => refusal(text, steps);
  test("tables of another sum by the same name", () => {
    const twice = program()
      .replace("register d: i32[4]", "register d: i32[4]\n  register e: i32[4]")
      .replace(
        "    for o < 4\n",
        "    for e/n < 4\n      for e/k < 32\n        e[e/n] += i32(x[m, e/k]) * i32(q[e/n, e/k]) over e/k\n    for o < 4\n",
      );
    const other = { buffer: "e", loop: "e/ke", loops: "{plane: [e/p, e/pp], digit: e/g}" };
    const steps = `${split}split(loop: e/k, factor: 4, into: [e/k4, e/ke])\n${lookup()}\n${lookup({ ...other, into: "{table: t, numbers: jx, centre: c}" })}`;
    expect(refused(twice.replace("f32(d[o] - 3)", "f32(d[o] - e[o])"), steps)).toMatchInlineSnapshot(
      `"step 4: lookup: t holds other tables; name those of this sum otherwise"`,
    );
  });
  test("numbers of other tables by the same name", () => {
    const twice = program()
      .replace("register d: i32[4]", "register d: i32[4]\n  register e: i32[4]")
      .replace(
        "    for o < 4\n",
        "    for e/n < 4\n      for e/k < 32\n        e[e/n] += i32(x[m, e/k]) * i32(q[e/n, e/k]) over e/k\n    for o < 4\n",
      );
    const other = { buffer: "e", loop: "e/ke", loops: "{plane: [e/p], digit: e/g}", tables: "half" };
    const steps = `${split}split(loop: e/k, factor: 4, into: [e/k4, e/ke])\n${lookup()}\n${lookup({ ...other, into: "{table: u, numbers: ix, centre: v}" })}`;
    expect(refused(twice.replace("f32(d[o] - 3)", "f32(d[o] - e[o])"), steps)).toMatchInlineSnapshot(
      `"step 4: lookup: ix holds other numbers; name those of this sum otherwise"`,
    );
  });
  test("codes of which several belong to a k, read at no fixed one", () => {
    const sum = "i32(x[m, k]) * i32(q[n, k * 2 + m]) over k";
    const wide = program(undefined, sum).replaceAll("[4, 32]", "[4, 64]").replace("q/k < 32", "q/k < 64");
    expect(refused(wide, split + lookup())).toMatchInlineSnapshot(
      `"step 2: lookup: x and q must be read at the same k, their last axis"`,
    );
  });
  test("an operand that may be -128", () => {
    expect(refused(program(""), split + lookup())).toMatchInlineSnapshot(
      `"step 2: lookup: x must be i8 in -127..127 (its declared range), so that entries fit"`,
    );
  });
  test("another sum than of products", () => {
    expect(refused(program(undefined, "i32(x[m, k]) over k"), split + lookup())).toMatchInlineSnapshot(
      `"step 2: lookup: d is not a sum of i32(x) * i32(q); factor it first"`,
    );
  });
  test("an operand that is not there", () => {
    expect(refused(program(), split + lookup({ operand: "v" }))).toMatchInlineSnapshot(
      `"step 2: lookup: no buffer v in main; name an operand of the sum"`,
    );
  });
  test("an accumulator that is no register", () => {
    expect(refused(program(), split + lookup({ buffer: "y" }))).toMatchInlineSnapshot(
      `"step 2: lookup: no reduction into y directly in loop m that is a perfect nest; reorder or choose another loop"`,
    );
  });
  test("codes of more bits than planes", () => {
    expect(refused(program(), split + lookup({ loops: "{plane: [], digit: g}" }))).toMatchInlineSnapshot(
      `"step 2: lookup: q (packed u2 in 0..3) must be packed codes of at most 1 bits; name more loops of planes, or use the dot product"`,
    );
  });
  test("groups of another size", () => {
    expect(refused(program(), `split(loop: k, factor: 8, into: [k4, ke])\n${lookup()}`)).toMatchInlineSnapshot(
      `"step 2: lookup: ke must be a loop over 4 neighbouring codes, from a multiple of 4; split one off"`,
    );
  });
  test("operands read at different k", () => {
    const shifted = program(undefined, "i32(x[m, 31 - k]) * i32(q[n, k]) over k");
    expect(refused(shifted, split + lookup())).toMatchInlineSnapshot(
      `"step 2: lookup: x and q must be read at the same k, their last axis"`,
    );
  });
  test("a sum whose values of k are apart", () => {
    const steps = `split(loop: k, factor: 8, into: [ko, ki])\nsplit(loop: ki, factor: 4, into: [k4, ke])\nreorder(loops: [k4, n, ko, ke])\n`;
    expect(
      refused(program(), `${steps}accumulate-in(buffer: d, at: k4, into: e)\n${lookup({ buffer: "e", at: "k4" })}`),
    ).toMatchInlineSnapshot(
      `"step 5: lookup: a sum must go over 16 neighbouring values of k, from a multiple of 16; factor at the loop over groups"`,
    );
  });
  test("digits of rounded entries", () => {
    expect(refused(program(), split + lookup({ entries: "i8" }))).toMatchInlineSnapshot(
      `"step 2: lookup: entries i16 are exact, in digits, and take loops.digit; entries i8 are rounded and take into.step"`,
    );
  });
  test("a reach of exact entries", () => {
    expect(refused(program(), split + lookup({ reach: "63" }))).toMatchInlineSnapshot(
      `"step 2: lookup: entries i16 are not rounded; leave out reach"`,
    );
  });
  test("rounded entries whose sum does not become a float", () => {
    const text = program(undefined, undefined, "f32(d[o] * d[o])");
    expect(refused(text, split + lookup(rounded))).toMatchInlineSnapshot(
      `"step 2: lookup: d is read other than as f32(d - ..), where its step would be; use entries i16"`,
    );
  });
  test("tables within a loop that is not around the sum", () => {
    expect(refused(program(), split + lookup({ within: "o" }))).toMatchInlineSnapshot(
      `"step 2: lookup: o is not a loop around the sum; choose one that is, or leave out within"`,
    );
  });
  test("tables within a loop where a test guards what is read", () => {
    const guarded = program().replace("    for o < 4\n      y", "    for o < 4\n      if m < 1\n        y");
    expect(refused(guarded, split + lookup({ within: "m" }))).toMatchInlineSnapshot(
      `"step 2: lookup: a test in m says what is read of x; split without guard or predicate"`,
    );
  });
  test("tables within a loop that is bound", () => {
    const steps = `${split}bind(loop: m, to: workgroup.x)\n`;
    expect(refused(program(), `${steps}${lookup({ within: "m" })}`)).toMatchInlineSnapshot(
      `"step 3: lookup: loop m is bound to workgroup.x; do it before binding"`,
    );
  });
  test("tables within a loop by the name of other ones there", () => {
    const twice = program()
      .replace("register d: i32[4]", "register d: i32[4]\n  register e: i32[4]")
      .replace(
        "    for o < 4\n",
        "    for e/n < 4\n      for e/k < 32\n        e[e/n] += i32(x[1 - m, e/k]) * i32(q[e/n, e/k]) over e/k\n    for o < 4\n",
      )
      .replace("f32(d[o] - 3)", "f32(d[o] - e[o])");
    const other = { buffer: "e", loop: "e/ke", loops: "{plane: [e/p], digit: e/g}", within: "m" };
    const steps = `${split}split(loop: e/k, factor: 4, into: [e/k4, e/ke])\n${lookup({ within: "m" })}\n${lookup(other)}`;
    expect(refused(twice, steps)).toMatchInlineSnapshot(
      `"step 4: lookup: t holds other tables; name those of this sum otherwise"`,
    );
  });
});
