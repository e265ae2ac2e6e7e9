// Every row of the op table and every cast, for scalars and vectors of every type that WGSL can hold, run in each engine against the table's own
// meaning on edge values.
import { describe, expect, test } from "vitest";
import {
  type Buffer,
  b,
  castBits,
  castValue,
  type Expr,
  evalOp,
  type Feature,
  isFloat,
  type OpName,
  ops,
  type Scalar,
  type Stmt,
  scalars,
  typeOf,
} from "../../../ir/index.ts";
import { at, bytesBuffer, edgeValues, encode, type Outputs, rowsFor } from "../kernels.ts";
import { type Engine, running } from "./engines.ts";
import { type Case, eachInvocation, expectAllowed, runIn } from "./harness.ts";

const types: readonly Scalar[] = ["u8", "i8", "u16", "i16", "u32", "i32", "f16", "bf16", "f32"];
/** Shapes by type: a vector of four bytes is one word, one of three is not; other types do the same in every shape. */
const shapesOf = (scalar: Scalar): readonly (readonly number[])[] =>
  scalar === "i8" ? [[], [4], [3]] : scalar === "u8" || scalar === "f32" ? [[], [4]] : [[4]];
/** A multiple of every shape's lanes. */
const perInvocation = 12;

/** Without what devices may take for something else: NaN, and f32 that are not normal. */
const tame = (scalar: Scalar): readonly number[] =>
  edgeValues(scalar).filter(
    (v) => !Number.isNaN(v) && !((scalar === "f32" || scalar === "bf16") && v !== 0 && Math.abs(v) < 2 ** -126),
  );

/** One expression over the inputs, with what it is to give. */
interface Row {
  readonly name: string;
  readonly scalar: Scalar;
  readonly value: (load: (buffer: Buffer) => Expr) => Expr;
  readonly expected: readonly number[];
  readonly shapes: readonly (readonly number[])[];
  /** Whether zeros of either sign will do. */
  readonly anyZero?: boolean;
  /** Whether it holds products that are added, which WGSL allows to be rounded once. */
  readonly mayFuse?: boolean;
}

const padded = (values: readonly number[]): number[] => {
  const all = [...values];
  while (all.length % perInvocation !== 0) all.push(values[0] ?? 0);
  return all;
};

/** Every row for every shape in one kernel: outputs of one type lie one after the other. */
function caseOf(
  name: string,
  inputs: readonly Buffer[],
  data: Case["inputs"],
  rows: readonly Row[],
  count: number,
): Case {
  const outputs = new Map<Scalar, number>();
  const body: ((i: Expr) => Stmt)[] = [];
  rows.forEach(({ scalar, value, shapes }, r) => {
    shapes.forEach((shape, s) => {
      const width = typeOf("i32", shape).count;
      const start = outputs.get(scalar) ?? 0;
      outputs.set(scalar, start + count);
      const loop = `s${r}.${s}`;
      body.push((i) => {
        const element = b.add(b.mul(i, perInvocation), b.mul(b.variable(loop), width));
        const y = { name: `y.${scalar}`, scalar } as Buffer;
        const stored = value((buffer) => b.load(buffer, at(buffer, element, shape)));
        return b.loop(loop, perInvocation / width, [b.store(y.name, at(y, b.add(element, start), shape), stored)]);
      });
    });
  });
  const buffers = [...outputs].map(([scalar, size]) => bytesBuffer(`y.${scalar}`, scalar, size, "output"));
  const kernel = b.kernel("k", "main", {
    buffers: [...inputs, ...buffers],
    body: eachInvocation(count / perInvocation, (i) => body.map((make) => make(i))),
  });
  return { name, kernel, inputs: data };
}

/** Engines that round a product and its sum once. */
const fusing: readonly Engine[] = ["deno-llvmpipe"];

