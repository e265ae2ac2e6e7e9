// Functions made of the scalar-op table, evaluated as expressions, against float64.
import { describe, expect, test } from "vitest";
import { exponential } from "../../ir/exponential.ts";
import {
  b,
  type Expr,
  exp,
  expandedExp,
  interpretKernel,
  log,
  silu,
  sinCosOfTurn,
  tanh,
  tensor,
  turnOf,
} from "../../ir/index.ts";
import { range } from "./samples.ts";

/** The values of a function of f32 at all of these. */
function valuesOf(f: (x: Expr) => Expr, at: readonly number[]): readonly number[] {
  const [x, y] = (["x", "y"] as const).map((name) =>
    b.buffer(name, "f32", [at.length], { role: name === "x" ? "input" : "output" }),
  ) as [ReturnType<typeof b.buffer>, ReturnType<typeof b.buffer>];
  const i = b.variable("i");
  const kernel = b.kernel("k", "main", {
    buffers: [x, y],
    body: [b.loop("i", at.length, [b.store("y", [i], f(b.load(x, [i])))])],
  });
  const result = tensor(
    "f32",
    [at.length],
    at.map(() => 0),
  );
  interpretKernel(kernel, {
    symbols: {},
    buffers: new Map([
      ["x", tensor("f32", [at.length], at)],
      ["y", result],
    ]),
  });
  return [...result.values];
}

describe("exp", () => {
  /** Floats from `first` on, away from 0, as far as `last`: one of so many. */
  function* floats(first: number, last: number, step: number): Iterable<number> {
    const [from, to] = new Uint32Array(Float32Array.of(first, last).buffer) as unknown as [number, number];
    const [bits, value] = [new Uint32Array(1), new Float32Array(1)];
    for (let at = from; at <= to; at += step) {
      bits[0] = at;
      new Uint32Array(value.buffer).set(bits);
      yield value[0] as number;
    }
  }
  /** How far the value at x is from e^x, in units in the last place of an f32. */
  const unitsOff = (x: number): number => {
    const exact = Math.exp(x);
    return Math.abs(exponential(x) - exact) / 2 ** (Math.floor(Math.log2(exact)) - 23);
  };
  // The result is a normal f32, and below the greatest power.
  const [lowest, highest] = [-87.3365, 88.376] as const;

  test("is within a unit in the last place, wherever it is computed", () => {
    let most = 0;
    for (const last of [lowest, highest])
      for (const x of floats(last < 0 ? -0 : 0, last, 1999)) most = Math.max(most, unitsOff(x));
    // Where the power changes what is left of x is greatest.
    for (let n = -125; n < 127; n++)
      for (let i = -20; i <= 20; i++)
        most = Math.max(most, unitsOff(Math.fround((n + 0.5) * Math.LN2 * (1 + i * 2 ** -24))));
    expect(most).toBeLessThan(1);
    const at = [...range(lowest, highest, 2001), ...range(-1, 1, 2001), 0, 1, -0];
    expect(valuesOf(exp, at)).toEqual(at.map((x) => exponential(Math.fround(x))));
  });
  test("is 0 below what an f32 holds, and the greatest power beyond what it is computed for", () => {
    expect(valuesOf(exp, [-88, -(2 ** 100), -Infinity])).toEqual([0, 0, 0]);
    const most = Math.exp(88.37);
    for (const value of valuesOf(exp, [100, 2 ** 100, Infinity])) {
      expect(value).toBeGreaterThanOrEqual(most);
      expect(value).toBeLessThan(2 ** 128);
    }
  });
});

test.each(["rounded", "added"] as const)("exp by its steps, the whole part %s, is exp to the bit", (nearest) => {
  const at = [...range(-91, 91, 9001), ...range(-1, 1, 2001), 0, -0, 2 ** 100, -(2 ** 100), Infinity, -Infinity];
  expect(valuesOf((x) => expandedExp(x, nearest), at)).toEqual(valuesOf(exp, at));
});

