// Every intrinsic, in plain SIMD128 and by relaxed SIMD, against the table's term; and a hand-lowered int4 product against its definition.
import { describe, expect, test } from "vitest";
import { compileModule, emitModule } from "../../../backends/wasm/index.ts";
import {
  type Buffer,
  b,
  castValue,
  type Expr,
  evalOp,
  type IntrinsicName,
  intrinsics,
  type OpName,
  type Scalar,
  type Term,
  wrap,
} from "../../../ir/index.ts";
import { at, bytesBuffer, edgeValues, encode, expectSame, perShape, relaxed, runCompiled, strict } from "./harness.ts";

/** The term's value, each step in its own type, which starts as the operands'. */
function evaluate(
  term: Term,
  operands: Readonly<Record<string, number | readonly number[]>>,
  types: Readonly<Record<string, Scalar>>,
): [number, Scalar] {
  if (typeof term === "string") return [Number(operands[term] ?? 0), types[term] as Scalar];
  if (term[0] === "entry") {
    const [index] = evaluate(term[2] as Term, operands, types);
    return [(operands[term[1]] as readonly number[])[index] as number, types[term[1]] as Scalar];
  }
  if (term[0] === "cast") {
    const [value, from] = evaluate(term[2] as Term, operands, types);
    return [castValue(value, from, term[1] as Scalar), term[1] as Scalar];
  }
  const [x, scalar] = evaluate(term[1] as Term, operands, types);
  const [y] = evaluate(term[2] as Term, operands, types);
  return [evalOp(term[0] as OpName, scalar, x, y), scalar];
}

const names = Object.keys(intrinsics) as IntrinsicName[];

describe.each([
  ["strict", strict],
  ["relaxed", relaxed],
] as const)("%s", (_mode, features) => {
  test.each(names)("%s", (name) => {
    const row = intrinsics[name];
    const lanes = 2 * row.lanes;
    const shape = row.group > 1 ? [lanes, row.group] : [lanes];
    const count = lanes * row.group * 64;
    const values = row.operands.map(({ scalar, range, entries }, n) => {
      // Products of f32 are exact on small integers, so that fused and unfused agree.
      const edges = edgeValues(scalar).filter((v) => !range || (v >= range[0] && v <= range[1]));
      const usable = scalar === "f32" ? edges.filter((v) => Number.isInteger(v) && Math.abs(v) < 256) : edges;
      return Array.from(
        { length: entries ?? count },
        (_, i) => usable[(i * (7 + 4 * n) + (i >> 5)) % usable.length] ?? 0,
      );
    });
    const buffers = row.operands.map(({ name: operand, scalar, entries }) =>
      bytesBuffer(operand, scalar, entries ?? count),
    );
    const y = bytesBuffer("y", row.result, count / row.group, "output");
    const i = b.variable("i");
    const args = buffers.map((buffer, n) => {
      const { entries } = row.operands[n]!;
      return b.load(
        buffer,
        entries === undefined ? at(buffer, b.mul(i, lanes * row.group), shape) : at(buffer, b.constant(0), [entries]),
      );
    });
    const store = b.store("y", at(y, b.mul(i, lanes), [lanes]), b.call(name, ...args));
    const kernel = b.kernel("k", "main", {
      buffers: [...buffers, y],
      body: [b.loop("i", count / row.group / lanes, [store])],
    });
    const inputs = Object.fromEntries(
      row.operands.map(({ name: operand, scalar }, n) => [operand, encode(scalar, values[n] as number[])]),
    );
    const types = Object.fromEntries(row.operands.map(({ name: operand, scalar }) => [operand, scalar]));
    const expected = Array.from({ length: count / row.group }, (_, lane) => {
      let sum = 0;
      for (let r = 0; r < row.group; r++) {
        const operands = Object.fromEntries(
          row.operands.map(({ name: operand, entries }, n) => [
            operand,
            entries === undefined ? (values[n]?.[lane * row.group + r] ?? 0) : (values[n] as number[]),
          ]),
        );
        sum = wrap(sum + evaluate(row.term, operands, types)[0], row.result);
      }
      return sum;
    });
    expectSame(runCompiled(kernel, inputs, { features })["y"] ?? [], expected, (lane) => `${name} lane ${lane}`);
  });
});