/** Compares what a case left with what each row is to give: to the bit, or within 2 units in the last place where the engine fuses. */
function check(outputs: Outputs, rows: readonly Row[], count: number, engine: Engine): void {
  const starts = new Map<Scalar, number>();
  for (const { name, scalar, expected, anyZero, mayFuse, shapes } of rows)
    for (const shape of shapes) {
      const start = starts.get(scalar) ?? 0;
      starts.set(scalar, start + count);
      const tolerance = mayFuse && fusing.includes(engine) ? 2 ** -22 : 0;
      const values = (outputs[`y.${scalar}`]?.slice(start, start + count) ?? []).map((value, i) => {
        const wanted = expected[i] as number;
        return Math.abs(value - wanted) < tolerance * wanted ? wanted : value;
      });
      expectAllowed(values, expected, scalar, (i) => `${name} <${shape}>, element ${i}`, !anyZero);
    }
}

// ---------------------------------------------------------------------------------------------------------------- ops

/** Pairs for which every operation is defined but shifts and quotients, which take `divisor` as second operand. */
function pairs(scalar: Scalar): { a: number[]; c: number[]; divisor: number[] } {
  const values = tame(scalar);
  const step = Math.max(1, Math.floor(values.length / 24));
  const some = values.filter((_, i) => i % step === 0);
  const all = values.flatMap((x) => some.map((y) => [x, y] as const));
  const [a, c] = [padded(all.map(([x]) => x)), padded(all.map(([, y]) => y))];
  const positive = values.filter((v) => v > 0);
  return { a, c, divisor: a.map((_, i) => positive[(i * 5) % positive.length] as number) };
}

function opRow(op: OpName, scalar: Scalar, [a, c, d]: readonly Buffer[], data: ReturnType<typeof pairs>): Row {
  const { arity, signature } = ops[op];
  const { bits } = scalars[scalar];
  const isShift = op === "shl" || op === "shr";
  const second = isShift || op === "floordiv" || op === "mod" ? data.divisor : data.c;
  const amount = (v: number): number => (isShift ? v & (bits - 1) : v);
  const expected = data.a.map((x, i) => {
    const y = amount(second[i] as number);
    return signature === "select" ? evalOp(op, scalar, Number(x < y), x, y) : evalOp(op, scalar, x, y);
  });
  const value = (load: (buffer: Buffer) => Expr): Expr => {
    const x = load(a as Buffer);
    const other = load((second === data.divisor ? d : c) as Buffer);
    const y = isShift ? b.and(other, b.constant(bits - 1, scalar)) : other;
    const result = b.op(op, ...(signature === "select" ? [b.lt(x, y), x, y] : [x, y].slice(0, arity)));
    return signature === "compare" ? b.cast("i32", result) : result;
  };
  const of = signature === "compare" ? "i32" : scalar;
  return {
    name: `${scalar} ${op}`,
    scalar: of,
    shapes: shapesOf(scalar),
    value,
    expected,
    anyZero: op === "min" || op === "max",
    mayFuse: op === "exp",
  };
}

function opsCase(scalar: Scalar): { one: Case; rows: readonly Row[]; count: number } {
  const data = pairs(scalar);
  const count = data.a.length;
  const inputs = ["a", "c", "d"].map((name) => bytesBuffer(name, scalar, count));
  const rows = rowsFor(scalar).map((op) => opRow(op, scalar, inputs, data));
  const bytes = { a: encode(scalar, data.a), c: encode(scalar, data.c), d: encode(scalar, data.divisor) };
  return { one: caseOf(`ops of ${scalar}`, inputs, bytes, rows, count), rows, count };
}

// -------------------------------------------------------------------------------------------------------------- casts