test("log is within 2 units in the last place, or 1e-7 near 1", () => {
  const mantissas = range(1, 1.999, 501);
  const at = [
    ...[-126, -100, -24, -2, -1, 0, 1, 2, 24, 100, 127].flatMap((n) => mantissas.map((m) => m * 2 ** n)),
    ...range(0.5, 1.5, 2001),
    2 ** -126,
  ];
  valuesOf(log, at).forEach((value, i) => {
    const exact = Math.log(at[i] as number);
    const place = 2 ** (Math.floor(Math.log2(Math.abs(exact))) - 23);
    expect(Math.abs(value - exact), `${at[i]}`).toBeLessThan(Math.max(exact === 0 ? 0 : 2 * place, 1e-7));
  });
});

test("tanh is within 2e-7, at the ends too", () => {
  const at = [...range(-20, 20, 4001), ...range(-0.1, 0.1, 1001), 0, 2 ** 127, -(2 ** 127), Infinity, -Infinity];
  valuesOf(tanh, at).forEach((value, i) => {
    expect(Math.abs(value - Math.tanh(at[i] as number)), `${at[i]}`).toBeLessThan(2e-7);
  });
});

test("silu is right where its sigmoid is 0, 1, and between", () => {
  const at = [...range(-90, 90, 999), -(2 ** 127), 2 ** 127, 0];
  valuesOf(silu, at).forEach((value, i) => {
    const x = at[i] as number;
    const exact = x / (1 + Math.exp(-x));
    expect(Math.abs(value - exact)).toBeLessThanOrEqual(4 * 2 ** -23 * Math.abs(exact) + 1e-7);
  });
});

describe("sine and cosine of position * frequency", () => {
  const parts = (of: "sin" | "cos", position: number, frequencies: readonly number[]): readonly number[] =>
    valuesOf((f) => sinCosOfTurn(turnOf(b.constant(position, "i32"), f))[of], frequencies);
  /** Frequencies as models have them, and any. */
  const frequencies = [...range(0, 1, 301), ...Array.from({ length: 64 }, (_, i) => Math.fround(500_000 ** (-i / 64)))];

  test.each([0, 1, -1, 2, 3, 1000, -4097, 131_071, 2 ** 20 - 1, 2 ** 20, -(2 ** 20)])(
    "is within 2e-7 at position %i, for frequencies from 0 to 1",
    (position) => {
      for (const of of ["sin", "cos"] as const)
        parts(of, position, [...frequencies, ...frequencies.map((f) => -f)]).forEach((value, i) => {
          const f = frequencies[i % frequencies.length] as number;
          const exact = Math[of](position * (i < frequencies.length ? f : -f));
          expect(Math.abs(value - exact)).toBeLessThan(2e-7);
        });
    },
  );

  test("loses as much as positions and frequencies exceed that, and no more", () => {
    for (const [position, most] of [
      [2 ** 22, 1],
      [2 ** 24, 1],
      [2 ** 24, 16],
    ] as const)
      for (const of of ["sin", "cos"] as const)
        parts(
          of,
          position,
          frequencies.map((f) => f * most),
        ).forEach((value, i) => {
          const exact = Math[of](position * (frequencies[i] as number) * most);
          expect(Math.abs(value - exact)).toBeLessThan(2e-7 * (position / 2 ** 20) * most);
        });
  });

  test("of no turn is 0 and 1, of quarter turns as near as can be", () => {
    const at = (turn: number): readonly number[] =>
      (["sin", "cos"] as const).map(
        (of) => valuesOf(() => sinCosOfTurn(b.constant(turn, "i32"))[of], [0])[0] as number,
      );
    expect(at(0)).toEqual([0, 1]);
    expect(at(2 ** 30)).toEqual([1, 0].map((value) => expect.closeTo(value, 7)));
    expect(at(-(2 ** 31))).toEqual([0, -1].map((value) => expect.closeTo(value, 7)));
    expect(at(-(2 ** 30))).toEqual([-1, 0].map((value) => expect.closeTo(value, 7)));
  });
});
