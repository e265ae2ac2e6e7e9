// Every row of the op table, every cast and every intrinsic, run through the interpreter against formulas of their own.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { fusedMultiplyAdd } from "../../ir/evaluate.ts";
import {
  b,
  castBits,
  type Expr,
  emptyTensor,
  interpretKernel,
  isFloat,
  isSubByte,
  type OpName,
  ops,
  type Scalar,
  scalarRange,
  scalars,
  type Tensor,
  tensor,
  wrap,
} from "../../ir/index.ts";
import { type Fraction, floorOf, fractionOf, nearestOf, negated, over, plus, rootOf, roundTo, times } from "./exact.ts";

/** Runs `y[i] = value(x0[i], x1[i], ..)` over arrays of these types. */
function compute(
  types: readonly Scalar[],
  data: readonly (readonly number[])[],
  value: (...args: Expr[]) => Expr,
  options: { fused?: boolean } = {},
): number[] {
  const count = data[0]?.length ?? 0;
  const inputs = types.map((type, i) => b.buffer(`x${i}`, type, [count], { role: "input" }));
  const result = value(...inputs.map((buffer) => b.load(buffer, [b.variable("i")])));
  const y = b.buffer("y", result.type.scalar, [count], { role: "output" });
  const kernel = b.kernel("row", "main", {
    buffers: [...inputs, y],
    body: [b.loop("i", count, [b.store("y", [b.variable("i")], result)])],
  });
  const out = emptyTensor(y.scalar, [count]);
  const buffers = new Map<string, Tensor>([["y", out]]);
  types.forEach((type, i) => {
    buffers.set(`x${i}`, tensor(type, [count], data[i] as number[]));
  });
  interpretKernel(kernel, { symbols: {}, buffers }, options);
  return [...out.values];
}

const all = Object.keys(scalars) as Scalar[];
const integers = all.filter((s) => s !== "bool" && !isFloat(s) && !isSubByte(s));
const floats = all.filter(isFloat);

/** Values of a type: small ones, the ends of its range, and any. */
function anyOf(scalar: Scalar): fc.Arbitrary<number> {
  if (scalar === "bool") return fc.nat(1);
  const [low, high] = scalarRange(scalar);
  if (!isFloat(scalar))
    return fc.oneof(
      fc.integer({ min: Math.max(low, -9), max: 9 }),
      fc.constantFrom(low, low + 1, high - 1, high),
      fc.integer({ min: low, max: high }),
    );
  const finite = fc
    .oneof(
      fc.integer({ min: -2000, max: 2000 }).map((n) => n / 8),
      fc.double({ noNaN: true, noDefaultInfinity: true }),
      fc
        .tuple(fc.integer({ min: -30, max: 30 }), fc.double({ min: -2, max: 2, noNaN: true }))
        .map(([e, m]) => m * 2 ** e),
    )
    .map((v) => wrap(v, scalar));
  return finite.filter(Number.isFinite);
}

type Formula = (args: readonly Fraction[], values: readonly number[], scalar: Scalar) => number | undefined;

const exact =
  (formula: (a: Fraction, b: Fraction) => Fraction): Formula =>
  ([a, b], _values, scalar) =>
    roundTo(scalar, formula(a as Fraction, (b ?? a) as Fraction));
const whole =
  (formula: (a: Fraction) => bigint): Formula =>
  ([a]) =>
    Number(formula(a as Fraction));
/** Integers as bits of their width, joined by a formula on big integers. */
const bitwise =
  (formula: (a: bigint, b: bigint) => bigint): Formula =>
  (_args, [a, b], scalar) => {
    const { bits } = scalars[scalar];
    const of = (v: number | undefined): bigint => BigInt.asUintN(bits, BigInt(v ?? 0));
    return roundTo(scalar, { n: formula(of(a), of(b)), d: 1n });
  };
const compared =
  (formula: (difference: bigint) => boolean): Formula =>
  ([a, b]) =>
    Number(formula(plus(a as Fraction, negated(b as Fraction)).n));