function castsCase(from: Scalar): { one: Case; rows: readonly Row[]; count: number } {
  const values = padded(tame(from));
  const a = bytesBuffer("a", from, values.length);
  const others = types.filter((to) => to !== from);
  const wide = others.filter((to) => scalars[to].bits >= 32 || to === "f16" || to === "u8" || to === "i8");
  const rows = wide.map(
    (to): Row => ({
      name: `${to}(${from})`,
      shapes: from === "i8" || from === "u8" || to === "i8" || to === "u8" ? [[], [4]] : [[4]],
      scalar: to,
      value: (load) => b.cast(to, load(a)),
      expected: values.map((v) => castValue(v, from, to)),
    }),
  );
  const back = (to: Scalar): Row => ({
    name: `${from}(${to}(${from}))`,
    shapes: [[4]],
    scalar: from,
    value: (load) => b.cast(from, b.cast(to, load(a))),
    expected: values.map((v) => castValue(castValue(v, from, to), to, from)),
    // llvmpipe takes floats to integers and back by truncation, which keeps the sign
    anyZero: isFloat(from) && !isFloat(to),
  });
  const alike = others.filter((to) => scalars[to].bits === scalars[from].bits);
  const bits = alike
    .filter((to) => to !== "bf16" && to !== "f32")
    .map(
      (to): Row => ({
        name: `${from} as ${to} as ${from}`,
        shapes: [[]],
        scalar: from,
        value: (load) => b.bitcast(from, b.bitcast(to, load(a))),
        // Which bits a NaN has is nobody's affair: JavaScript's change when V8 compiles what moves them.
        expected: values.map((v) => {
          const held = castBits(v, from, to);
          return Number.isNaN(held) ? Number.NaN : castBits(held, to, from);
        }),
      }),
    );
  const all = [
    ...rows,
    ...(["u16", "i16", "bf16", "bool", "u4", "u1"] as const).filter((to) => to !== from).map(back),
    ...bits,
  ];
  return {
    one: caseOf(`casts of ${from}`, [a], { a: encode(from, values) }, all, values.length),
    rows: all,
    count: values.length,
  };
}

// ------------------------------------------------------------------------------------------------------------- tables

function tablesCase(): { one: Case; rows: readonly Row[]; count: number } {
  const codes = padded(Array.from({ length: 256 }, (_, i) => i));
  const q = bytesBuffer("q", "u8", codes.length);
  const some = [-128, 5, 0, -1, 127, 9, -77, 64, 31, -32, 1, 2, 3, 100, -100, 50];
  const rows = ([1, 3, 4, 8, 11, 16] as const).flatMap((size) =>
    (["i8", "u8"] as const).map((scalar): Row => {
      const values = some.slice(0, size).map((value) => (scalar === "u8" ? value & 255 : value));
      return {
        name: `table of ${size} ${scalar}`,
        shapes: [[], [4]],
        scalar,
        value: (load) => b.table(scalar, b.mod(load(q), b.constant(size, "u8")), values),
        expected: codes.map((code) => values[code % size] as number),
      };
    }),
  );
  return { one: caseOf("tables", [q], { q: encode("u8", codes) }, rows, codes.length), rows, count: codes.length };
}

/** What an engine is asked. */
const asked: Readonly<Record<Engine, readonly Scalar[]>> = {
  "dawn-null": [],
  dawn: types,
  deno: ["i8", "i32", "f32"],
  "deno-llvmpipe": ["f32"],
};

describe.each(running)("%s", (engine) => {
  test("operations and casts", { timeout: 600_000 }, async () => {
    const features: readonly Feature[] = engine === "dawn" ? [] : ["packed-dot"];
    const perType = asked[engine].flatMap((scalar) => [opsCase(scalar), castsCase(scalar)]);
    const all = perType.length > 0 ? [...perType, tablesCase()] : [];
    const outputs = await runIn(
      engine,
      all.map(({ one }) => ({ ...one, features, isProcessor: engine === "dawn" })),
    );
    all.forEach(({ rows, count }, i) => {
      check(outputs[i] ?? {}, rows, count, engine);
    });
    expect(outputs.length).toBe(all.length);
  });
});
