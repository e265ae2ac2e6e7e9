// Every row of the op table, compiled for scalars and vectors of every type, against the row's own meaning on edge values.
import { describe, expect, test } from "vitest";
import { b, evalOp, type OpName, ops, type Scalar, scalars, typeOf } from "../../../ir/index.ts";
import { randomOf, range } from "../../ir/samples.ts";
import {
  at,
  bytesBuffer,
  edgeValues,
  encode,
  expectSame,
  pairsOf,
  perShape,
  relaxed,
  rowsFor,
  runCompiled,
  strict,
} from "./harness.ts";

const types: readonly Scalar[] = ["u8", "i8", "u16", "i16", "u32", "i32", "f16", "bf16", "f32", "f64"];
/** Scalar; one register of bytes; partial registers; several registers; mixed radix. */
const shapes: readonly (readonly number[])[] = [[], [16], [4], [3], [2, 3, 4]];
/** Values for which the operation is defined: shifts by less than the width, positive divisors. */
function secondValues(op: OpName, scalar: Scalar): readonly number[] {
  const values = edgeValues(scalar);
  if (op === "shl" || op === "shr") return values.filter((v) => v >= 0 && v < scalars[scalar].bits);
  return op === "floordiv" || op === "mod" ? values.filter((v) => v > 0) : values;
}

describe.each(types)("%s", (scalar) => {
  test.each(rowsFor(scalar))("%s", (op) => {
    const { arity, signature } = ops[op];
    const [x, y] = pairsOf(edgeValues(scalar), arity === 1 ? [0] : secondValues(op, scalar), 48);
    const [a, c] = [bytesBuffer("a", scalar, x.length), bytesBuffer("c", scalar, x.length)];
    const isCompare = signature === "compare";
    const kernel = perShape(shapes, [a, c], isCompare ? "u8" : scalar, x.length, (load) => {
      const args = signature === "select" ? [b.lt(load(a), load(c)), load(a), load(c)] : [load(a), load(c)];
      const value = b.op(op, ...args.slice(0, arity));
      return isCompare ? b.cast("u8", value) : value;
    });
    const expected = x.map((u, i) => {
      const v = y[i] as number;
      return signature === "select" ? evalOp(op, scalar, Number(u < v), u, v) : evalOp(op, scalar, u, v);
    });
    const outputs = runCompiled(kernel, { a: encode(scalar, x), c: encode(scalar, y) });
    shapes.forEach((shape, j) => {
      expectSame(outputs[`y${j}`] ?? [], expected, (i) => `${scalar}<${shape}> ${op}(${x[i]}, ${y[i]})`);
    });
  });
});

test.each(["i8", "i16", "i32", "f32"] as const)("%s negated where a mask holds", (scalar) => {
  const [x, y] = pairsOf(edgeValues(scalar), edgeValues(scalar), 48);
  const [a, c] = [bytesBuffer("a", scalar, x.length), bytesBuffer("c", scalar, x.length)];
  const kernel = perShape(shapes, [a, c], scalar, x.length, (load) =>
    b.select(b.lt(load(a), load(c)), b.op("neg", load(a)), load(a)),
  );
  const expected = x.map((u, i) => (u < (y[i] as number) ? evalOp("neg", scalar, u) : u));
  const outputs = runCompiled(kernel, { a: encode(scalar, x), c: encode(scalar, y) });
  shapes.forEach((shape, j) => {
    expectSame(outputs[`y${j}`] ?? [], expected, (i) => `${scalar}<${shape}> -(${x[i]}) where less than ${y[i]}`);
  });
});

/** Values over the whole range of exponents, and any bits. */
test.each([
  ["strict", strict],
  ["relaxed", relaxed],
] as const)("exp is the same to the bit everywhere, %s", (_, features) => {
  const random = randomOf(1);
  const bits = Uint32Array.from({ length: 2400 }, () => random() * 2 ** 32);
  const x = [...range(-90, 90, 4800), ...range(-1, 1, 2400), ...new Float32Array(bits.buffer)];
  const a = bytesBuffer("a", "f32", x.length);
  const kernel = perShape(shapes, [a], "f32", x.length, (load) => b.op("exp", load(a)));
  const outputs = runCompiled(kernel, { a: encode("f32", x) }, { features });
  const expected = x.map((v) => evalOp("exp", "f32", v));
  for (const output of Object.values(outputs)) expectSame(output, expected, (i) => `exp(${x[i]})`);
});

