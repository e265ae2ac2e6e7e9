// Expressions as text: what is printed reads back as the same node, with no parentheses too many.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { b, type Expr, ops, parseExpr, printExpr, wrap } from "../../../ir/index.ts";
import { precedence } from "../../../ir/text/precedence.ts";
import { expressions, scalarNames, scope } from "./arbitrary-expr.ts";

describe("expressions", () => {
  test("read back as the same node", () => {
    fc.assert(
      fc.property(expressions, (e) => {
        const text = printExpr(e, scope);
        if (parseExpr(text, scope) !== e) expect.fail(`${text} reads as ${printExpr(parseExpr(text, scope), scope)}`);
      }),
      { numRuns: 2000 },
    );
  });

  test("have no parentheses that they don't need", () => {
    fc.assert(
      fc.property(expressions, (e) => {
        const text = printExpr(e, scope);
        for (let open = text.indexOf("("); open >= 0; open = text.indexOf("(", open + 1)) {
          if (/[\w>]$/.test(text.slice(0, open))) continue;
          let depth = 0;
          let close = open;
          do depth += text[close] === "(" ? 1 : text[close] === ")" ? -1 : 0;
          while (depth > 0 && ++close < text.length);
          const without = `${text.slice(0, open)} ${text.slice(open + 1, close)} ${text.slice(close + 1)}`;
          let reads: Expr | undefined;
          try {
            reads = parseExpr(without, scope);
          } catch {}
          if (reads === e) expect.fail(`${text} is the same without the parentheses at ${open}`);
        }
      }),
      { numRuns: 300 },
    );
  });

  test.each([
    "i * 4 + n",
    "(i + n) * 4",
    "i - (n - 4)",
    "i - n - 4",
    "-i * n",
    "-(i * n)",
    "k // 32 * 32 + k % 32",
    "k // (m * 32)",
    "i << 2 | k & 15",
    "(i | 3) & 5",
    "select(i < 4, x.f32[i, 0], 0.0)",
    "x.i8[i, k + <4:1,2:0>]",
    "f32(i32(x.u4[n, k]) - 8) * x.f32[n, k // 32]",
    "x.f32[i, k if (i < 3) & (k < 7)]",
    "bitcast(u32, x.f32[0, 0]) >> 16",
    "i32(table(i8, u8(x.u4[n, k]), 0, -1, 2, 3, -128, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 127)) - 8",
    "table(u8, x.u8[i, 0] & 1, 7, 200)",
    "u8(7) - x.u8[i, 0]",
    "x.u8[i, 0] - 7",
    "acc[] + f32<4>(0.5)",
    "raw:u32[&raw + i * 4 + 16]",
    "raw:u16[&raw + i * 2 + <8:2>]",
    "min(x.f32[0, 0], inf) / -0.0",
    '"2x" + i + n-o + tail/k',
    "madd_f32(x.f32[0, 0], 2.0, acc[])",
    "x.bool[0, 0] ^ true",
  ])("%s prints as it is written", (text) => {
    // `u8(7) - ..` is the one line that says more than it must.
    const shorter = text.replace(/^u8\(7\)/, "7");
    expect(printExpr(parseExpr(text, { buffers: scope.buffers }), scope)).toBe(shorter);
  });

  test("may be written with more than is printed", () => {
    const same = (a: string, c: string): void => expect(parseExpr(a)).toBe(parseExpr(c));
    same("i > n", "n < i");
    same("i >= n", "n <= i");
    same("((i)) + (2 * 3)", "i + 6");
    same("i+n*2-1 # comment", "i + n * 2 - 1");
    same("min(\n  i,\n    n)", "min(i, n)");
    same("f32(2) + 1", "3.0");
    same("1 + 0.5", "1.5");
    same("f32(i) * (1 / 4)", "f32(i) * 0.25");
    same("i32<4>(2)", "i32<4>(2) * 1");
    same("<4:0>", "i32<4>(0)");
  });

  test("every infix operation has a precedence", () => {
    const spelled = Object.values(ops).flatMap(({ infix }) => infix ?? []);
    expect(Object.keys(precedence)).toEqual(expect.arrayContaining(spelled));
  });

  test("every number reads back as the same value of its type", () => {
    const view = new DataView(new ArrayBuffer(8));
    const floats = ["f16", "bf16", "f32", "f64"] as const;
    fc.assert(
      fc.property(fc.constantFrom(...floats), fc.nat(2 ** 32 - 1), fc.nat(2 ** 32 - 1), (scalar, high, low) => {
        view.setUint32(0, high);
        view.setUint32(4, low);
        const value =
          scalar === "f64" ? view.getFloat64(0) : scalar === "f16" ? view.getFloat16(0) : view.getFloat32(0);
        const e = b.constant(value, scalar);
        expect(parseExpr(printExpr(e))).toBe(e);
      }),
      { numRuns: 2000 },
    );
    for (const scalar of scalarNames)
      for (const value of [-(2 ** 31), -128, -1, -0, 0, 1, 127, 255, 65535, 2 ** 32 - 1]) {
        const e = b.constant(value, scalar);
        expect(parseExpr(printExpr(e))).toBe(e);
      }
    expect(printExpr(b.constant(wrap(0.1, "f32"), "f32"))).toBe("0.1");
    expect(printExpr(b.constant(0.1, "f64"))).toBe("f64(0.1)");
  });

  test("the printed order of operands depends on nothing but the expression", () => {
    const fresh = (name: string): Expr => b.variable(`${name}.${Math.random().toString(36).slice(2)}`);
    const [a, c] = [fresh("a"), fresh("c")];
    expect(printExpr(b.add(c, a))).toBe(printExpr(b.add(a, c)));
    const [d, e] = [fresh("e"), fresh("d")];
    expect(printExpr(b.add(b.mul(e, 2), d))).toMatch(/^d\S+ \* 2 \+ e/);
  });
});
