/** Expressions: one object each, also when very many have been made, and in an order that does not depend on when. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { b, type Expr, printExpr } from "../../ir/index.ts";
import { compareExprs } from "../../ir/order.ts";

describe("interning", () => {
  test("gives equal expressions as one object, distinct ones as distinct", () => {
    const x = b.load(b.buffer("x", "f32", [8]), [b.variable("i")]);
    expect(b.load(b.buffer("x", "f32", [8]), [b.variable("i")])).toBe(x);
    expect(b.load(b.buffer("x", "f32", [8]), [b.variable("i")], b.lt(b.variable("i"), 3))).not.toBe(x);
    expect(b.load(b.buffer("x", "i32", [8]), [b.variable("i")])).not.toBe(x);
    expect(b.constant(-0, "f32")).not.toBe(b.constant(0, "f32"));
    expect(b.constant(Number.NaN, "f32")).toBe(b.constant(Number.NaN, "f32"));
    expect(b.cast("i32", x)).not.toBe(b.bitcast("i32", x));
    expect(b.sub(b.variable("i"), b.variable("j"))).not.toBe(b.sub(b.variable("j"), b.variable("i")));
    expect(b.lanes([4, 2], [1, 0])).not.toBe(b.lanes([2, 4], [1, 0]));
  });

  test("keeps the identity of what is held while very many others are made", () => {
    const held = b.add(b.variable("held"), 1);
    for (let i = 0; i < 150_000; i++) b.constant(i + 0.5, "f32");
    expect(b.add(b.variable("held"), 1)).toBe(held);
    for (let i = 0; i < 150_000; i++) b.constant(i + 0.25, "f32");
    expect(b.add(b.variable("held"), 1)).toBe(held);
  });
});

describe("the order of expressions", () => {
  test("does not depend on what was made first", () => {
    const sum = (...names: readonly string[]): string => {
      const variables = new Map(names.map((name) => [name, b.variable(name)]));
      const of = (name: string): Expr => variables.get(name) as Expr;
      return printExpr(b.mul(b.add(of("order.p"), of("order.q")), b.add(of("order.r"), of("order.q"))));
    };
    expect(sum("order.r", "order.q", "order.p")).toBe(sum("order.p", "order.q", "order.r"));
    expect(printExpr(b.add(b.variable("order.b2"), b.variable("order.a2")))).toBe("order.a2 + order.b2");
  });

  const expression: fc.Arbitrary<Expr> = fc.letrec<{ e: Expr }>((tie) => ({
    e: fc.oneof(
      { depthSize: "small" },
      fc.constantFrom("a", "b", "c").map((name) => b.variable(name)),
      fc.integer({ min: -3, max: 3 }).map((value) => b.constant(value)),
      fc.tuple(fc.constantFrom("add", "sub", "mul"), tie("e"), tie("e")).map(([op, x, y]) => b.op(op as "add", x, y)),
      tie("e").map((x) => b.load(b.buffer("t", "i32", [9]), [x])),
      tie("e").map((x) => b.cast("i32", b.cast("u8", x))),
    ),
  })).e;

  test("is total, and only an expression is equal to itself", () => {
    fc.assert(
      fc.property(expression, expression, expression, (x, y, z) => {
        expect(Math.sign(compareExprs(x, y))).toBe(-Math.sign(compareExprs(y, x)) + 0);
        expect(compareExprs(x, y) === 0).toBe(x === y);
        if (compareExprs(x, y) <= 0 && compareExprs(y, z) <= 0) expect(compareExprs(x, z)).toBeLessThanOrEqual(0);
      }),
      { numRuns: 500 },
    );
  });
});