/** Constants have spellings of their own: shifts of bytes, powers of two, splats. */
test.each(["u8", "i8", "u16", "i16", "u32", "i32"] as const)("%s by constants", (scalar) => {
  const values = [...edgeValues(scalar)];
  while (values.length % 48 !== 0) values.push(0);
  const a = bytesBuffer("a", scalar, values.length);
  for (const op of ["shl", "shr", "floordiv", "mod", "mul", "and"] as const) {
    const constants = secondValues(op, scalar).filter((v) => [0, 1, 2, 3, 4, 7, 8, 15, 16, 31, 100].includes(v));
    for (const value of constants) {
      const kernel = perShape([[], [16], [3]], [a], scalar, values.length, (load) =>
        b.op(op, load(a), b.constant(value, scalar)),
      );
      const outputs = runCompiled(kernel, { a: encode(scalar, values) });
      const expected = values.map((v) => evalOp(op, scalar, v, value));
      for (const output of Object.values(outputs))
        expectSame(output, expected, (i) => `${scalar} ${op}(${values[i]}, ${value})`);
    }
  }
});

test("bits that move to another place by constants", () => {
  const values = Array.from({ length: 256 }, (_, i) => i);
  while (values.length % 48 !== 0) values.push(0);
  for (const scalar of ["u8", "u16", "u32"] as const) {
    const a = bytesBuffer("a", scalar, values.length);
    const spread = values.map((v) => evalOp("mul", scalar, v, 0x01010101 % 2 ** scalars[scalar].bits));
    for (const [from, mask, to] of [
      [2, 3, 4],
      [6, 255, 4],
      [4, 3, 4],
      [0, 1, 3],
      [1, 0x55, 7],
      [7, 1, 0],
      [3, undefined, 5],
      [5, undefined, 2],
    ] as const) {
      const kernel = perShape([[], [16], [3]], [a], scalar, values.length, (load) => {
        const shifted = b.shr(load(a), from);
        return b.shl(mask === undefined ? shifted : b.and(shifted, mask), to);
      });
      const expected = spread.map((v) => {
        const field = evalOp("shr", scalar, v, from);
        return evalOp("shl", scalar, mask === undefined ? field : evalOp("and", scalar, field, mask), to);
      });
      for (const output of Object.values(runCompiled(kernel, { a: encode(scalar, spread) })))
        expectSame(output, expected, (i) => `${scalar} (${spread[i]} >> ${from} & ${mask}) << ${to}`);
    }
  }
});

test("logic of bools, scalar and of masks of different widths", () => {
  const n = 16;
  const bytes = bytesBuffer("a", "u8", n);
  const words = bytesBuffer("c", "f32", n);
  const y = bytesBuffer("y", "i32", n, "output");
  const a = [0, 1, 2, 0, 9, 0, 0, 4, 1, 1, 0, 0, 7, 0, 3, 0];
  const c = [1, -1, 2, -2, 0, 0, -5, 5, NaN, 3, -3, 1, -1, 2, -2, 8];
  for (const op of ["and", "or", "xor"] as const)
    for (const shape of [[], [4], [16]]) {
      const width = typeOf("i32", shape).count;
      const i = b.mul(b.variable("i"), width);
      const first = b.op("ne", b.load(bytes, at(bytes, i, shape)), b.constant(0, "u8"));
      const second = b.lt(b.constant(0, "f32"), b.load(words, at(words, i, shape)));
      const both = b.op(op, first, second);
      const value = b.select(both, b.constant(7), b.cast("i32", b.op("xor", both, second)));
      const kernel = b.kernel("k", "main", {
        buffers: [bytes, words, y],
        body: [b.loop("i", n / width, [b.store("y", at(y, i, shape), value)])],
      });
      const expected = a.map((v, k) => {
        const [p, q] = [Number(v !== 0), Number(0 < (c[k] as number))];
        const r = evalOp(op, "bool", p, q);
        return r ? 7 : evalOp("xor", "bool", r, q);
      });
      expect(runCompiled(kernel, { a: encode("u8", a), c: encode("f32", c) })["y"]).toEqual(expected);
    }
});
