import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { interpretProgram, type Program, parseProgram, parseSchedule, tensor } from "../../../ir/index.ts";
import { applySchedule, type Schedule } from "../../../schedules/index.ts";
import { goldens, refusal } from "../golden.ts";

goldens("count-bits");

const program = (reach = 1, bits = 2, sum = "i32(x[m, k]) * i32(q[n, k]) over k"): string => `kernel pack stage pack
  weight raw: u8[3, 32] in 0..${2 ** bits - 1}
  packed q: u${bits}[3, 32]
  for q/n < 3
    for q/k < 32
      q[q/n, q/k] = u${bits}(raw[q/n, q/k])
kernel main stage main
  input x: i8[2, 32] in -${reach}..${reach}
  packed q: u${bits}[3, 32]
  output y: i32[2, 3]
  register d: i32[3]
  for m < 2
    for n < 3
      for k < 32
        d[n] += ${sum}
    for o < 3
      y[m, o] = d[o]
`;

const steps = (span = 8, fields = ""): string =>
  `split(loop: k, factor: ${span}, into: [kr, ke])
count-bits(buffer: d, at: m, loop: ke, operand: x, codes: q, into: {operand: xb, codes: qb}, loops: {operand: i, codes: j}${fields})`;

test("sums are the same, for all widths of both operands, by bytes and by words", () => {
  const run = (of: Program, x: readonly number[], raw: readonly number[]): readonly number[] => [
    ...(interpretProgram(
      of,
      {},
      new Map([
        ["x", tensor("i8", [2, 32], [...x])],
        ["raw", tensor("u8", [3, 32], [...raw])],
      ]),
    ).get("y")?.values ?? []),
  ];
  const widths = fc.record({
    reach: fc.constantFrom(1, 3, 7, 63, 127),
    bits: fc.constantFrom(1, 2, 3, 4),
    span: fc.constantFrom(8, 32),
  });
  const cases = widths.chain(({ reach, bits, span }) =>
    fc.record({
      ...{ reach: fc.constant(reach), bits: fc.constant(bits), span: fc.constant(span) },
      x: fc.array(fc.integer({ min: -reach, max: reach }), { minLength: 64, maxLength: 64 }),
      raw: fc.array(fc.nat(2 ** bits - 1), { minLength: 96, maxLength: 96 }),
    }),
  );
  const property = fc.property(cases, ({ reach, bits, span, x, raw }) => {
    const before = parseProgram(`program p\n\n${program(reach, bits)}`);
    const after = applySchedule(before, parseSchedule(steps(span)) as unknown as Schedule);
    expect(run(after, x, raw)).toEqual(run(before, x, raw));
  });
  fc.assert(property, { numRuns: 40 });
});

describe("count-bits refuses", () => {
  test("runs of other lengths", () => {
    expect(refusal(program(), steps(4))).toMatchInlineSnapshot(
      `"step 2: count-bits: ke must be a loop over 8 or 32 neighbouring codes, from a multiple of that; split one off"`,
    );
  });
  test("a sum of something else", () => {
    expect(refusal(program(1, 2, "i32(x[m, k]) over k"), steps())).toMatchInlineSnapshot(
      `"step 2: count-bits: d is not a sum of i32(x) * i32(q); factor it first"`,
    );
  });
  test("an operand without a range", () => {
    expect(refusal(program().replace(" in -1..1", ""), steps())).toMatchInlineSnapshot(
      `"step 2: count-bits: x must be i8 in -127..127 (its declared range), so that entries fit"`,
    );
  });
  test("codes that may be negative", () => {
    const signed = program().replaceAll("u2[3, 32]", "i8[3, 32]").replace("u2(raw", "i8(raw");
    expect(refusal(signed, steps())).toMatchInlineSnapshot(
      `"step 2: count-bits: q (packed i8 in -128..127) must be packed codes"`,
    );
  });
  test("operands that are always 0", () => {
    expect(refusal(program(0), steps())).toMatchInlineSnapshot(`"step 2: count-bits: x and q are always 0"`);
  });
  test("numbers of other planes by the same name", () => {
    const twice = program()
      .replace("register d: i32[3]", "register d: i32[3]\n  input z: i8[2, 32] in -3..3\n  register e: i32[3]")
      .replace(
        "    for o < 3\n",
        "    for e/n < 3\n      for e/k < 32\n        e[e/n] += i32(z[m, e/k]) * i32(q[e/n, e/k]) over e/k\n    for o < 3\n",
      )
      .replace("= d[o]", "= d[o] - e[o]");
    const again = `split(loop: e/k, factor: 8, into: [e/kr, e/ke])
count-bits(buffer: e, at: m, loop: e/ke, operand: z, codes: q, into: {operand: xb, codes: qb}, loops: {operand: e/i, codes: e/j})`;
    expect(refusal(twice, `${steps()}\n${again}`)).toMatchInlineSnapshot(
      `"step 4: count-bits: xb holds other numbers; name those of this sum otherwise"`,
    );
  });
});
