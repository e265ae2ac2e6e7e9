/** Affine forms, bounds and the simplifier: sound on every value of random index expressions, and each rule at work. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  affineOf,
  b,
  type Expr,
  emptyTensor,
  exprOf,
  factsOf,
  interpretKernel,
  isMultipleOf,
  type Kernel,
  lowerBound,
  printExpr,
  provablyLess,
  rangeOf,
  simplifier,
  simplifyKernel,
} from "../../ir/index.ts";

const extents = { i: 5, j: 7, k: 4 } as const;
const [i, j, k] = [b.variable("i"), b.variable("j"), b.variable("k")];

/** A kernel that stores an expression for all values of i, j and k. */
function kernelOf(e: Expr): Kernel {
  const y = b.buffer("y", "i32", [5, 7, 4, ...e.type.lanes], { role: "output" });
  const lanes = e.type.lanes.map((_, axis) =>
    b.lanes(
      e.type.lanes,
      e.type.lanes.map((_size, at) => (at === axis ? 1 : 0)),
    ),
  );
  const nest = Object.entries(extents).reduceRight<Parameters<typeof b.loop>[2]>(
    (body, [name, extent]) => [b.loop(name, extent, body)],
    [b.store("y", [i, j, k, ...lanes], e)],
  );
  return b.kernel("expression", "main", { buffers: [y], body: nest });
}

const factsHere = factsOf(kernelOf(b.constant(0)));

/** Every value of an expression. */
function valuesOf(e: Expr): readonly number[] {
  const y = emptyTensor("i32", [5, 7, 4, ...e.type.lanes]);
  interpretKernel(kernelOf(e), { symbols: {}, buffers: new Map([["y", y]]) });
  return [...y.values];
}

const leaf = fc.oneof(
  fc.constantFrom<Expr>(i, j, k),
  fc.integer({ min: -20, max: 40 }).map((v): Expr => b.constant(v)),
  fc.constant<Expr>(b.lanes([2, 4], [4, 1])),
  fc.constant<Expr>(b.lanes([2, 4], [16, 0])),
);
const divisor = fc.constantFrom(1, 2, 3, 4, 8, 16);
const { index } = fc.letrec<{ index: Expr }>((tie) => ({
  index: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    leaf,
    fc.tuple(tie("index"), tie("index")).map(([x, y]) => b.add(x, y)),
    fc.tuple(tie("index"), tie("index")).map(([x, y]) => b.sub(x, y)),
    fc.tuple(tie("index"), fc.integer({ min: -4, max: 32 })).map(([x, c]) => b.mul(x, c)),
    fc.tuple(tie("index"), divisor).map(([x, d]) => b.floordiv(x, d)),
    fc.tuple(tie("index"), divisor).map(([x, d]) => b.mod(x, d)),
    fc.tuple(tie("index"), tie("index")).map(([x, y]) => b.min(x, y)),
    fc.tuple(tie("index"), tie("index")).map(([x, y]) => b.max(x, y)),
    fc.tuple(tie("index"), tie("index"), tie("index")).map(([x, y, z]) => b.select(b.lt(x, y), y, z)),
    fc.tuple(tie("index"), fc.constantFrom(1, 3, 15, 255)).map(([x, m]) => b.and(x, m)),
  ),
}));

describe("random index expressions", () => {
  test("simplified have the same values, and simplifying again changes nothing", () => {
    fc.assert(
      fc.property(index, (e) => {
        const simplify = simplifier(factsHere);
        const simple = simplify(e);
        expect(valuesOf(simple)).toEqual(valuesOf(e));
        expect(simplify(simple)).toBe(simple);
      }),
      { numRuns: 300 },
    );
  });

  test("lie within their bounds", () => {
    fc.assert(
      fc.property(index, (e) => {
        const values = valuesOf(e);
        const [low, high] = rangeOf(e, factsHere);
        expect(Math.min(...values)).toBeGreaterThanOrEqual(Math.max(low, lowerBound(e, factsHere)));
        expect(Math.max(...values)).toBeLessThanOrEqual(high);
      }),
      { numRuns: 300 },
    );
  });

  test("are less only where that is so for all values", () => {
    fc.assert(
      fc.property(index, index, (x, y) => {
        fc.pre(x.type === y.type);
        if (!provablyLess(x, y, factsHere)) return;
        const right = valuesOf(y);
        for (const [at, value] of valuesOf(x).entries()) expect(value).toBeLessThan(right[at] as number);
      }),
      { numRuns: 300 },
    );
  });

  test("as linear forms and back have the same values", () => {
    fc.assert(
      fc.property(index, fc.integer({ min: 2, max: 8 }), (e, by) => {
        const form = affineOf(e);
        const values = valuesOf(e);
        expect(valuesOf(exprOf(form))).toEqual(values);
        if (isMultipleOf(form, by)) for (const value of values) expect(Math.abs(value % by)).toBe(0);
      }),
      { numRuns: 200 },
    );
  });
});