describe.each([
  ["strict", strict],
  ["relaxed", relaxed],
] as const)("tables, %s", (mode, features) => {
  const some = [-128, 5, 0, -1, 127, 9, -77, 64, 31, -32, 1, 2, 3, 100, -100, 50];
  const codes = Array.from({ length: 48 * 16 }, (_, i) => (i * 11 + (i >> 4)) % 256);
  const q = bytesBuffer("q", "u8", codes.length);
  const shapes: readonly (readonly number[])[] = [[], [16], [4], [3], [2, 3, 4]];

  test.each([1, 2, 4, 5, 8, 13, 16])("of %i values", (count) => {
    for (const scalar of ["i8", "u8"] as const) {
      const values = some.slice(0, count).map((value) => (scalar === "u8" ? value & 255 : value));
      const lookUp = (code: Expr): Expr => b.table(scalar, b.mod(code, count), values);
      const kernel = perShape(shapes, [q], scalar, codes.length, (load) => lookUp(load(q)));
      for (const output of Object.values(runCompiled(kernel, { q: encode("u8", codes) }, { features })))
        expectSame(
          output,
          codes.map((code) => values[code % count] as number),
          (i) => `${scalar} of ${count} at ${codes[i]}`,
        );
    }
  });

  test.each(["add", "sub", "mul", "and", "or", "xor"] as const)("constants fold into them: %s", (op) => {
    const values = some.map((value) => value >> 1);
    for (const constant of [3, -12, 200]) {
      const folded = (code: Expr): Expr => b.op(op, b.cast("i32", b.table("i8", b.and(code, 15), values)), constant);
      const reversed = (code: Expr): Expr =>
        b.op(op, b.constant(constant), b.cast("i32", b.table("i8", b.and(code, 15), values)));
      for (const [value, expected] of [
        [folded, (v: number) => evalOp(op, "i32", v, constant)],
        [reversed, (v: number) => evalOp(op, "i32", constant, v)],
      ] as const) {
        const kernel = perShape(shapes, [q], "i32", codes.length, (load) => value(load(q)));
        for (const output of Object.values(runCompiled(kernel, { q: encode("u8", codes) }, { features })))
          expectSame(
            output,
            codes.map((code) => expected(values[code & 15] as number)),
            (i) => `${op} ${constant} at ${codes[i]}`,
          );
      }
    }
  });

  test("with indices out of lanes of 32 bits, and values into such", () => {
    const w = bytesBuffer("w", "u32", codes.length);
    const words = codes.map((code, i) => ((code << 24) | (i << 4) | (code & 15)) >>> 0);
    for (const values of [some, some.map((v) => Math.abs(v) >> 1)])
      for (const to of ["i32", "f32", "i16"] as const) {
        const kernel = perShape(shapes, [w], to, codes.length, (load) =>
          b.cast(to, b.table("i8", b.cast("u8", b.and(load(w), 15)), values)),
        );
        for (const output of Object.values(runCompiled(kernel, { w: encode("u32", words) }, { features })))
          expectSame(
            output,
            codes.map((code) => values[code & 15] as number),
            (i) => `${to} at ${words[i]}`,
          );
      }
  });

  test("are byte shuffles", () => {
    const y = bytesBuffer("y", "i8", 16, "output");
    const value = b.sub(
      b.table(
        "i8",
        b.and(b.load(q, at(q, 0, [16])), 15),
        some.map((v) => v >> 1),
      ),
      8,
    );
    const kernel = b.kernel("k", "main", { buffers: [q, y], body: [b.store("y", at(y, 0, [16]), value)] });
    const text = JSON.stringify(emitModule([kernel], features).module);
    expect(text).toContain(mode === "strict" ? "i8x16.swizzle" : "i8x16.relaxed_swizzle");
    expect(text).not.toContain("i8x16.sub");
    expect(compileModule([kernel], features).features).toEqual(mode === "strict" ? [] : ["relaxed-simd"]);
  });
});

