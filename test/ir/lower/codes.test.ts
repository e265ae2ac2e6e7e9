/** Codes below 8 bits, of every width: loads and stores mean the same after every pass, and take the accesses that they should. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { kernelText, lowered, sampleOf, textAfter } from "./same.ts";

const widths = [1, 2, 3, 4, 5, 6, 7] as const;

/** The loads and stores of `q` in a kernel's lowered text. */
const accesses = (text: string, symbols?: Record<string, number>): readonly string[] =>
  textAfter("cse", text, symbols).match(/\bq(:u\d+)?\[&?[^\]]*\]/g) ?? [];

describe.each(widths)("u%i", (bits) => {
  const dense = 8 % bits === 0;
  const perByte = dense ? 8 / bits : 1;

  test("loads of single codes", () => {
    fc.assert(
      fc.property(fc.nat(9), fc.nat(9), fc.integer({ min: 1, max: 12 }), (step, from, count) => {
        const size = step * (count - 1) + from + 1;
        lowered(
          sampleOf(
            kernelText(
              `input q: u${bits}[${size}]`,
              `output y: i32[${count}]`,
              `for i < ${count}`,
              `  y[i] = i32(q[${step} * i + ${from}]) - 3`,
            ),
          ),
        );
      }),
      { numRuns: 30 },
    );
  });

  test("loads of vectors in every stride", () => {
    fc.assert(
      fc.property(fc.nat(9), fc.nat(9), fc.nat(17), fc.constantFrom(0, 1, 3), (a, b, from, padding) => {
        const size = 3 * a + b + from + 1 + 8 + padding;
        lowered(
          sampleOf(
            kernelText(
              `input q: u${bits}[${size}]`,
              "output y: i32[8]",
              `y[<4:2,2:1>] = i32(q[<4:${a},2:${b}> + ${from}]) * 2`,
            ),
          ),
        );
      }),
      { numRuns: 60 },
    );
  });

  test("loads under a mask, through lets and registers", () => {
    lowered(
      sampleOf(
        kernelText(
          `input q: u${bits}[2, 13]`,
          "output y: i32[2, 16]",
          `register r: u${bits}[4]`,
          "for n < 2",
          "  for k < 4",
          `    let code = q[n, 4 * k + <4:1> if 4 * k + <4:1> < 13]`,
          "    r[<4:1>] = code",
          "    y[n, 4 * k + <4:1>] = i32(code) + i32(r[<4:1>])",
        ),
      ),
    );
  });

  test("stores of all codes in order", () => {
    const size = 3 * perByte * 4;
    const text = kernelText(
      `input x: i32[2, ${size}]`,
      `output q: u${bits}[2, ${size}]`,
      "for n < 2",
      `  for k < ${size}`,
      `    q[n, k] = u${bits}(x[n, k])`,
    );
    lowered(sampleOf(text));
    expect(accesses(text)).toHaveLength(1);
  });

  test("stores of vectors, a code of each byte after the other", () => {
    const text = kernelText(
      `input x: u${bits}[16, ${perByte}]`,
      `output q: u${bits}[16, ${perByte}]`,
      `for h < ${perByte} unroll`,
      `  q[<4:4,4:1>, h] = x[<4:4,4:1>, ${perByte - 1} - h]`,
    );
    lowered(sampleOf(text));
    expect(accesses(text)).toHaveLength(1);
  });

  test("stores into bytes that are there", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5 }), fc.nat(5), (step, from) => {
        const text = kernelText(
          "input x: f32[7]",
          `output q: u${bits}[${7 * step + from}]`,
          "for i < 7",
          `  q[${step} * i + ${from} if i % 3 != 1] = u${bits}(x[i])`,
        );
        lowered(sampleOf(text, {}, ["q"]));
      }),
      { numRuns: 30 },
    );
  });

  test("stores of lanes that share bytes", () => {
    const text = kernelText(
      "input x: i32[8]",
      `output q: u${bits}[12]`,
      `q[3 + <8:1> if <8:1> != 5] = u${bits}(x[<8:1>])`,
    );
    lowered(sampleOf(text, {}, ["q"]));
  });

  test("reads between stores see what was stored", () => {
    const text = kernelText(
      `output q: u${bits}[${2 * perByte}]`,
      `for h < ${perByte} unroll`,
      `  q[h] = u${bits}(i32(q[h]) + i32(q[0]) + 1)`,
    );
    lowered(sampleOf(text, {}, ["q"]));
  });
});

describe("u4", () => {
  const loads = (stride: number, size = 64): readonly string[] =>
    accesses(kernelText(`input q: u4[${size}]`, "output y: i32[8]", `y[<8:1>] = i32(q[<8:${stride}> + 1])`));

  test("takes the container in which lanes lie side by side", () => {
    expect(loads(2)).toEqual(["q[&q + <8:1>]"]);
    expect(loads(4)).toEqual(["q:u16[&q + <8:2>]"]);
    expect(loads(8)).toEqual(["q:u32[&q + <8:4>]"]);
  });

  test("stays inside the buffer", () => {
    // The last double word would end behind it.
    expect(loads(8, 58)).toEqual(["q[&q + <8:4>]"]);
  });

  test("takes it where the size is a symbol, if whole containers make it up", () => {
    const read = (length: number): readonly string[] =>
      accesses(
        kernelText(
          "symbol M in 1..",
          `input q: u4[M, ${length}]`,
          "output y: i32[8]",
          "y[<8:1>] = i32(q[0, <8:8> + 1])",
        ),
        { M: 2 },
      );
    expect(read(64)).toEqual(["q:u32[&q + <8:4>]"]);
    expect(read(60)).toEqual(["q[&q + <8:4>]"]);
  });

  test("shares one load among the codes of a container", () => {
    const text = kernelText(
      "input q: u4[16, 2]",
      "output y: i32[2, 16]",
      "for h < 2 unroll",
      "  y[h, <16:1>] = i32(q[<16:1>, h])",
    );
    expect(accesses(text)).toHaveLength(1);
  });
});