const halfUp = ({ n, d }: Fraction): bigint => floorOf({ n: 2n * n + d, d: 2n * d });
const sized =
  (formula: (size: Fraction) => bigint) =>
  (a: Fraction): bigint =>
    a.n < 0n ? -formula(negated(a)) : formula(a);

/** The value that a row should give, or undefined where the row has none for these operands. */
const formulas: Readonly<Record<OpName, Formula>> = {
  add: exact(plus),
  sub: exact((a, b) => plus(a, negated(b))),
  mul: exact(times),
  div: ([a, b], _values, scalar) => (b?.n === 0n ? undefined : roundTo(scalar, over(a as Fraction, b as Fraction))),
  floordiv: ([a, b]) => ((b as Fraction).n <= 0n ? undefined : Number(floorOf(over(a as Fraction, b as Fraction)))),
  mod: ([a, b]) => {
    const [x, y] = [(a as Fraction).n, (b as Fraction).n];
    return y <= 0n ? undefined : Number(((x % y) + y) % y);
  },
  min: (_args, [a, b]) => ((a as number) < (b as number) ? a : b),
  max: (_args, [a, b]) => ((a as number) > (b as number) ? a : b),
  and: bitwise((a, b) => a & b),
  or: bitwise((a, b) => a | b),
  xor: bitwise((a, b) => a ^ b),
  shl: (args, [, by], scalar) =>
    (by as number) < 0 || (by as number) >= scalars[scalar].bits
      ? undefined
      : roundTo(scalar, { n: (args[0] as Fraction).n << BigInt(by as number), d: 1n }),
  shr: (args, [, by], scalar) =>
    (by as number) < 0 || (by as number) >= scalars[scalar].bits
      ? undefined
      : roundTo(scalar, { n: (args[0] as Fraction).n >> BigInt(by as number), d: 1n }),
  eq: compared((d) => d === 0n),
  ne: compared((d) => d !== 0n),
  lt: compared((d) => d < 0n),
  le: compared((d) => d <= 0n),
  select: (_args, [cond, a, b]) => (cond === 1 ? a : b),
  neg: exact(negated),
  abs: exact((a) => (a.n < 0n ? negated(a) : a)),
  popcount: (_args, [a = 0], scalar) =>
    [...BigInt.asUintN(scalars[scalar].bits, BigInt(a)).toString(2)].filter((digit) => digit === "1").length,
  sqrt: ([a], _values, scalar) => ((a as Fraction).n < 0n ? Number.NaN : roundTo(scalar, rootOf(a as Fraction))),
  floor: whole(floorOf),
  trunc: whole(sized(floorOf)),
  nearest: whole(nearestOf),
  round: whole(sized(halfUp)),
};

const typesOf: Record<string, readonly Scalar[]> = {
  int: integers,
  float: floats,
  number: [...integers, ...floats],
  bits: [...integers, "bool"],
  any: [...integers, ...floats, "bool"],
};

/** Equal, with one zero and one NaN. */
const same = (a: number | undefined, b: number | undefined): boolean => a === b || Object.is(a, b);