test("scalar operands are broadcast, scalar madd is a product and a sum", () => {
  const x = bytesBuffer("x", "i16", 8);
  const s = bytesBuffer("s", "f32", 1);
  const y = bytesBuffer("y", "f32", 5, "output");
  const sums = b.call("dot2_i32_i16", b.load(x, at(x, 0, [4, 2])), b.constant(1, "i16"));
  const scale = b.load(s, at(s, 0));
  const body = [
    b.store("y", at(y, 0, [4]), b.call("madd_f32", b.cast("f32", sums), scale, scale)),
    b.store("y", at(y, 4), b.call("madd_f32", scale, scale, scale)),
  ];
  const kernel = b.kernel("k", "main", { buffers: [x, s, y], body });
  const inputs = { x: encode("i16", [1, 2, 3, 4, -5, -6, 7, -8]), s: encode("f32", [0.5]) };
  for (const features of [strict, relaxed])
    expect(runCompiled(kernel, inputs, { features })["y"]).toEqual([2, 4, -5, 0, 0.75]);
});

test("a dot product may be a scalar", () => {
  const x = bytesBuffer("x", "i8", 12);
  const y = bytesBuffer("y", "i32", 3, "output");
  const i = b.variable("i");
  const four = (offset: number): Expr => b.load(x, at(x, b.mul(b.mod(b.add(i, offset), 3), 4), [4]));
  const store = b.store("y", at(y, i), b.call("dot4_i32_i8", four(0), four(1)));
  const kernel = b.kernel("k", "main", { buffers: [x, y], body: [b.loop("i", 3, [store])] });
  const inputs = { x: encode("i8", [-128, -128, -128, -128, 127, -128, 3, 4, 5, 6, 7, -8]) };
  const expected = [-128 * 6, 127 * 5 - 128 * 6 + 21 - 32, -1280];
  expect(runCompiled(kernel, inputs, { features: strict })["y"]).toEqual(expected);
});

test("features of a module are those that it uses", () => {
  const y = bytesBuffer("y", "f32", 4, "output");
  const zero = b.load(y, at(y, 0, [4]));
  const kernel = (value: Expr) => b.kernel("k", "main", { buffers: [y], body: [b.store("y", at(y, 0, [4]), value)] });
  expect(compileModule([kernel(b.add(zero, zero))], relaxed).features).toEqual([]);
  expect(compileModule([kernel(b.call("madd_f32", zero, zero, zero))], relaxed).features).toEqual(["relaxed-simd"]);
  expect(compileModule([kernel(b.call("madd_f32", zero, zero, zero))], strict).features).toEqual([]);
  expect(compileModule([kernel(zero)], ["relaxed-simd", "shared-memory"]).features).toEqual(["shared-memory"]);
  const text = JSON.stringify(emitModule([kernel(b.call("madd_f32", zero, zero, zero))], strict).module);
  expect(text).not.toContain("relaxed");
});

// ------------------------------------------------------------------------------------------- int4 times int8, by hand

const [N, K, group] = [8, 64, 32];
const groups = K / group;