describe("rules", () => {
  const simplify = simplifier(factsHere);
  const n = b.variable("n");
  test.each<[string, Expr, string]>([
    ["sums in one order", b.add(b.add(j, b.mul(i, 2)), b.sub(i, b.constant(3))), "i * 3 + j + -3"],
    ["neutral zero", b.op("or", b.and(i, 4), b.constant(0)), "i & 4"],
    ["zero", b.and(n, 0), "0"],
    ["quotient of a multiple", b.floordiv(b.add(b.mul(n, 8), i), 8), "n"],
    ["quotient of a coarser sum", b.floordiv(b.add(b.mul(n, 8), b.add(b.mul(k, 2), 1)), 16), "n // 2"],
    ["quotient of a quotient", b.floordiv(b.floordiv(n, 3), 4), "n // 12"],
    ["remainder of a multiple", b.mod(b.add(b.mul(n, 8), i), 8), "i"],
    ["remainder of a coarser sum", b.mod(b.add(b.mul(n, 8), k), 16), "n % 2 * 8 + k"],
    ["a mask that covers", b.and(k, 3), "k"],
    ["a mask of a mask", b.and(b.and(n, 6), 3), "n & 2"],
    ["a mask whose bits are set anyway", b.or(b.and(j, 3), 4), "j | 4"],
    ["a mask that bits are lost by", b.or(b.and(j, 1), 4), "j & 1 | 4"],
    ["extremum", b.min(i, 9), "i"],
    ["lanes that repeat", b.floordiv(b.lanes([4, 2], [2, 1]), 8), "<4,2>0"],
    ["select of one value", b.select(b.lt(n, 3), i, i), "i"],
  ])("%s", (name, e, expected) => {
    const text = printExpr(simplify(e));
    if (name === "lanes that repeat") expect(simplify(e)).toBe(b.constant(0, e.type));
    else expect(text).toBe(expected);
  });

  test("comparisons that ranges decide, and those that symbols decide", () => {
    const M = b.variable("M");
    const kernel = b.kernel("k", "main", {
      symbols: [b.symbol("M")],
      buffers: [],
      body: [b.loop("mo", b.floordiv(M, 4), [b.loop("mi", 4, [])])],
    });
    const facts = factsOf(kernel);
    const row = b.add(b.mul(b.variable("mo"), 4), b.variable("mi"));
    expect(provablyLess(row, M, facts)).toBe(true);
    expect(provablyLess(b.add(row, 1), M, facts)).toBe(false);
    expect(simplify(b.lt(i, 5))).toBe(b.constant(1, "bool"));
    expect(simplify(b.lt(i, 4))).toBe(b.lt(i, b.constant(4)));
  });

  test("statements that never run go, masks that always hold go", () => {
    const y = b.buffer("y", "i32", [8], { role: "output" });
    const store = (mask: Expr) => b.store("y", [i], b.constant(1), mask);
    const body = [
      b.loop("i", 5, [store(b.lt(i, 9)), store(b.lt(i, 0)), b.when(b.lt(i, 0), [b.store("y", [i], b.constant(2))])]),
      b.loop("none", 0, [b.store("y", [b.variable("none")], b.constant(3))]),
    ];
    const simple = simplifyKernel(b.kernel("k", "main", { buffers: [y], body }));
    expect(simple.body).toEqual([b.loop("i", 5, [b.store("y", [i], b.constant(1))])]);
  });
});