describe("operations give their value", () => {
  const cases = (Object.keys(ops) as OpName[]).flatMap((op) =>
    (typesOf[ops[op].domain] as readonly Scalar[]).map((scalar) => [op, scalar] as const),
  );
  test.each(cases)("%s of %s", (op, scalar) => {
    const { arity, signature } = ops[op];
    const types = Array.from(
      { length: arity },
      (_, i): Scalar => (signature === "select" && i === 0 ? "bool" : scalar),
    );
    const shifts = op === "shl" || op === "shr";
    const row = fc.tuple(
      ...types.map((type, i) =>
        shifts && i === 1 ? fc.integer({ min: 0, max: scalars[scalar].bits - 1 }) : anyOf(type),
      ),
    );
    fc.assert(
      fc.property(fc.array(row, { minLength: 40, maxLength: 40 }), (rows) => {
        const wanted = rows.map((values) => formulas[op](values.map(fractionOf), values, scalar));
        const defined = rows.filter((_, i) => wanted[i] !== undefined);
        if (defined.length === 0) return;
        const data = types.map((_, i) => defined.map((values) => values[i] as number));
        const got = compute(types, data, (...args) => b.op(op, ...args));
        wanted
          .filter((value) => value !== undefined)
          .forEach((value, i) => {
            if (!same(got[i], value))
              expect.fail(`${op}(${defined[i]?.join(", ")}) of ${scalar} is ${got[i]}, should be ${value}`);
          });
      }),
      { numRuns: 8 },
    );
  });

  test("zeros keep their sign, and NaN and infinity go through", () => {
    const one = (op: OpName, ...args: number[]): number | undefined =>
      compute(
        args.map(() => "f32" as const),
        args.map((v) => [v]),
        (...operands) => b.op(op, ...operands),
      )[0];
    expect(one("nearest", -0.25)).toBe(-0);
    expect(one("nearest", -0.5)).toBe(-0);
    expect(one("round", -0.25)).toBe(-0);
    expect(one("trunc", -0.75)).toBe(-0);
    expect(one("neg", 0)).toBe(-0);
    expect(one("min", 0, -0)).toBe(-0);
    expect(one("max", 0, -0)).toBe(0);
    expect(one("min", Number.NaN, 1)).toBeNaN();
    expect(one("max", 1, Number.NaN)).toBeNaN();
    expect(one("nearest", -Infinity)).toBe(-Infinity);
    expect(one("round", Infinity)).toBe(Infinity);
    expect(one("div", 1, -0)).toBe(-Infinity);
    expect(one("lt", Number.NaN, 1)).toBe(0);
    expect(one("ne", Number.NaN, Number.NaN)).toBe(1);
    expect(one("add", 2 ** 127, 2 ** 127)).toBe(Infinity);
  });

  test.each([
    ["floordiv", 7, 0, "row: floordiv: a divisor is 0 at i=0"],
    ["mod", 7, -2, "row: mod: a divisor is -2 at i=0"],
    ["shl", 1, 32, "row: shl: a i32 is shifted by 32 at i=0"],
    ["shr", 1, -1, "row: shr: a i32 is shifted by -1 at i=0"],
  ] as const)("%s of %i and %i is an error", (op, x, y, message) => {
    expect(() => compute(["i32", "i32"], [[x], [y]], (p, q) => b.op(op, p as Expr, q as Expr))).toThrow(message);
  });
});