/** Codes of 4 rows x 4 k in 16 bytes, two k quads in the nibbles; weights as [n/4][group][quad pair][row][k pair][k]. */
function int4Kernel() {
  const xq = bytesBuffer("x.q", "i8", K, "input", [-127, 127]);
  const xs = bytesBuffer("x.s", "f32", groups);
  const x8 = bytesBuffer("x.8", "i32", groups);
  const wq = bytesBuffer("w.q", "u8", (N * K) / 2);
  const ws = bytesBuffer("w.s", "f32", N * groups);
  const y = bytesBuffer("y", "f32", N, "output");
  const acc = b.buffer("acc", "f32", [], { scope: "register", lanes: [4] });
  const d16 = b.buffer("d16", "i16", [], { scope: "register", lanes: [4, 2] });
  const pointer = (name: string): Buffer => b.buffer(name, "i32", [], { scope: "register" });
  const [pw, px] = [pointer("pw"), pointer("px")];
  const [no, kg] = [b.variable("no"), b.variable("kg")];
  const inGroup = [0, 1, 2, 3].flatMap((kj) => {
    const codes = b.load(wq, [b.add(b.add(b.load(pw, []), 16 * kj), b.lanes([4, 2, 2], [4, 2, 1]))]);
    return [0, 1].map((h) => {
      const weight = b.bitcast("i8", b.and(h === 1 ? b.shr(codes, 4) : codes, 15));
      const x = b.load(xq, [b.add(b.add(b.load(px, []), 8 * kj + 4 * h), b.lanes([4, 2, 2], [0, 2, 1]))]);
      return b.store("d16", [], b.add(b.load(d16, []), b.call("dot2_i16_i8_i7", x, weight)));
    });
  });
  const product = b.sub(b.call("dot2_i32_i16", b.load(d16, []), b.constant(1, "i16")), b.load(x8, at(x8, kg)));
  const scales = b.load(ws, at(ws, b.add(b.mul(no, 4 * groups), b.mul(kg, 4)), [4]));
  const scale = b.mul(scales, b.load(xs, at(xs, kg)));
  const perGroup = [
    b.store("d16", [], b.constant(0, b.load(d16, []).type)),
    ...inGroup,
    b.store("acc", [], b.call("madd_f32", b.cast("f32", product), scale, b.load(acc, []))),
    b.store("pw", [], b.add(b.load(pw, []), 64)),
    b.store("px", [], b.add(b.load(px, []), group)),
  ];
  const perRows = [
    b.store("acc", [], b.constant(0, b.load(acc, []).type)),
    b.store("pw", [], b.add(b.variable("&w.q"), b.mul(no, 2 * K))),
    b.store("px", [], b.variable("&x.q")),
    b.loop("kg", groups, perGroup),
    b.store("y", at(y, b.mul(no, 4), [4]), b.load(acc, [])),
  ];
  const body = [b.loop("no", N / 4, perRows, "thread")];
  return b.kernel("main", "main", { buffers: [xq, xs, x8, wq, ws, y, acc, d16, pw, px], body });
}

test("int4 weights times int8 activations", () => {
  let seed = 1;
  const random = (limit: number): number => {
    seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff;
    return seed % limit;
  };
  const x = Array.from({ length: K }, () => random(255) - 127);
  const xs = Array.from({ length: groups }, () => random(8) / 8);
  const codes = Array.from({ length: N * K }, () => random(16));
  const ws = Array.from({ length: N * groups }, () => random(8) / 8);
  const packed = new Uint8Array((N * K) / 2);
  const packedScales = new Array<number>(N * groups).fill(0);
  for (let n = 0; n < N; n++)
    for (let k = 0; k < K; k++) {
      const [g, quad] = [Math.floor(k / 32), Math.floor(k / 4) % 8];
      const byte = Math.floor(n / 4) * 2 * K + g * 64 + (quad >> 1) * 16 + (n % 4) * 4 + (k % 4);
      packed[byte] = (packed[byte] ?? 0) | ((codes[n * K + k] ?? 0) << (4 * (quad & 1)));
      packedScales[(Math.floor(n / 4) * groups + g) * 4 + (n % 4)] = ws[n * groups + g] ?? 0;
    }
  const sums = xs.map((_, g) => 8 * x.slice(32 * g, 32 * g + 32).reduce((sum, v) => sum + v, 0));
  const expected = Array.from({ length: N }, (_, n) =>
    x.reduce((sum, v, k) => {
      const g = Math.floor(k / group);
      return sum + v * (xs[g] ?? 0) * ((codes[n * K + k] ?? 0) - 8) * (ws[n * groups + g] ?? 0);
    }, 0),
  );
  const inputs = {
    "x.q": encode("i8", x),
    "x.s": encode("f32", xs),
    "x.8": encode("i32", sums),
    "w.q": packed,
    "w.s": encode("f32", packedScales),
  };
  const kernel = int4Kernel();
  for (const features of [strict, relaxed]) expect(runCompiled(kernel, inputs, { features })["y"]).toEqual(expected);
  // A part of the rows leaves the others alone.
  const part = runCompiled(kernel, inputs, { range: [1, 2] })["y"] ?? [];
  expect(part.slice(4)).toEqual(expected.slice(4));
  expect(part.slice(0, 4).every(Number.isNaN)).toBe(true);
});