describe("casts give the nearest value", () => {
  const numbers = [...integers, ...floats];
  test.each(numbers.map((from) => [from]))("from %s", (from) => {
    fc.assert(
      fc.property(fc.array(anyOf(from), { minLength: 30, maxLength: 30 }), (values) => {
        for (const to of all.filter((s) => s !== "bool")) {
          const got = compute([from], [values], (x) => b.cast(to, x as Expr));
          values.forEach((value, i) => {
            const [low, high] = scalarRange(to);
            const wanted =
              isFloat(from) && !isFloat(to)
                ? Math.min(high, Math.max(low, Math.trunc(value))) + 0
                : roundTo(to, fractionOf(value));
            if (!same(got[i], wanted) && !(got[i] === 0 && wanted === 0))
              expect.fail(`${from} ${value} as ${to} is ${got[i]}, should be ${wanted}`);
          });
        }
      }),
      { numRuns: 10 },
    );
  });

  test("a value just beside a tie is rounded once", () => {
    expect(compute(["i32"], [[2 ** 30 + 2 ** 22 + 1]], (x) => b.cast("bf16", x as Expr))).toEqual([2 ** 30 + 2 ** 23]);
    expect(compute(["f64"], [[1 + 2 ** -8 + 2 ** -40]], (x) => b.cast("bf16", x as Expr))).toEqual([1 + 2 ** -7]);
    expect(compute(["f64"], [[0.5 - 2 ** -54]], (x) => b.op("round", x as Expr))).toEqual([0]);
  });

  test("NaN becomes 0, infinity the end of the range", () => {
    const values = [Number.NaN, Infinity, -Infinity];
    expect(compute(["f32"], [values], (x) => b.cast("i8", x as Expr))).toEqual([0, 127, -128]);
    expect(compute(["f32"], [values], (x) => b.cast("u16", x as Expr))).toEqual([0, 65535, 0]);
    expect(compute(["f32"], [values], (x) => b.cast("bf16", x as Expr))).toEqual(values);
  });

  test("bits are read as they lie", () => {
    const typed = {
      u8: Uint8Array,
      i8: Int8Array,
      u16: Uint16Array,
      i16: Int16Array,
      u32: Uint32Array,
      i32: Int32Array,
      f16: Float16Array,
      f32: Float32Array,
    } as const;
    type Typed = keyof typeof typed;
    const names = Object.keys(typed) as Typed[];
    const pair = fc
      .tuple(fc.constantFrom(...names), fc.constantFrom(...names))
      .filter(([p, q]) => scalars[p].bits === scalars[q].bits);
    fc.assert(
      fc.property(
        pair.chain(([from, to]) => fc.tuple(fc.constant(from), fc.constant(to), anyOf(from))),
        ([from, to, value]) => {
          const wanted = new typed[to](new typed[from]([value]).buffer)[0];
          expect(compute([from], [[value]], (x) => b.bitcast(to, x as Expr))).toEqual([wanted]);
        },
      ),
      { numRuns: 200 },
    );
    expect(castBits(1.5, "bf16", "u16")).toBe(0x3fc0);
    expect(castBits(0xbfc0, "u16", "bf16")).toBe(-1.5);
  });
});

describe("intrinsics", () => {
  const pairs = (type: Scalar, count: number, low?: number, high?: number): fc.Arbitrary<number[]> => {
    const [least, most] = scalarRange(type);
    return fc.array(fc.integer({ min: low ?? least, max: high ?? most }), { minLength: count, maxLength: count });
  };

  /** Runs an intrinsic on vectors of lane shape [lanes, 2]. */
  function call(
    name: "dot2_i16_i8_i7" | "dot2_i32_i16" | "sum2_i32_i16" | "sum2_i16_i8",
    lanes: number,
    type: Scalar,
    ...data: number[][]
  ): number[] {
    const x = data.map((_, i) => b.buffer(`x${i}`, type, [lanes * 2], { role: "input" }));
    const value = b.call(name, ...x.map((buffer) => b.load(buffer, [b.lanes([lanes, 2], [2, 1])])));
    const y = b.buffer("y", value.type.scalar, [lanes], { role: "output" });
    const kernel = b.kernel("vector", "main", {
      buffers: [...x, y],
      body: [b.store("y", [b.lanes([lanes], [1])], value)],
    });
    const out = emptyTensor(y.scalar, [lanes]);
    const buffers = new Map<string, Tensor>([["y", out]]);
    data.forEach((values, i) => {
      buffers.set(`x${i}`, tensor(type, [lanes * 2], values));
    });
    interpretKernel(kernel, { symbols: {}, buffers });
    return [...out.values];
  }

  test("dot products and sums of pairs", () => {
    fc.assert(
      fc.property(pairs("i8", 16), pairs("i8", 16, 0, 127), pairs("i16", 8), pairs("i16", 8), (a, c, d, e) => {
        const pair = <T>(count: number, of: (i: number) => T): T[] =>
          Array.from({ length: count }, (_, i) => of(2 * i));
        const at = (v: number[], i: number): number => v[i] as number;
        expect(call("dot2_i16_i8_i7", 8, "i8", a, c)).toEqual(
          pair(8, (i) => wrap(at(a, i) * at(c, i) + at(a, i + 1) * at(c, i + 1), "i16")),
        );
        expect(call("dot2_i32_i16", 4, "i16", d, e)).toEqual(
          pair(4, (i) => wrap(at(d, i) * at(e, i) + at(d, i + 1) * at(e, i + 1), "i32")),
        );
        expect(call("sum2_i32_i16", 4, "i16", d)).toEqual(pair(4, (i) => at(d, i) + at(d, i + 1)));
        expect(call("sum2_i16_i8", 8, "i8", a)).toEqual(pair(8, (i) => at(a, i) + at(a, i + 1)));
      }),
      { numRuns: 50 },
    );
  });

  test("dot products of four", () => {
    fc.assert(
      fc.property(pairs("i8", 8), pairs("i8", 8), (a, c) => {
        const x = b.buffer("x", "i8", [2, 8], { role: "input" });
        const y = b.buffer("y", "i32", [3], { role: "output" });
        const of = (row: number, at: Expr): Expr => b.load(x, [row, at]);
        const [all, four] = [b.lanes([2, 4], [4, 1]), b.lanes([4], [1])];
        const body = [
          b.store("y", [b.lanes([2], [1])], b.call("dot4_i32_i8", of(0, all), of(1, all))),
          b.store("y", [2], b.call("dot4_i32_i8", of(0, four), of(1, four))),
        ];
        const out = emptyTensor("i32", [3]);
        const data = tensor("i8", [2, 8], [...a, ...c]);
        const kernel = b.kernel("dot", "main", { buffers: [x, y], body });
        const buffers = new Map<string, Tensor>([
          ["x", data],
          ["y", out],
        ]);
        interpretKernel(kernel, { symbols: {}, buffers });
        const sum = (from: number): number =>
          a.slice(from, from + 4).reduce((total, v, i) => total + v * (c[from + i] as number), 0);
        expect([...out.values]).toEqual([sum(0), sum(4), sum(0)]);
      }),
      { numRuns: 50 },
    );
  });

  test("an operand out of the range that its row asks for is an error", () => {
    const zeros = Array.from({ length: 16 }, () => 0);
    expect(() => call("dot2_i16_i8_i7", 8, "i8", zeros, [...zeros.slice(1), -1])).toThrow(
      "vector: dot2_i16_i8_i7: operand b is -1, must be in 0..127 at the kernel's top level",
    );
  });

  test("madd_f32 rounds twice, or once where asked", () => {
    const float = fc
      .tuple(fc.integer({ min: -(2 ** 24), max: 2 ** 24 }), fc.integer({ min: -4, max: 4 }))
      .map(([mantissa, exponent]) => mantissa * 2 ** exponent);
    let differ = 0;
    fc.assert(
      fc.property(float, float, float, (x, y, z) => {
        const [p, q, r] = [x, y, z].map(fractionOf) as [Fraction, Fraction, Fraction];
        const once = roundTo("f32", plus(times(p, q), r));
        const twice = Math.fround(Math.fround(x * y) + z);
        const madd = (fused: boolean): number[] =>
          compute(["f32", "f32", "f32"], [[x], [y], [z]], (...args) => b.call("madd_f32", ...args), { fused });
        expect(madd(true)[0] === once).toBe(true);
        expect(madd(false)[0] === twice).toBe(true);
        if (once !== twice) differ++;
      }),
      { numRuns: 1000 },
    );
    expect(differ).toBeGreaterThan(10);
  });

  test("a fused sum that lies just beside a tie is not rounded to even twice", () => {
    // a*b = 1 + 2^-24 exactly, a tie of f32; the tiny c decides.
    const [x, y] = [Math.fround(1 + 2 ** -12), 1];
    const tie = { a: 2 ** -24, b: 1, c: 1 };
    expect(fusedMultiplyAdd(tie.a, tie.b, tie.c)).toBe(1);
    expect(fusedMultiplyAdd(x, y, 0)).toBe(x);
    const a = Math.fround(1 + 2 ** -23);
    // (1 + 2^-23) * (1 + 2^-23) = 1 + 2^-22 + 2^-46: with 2^-24 added it lies just above the middle of two f32 values.
    expect(fusedMultiplyAdd(a, a, 2 ** -24)).toBe(1 + 2 ** -22 + 2 ** -23);
  });
});
