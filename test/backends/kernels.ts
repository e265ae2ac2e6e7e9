// Kernels in lowered form for the tests of backends: buffers, addresses, values at which operations go wrong, and what the interpreter makes of them.
import { expect } from "vitest";
import {
  type Buffer,
  b,
  byteSize,
  bytesOfTensor,
  domains,
  type Expr,
  interpretKernel,
  type Kernel,
  type OpName,
  ops,
  type Scalar,
  storageBits,
  tensorOfBytes,
  typeOf,
  wrap,
} from "../../ir/index.ts";

/** A global buffer of `count` elements in lowered form. */
export const bytesBuffer = (
  name: string,
  scalar: Scalar,
  count: number,
  role: "input" | "output" = "input",
  range?: readonly [number, number],
): Buffer =>
  b.buffer(name, scalar, [byteSize(scalar, count)], range ? { unit: "byte", role, range } : { unit: "byte", role });

/** The bytes of values, each rounded or wrapped to the type. */
export function encode(scalar: Scalar, values: readonly number[]): Uint8Array<ArrayBuffer> {
  return bytesOfTensor({ scalar, shape: [values.length], values: Float64Array.from(values, (v) => wrap(v, scalar)) });
}

export const decode = (scalar: Scalar, bytes: Uint8Array): readonly number[] => [
  ...tensorOfBytes(scalar, [(bytes.length * 8) / storageBits(scalar)], bytes).values,
];

/** The address of element `i` (a scalar, or one per lane in a row when `shape` is given) of a buffer in lowered form. */
export function at({ name, scalar }: Buffer, i: Expr | number, shape: readonly number[] = []): readonly Expr[] {
  const bytes = storageBits(scalar) / 8;
  const start = b.add(b.variable(`&${name}`), b.mul(b.toExpr(i), bytes));
  return [shape.length === 0 ? start : b.add(start, rows(shape, bytes))];
}

/** Lanes in a row, `step` apart. */
export function rows(shape: readonly number[], step: number): Expr {
  const strides = shape.map((_, axis) => step * typeOf("i32", shape.slice(axis + 1)).count);
  return b.lanes(shape, strides);
}

export interface Outputs {
  readonly [name: string]: readonly number[];
}

/** Bytes of a buffer in lowered form whose size is constant. */
export const byteCount = ({ shape }: Buffer): number => (shape[0]?.kind === "const" ? shape[0].value : 0);

/** What the interpreter leaves in the kernel's outputs. */
export function runInterpreted(
  kernel: Kernel,
  inputs: Readonly<Record<string, Uint8Array>>,
  symbols: Readonly<Record<string, number>> = {},
): Outputs {
  const tensors = new Map(
    kernel.buffers
      .filter((buffer) => buffer.scope === "global")
      .map((buffer) => {
        const bytes = inputs[buffer.name] ?? new Uint8Array(byteCount(buffer)).fill(0xff);
        const count = (bytes.length * 8) / storageBits(buffer.scalar);
        return [buffer.name, tensorOfBytes(buffer.scalar, [count], bytes)] as const;
      }),
  );
  interpretKernel(kernel, { symbols, buffers: tensors });
  return Object.fromEntries([...tensors].map(([name, { values }]) => [name, [...values]]));
}

/** Equal to the last bit, but that any NaN equals any other; says where not. */
export function expectSame(actual: readonly number[], expected: readonly number[], what: (i: number) => string): void {
  expect(actual.length).toBe(expected.length);
  const i = actual.findIndex((value, at) => !Object.is(value, expected[at]));
  if (i >= 0) expect.fail(`${what(i)}: ${actual[i]}, expected ${expected[i]}`);
}

const smallInts = [0, 1, 2, 3, 5, 7, 8, 15, 16, 31, 33, 63, 64, 100, 127];

/** Values at which operations of a type go wrong. */
export function edgeValues(scalar: Scalar): readonly number[] {
  const [bits, signed] = [storageBits(scalar), scalar.startsWith("i")];
  if (scalar === "bool") return [0, 1];
  if (/^[ui]/.test(scalar)) {
    const most = 2 ** (signed ? bits - 1 : Math.min(bits, Number(scalar.slice(1)))) - 1;
    const values = [...smallInts, most, most - 1, Math.floor(most / 2), Math.floor(most / 3)];
    const all = signed ? [...values, ...values.map((v) => -v), -most - 1] : values;
    return [...new Set(all.filter((v) => v <= most).map((v) => v + 0))];
  }
  const limits: Readonly<Record<string, readonly number[]>> = {
    f16: [65504, 2 ** -14, 2 ** -24, 3 * 2 ** -24, 1023 * 2 ** -24],
    bf16: [3.3895313892515355e38, 2 ** -126, 2 ** -133, 127 * 2 ** -133],
    f32: [3.4028234663852886e38, 2 ** -126, 2 ** -149, 1.1754942106924411e-38, 8388608.5, 4194303.5, 16777217],
    f64: [Number.MAX_VALUE, Number.MIN_VALUE, 4503599627370495.5, 2 ** 31 + 0.5],
  };
  const positive = [
    ...[0, 0.25, 0.5, 0.49999997, 0.50000006, 1, 1.25, 1.5, 2, 2.5, 3, 3.5, 7.75, 100.5, 127.5, 128, 255, 256, 300],
    ...[32767, 32768, 65519, 65520, 65535, 65536, 2147483520, 2147483648, 4294967040, 4294967296, 1e10, 1e20],
    ...(limits[scalar] ?? []),
    Infinity,
  ];
  const values = [...positive, ...positive.map((v) => -v), NaN].map((v) => wrap(v, scalar));
  return values.filter((v, i) => values.findIndex((other) => Object.is(other, v)) === i);
}

/** Rows of the op table that take a type. */
export const rowsFor = (scalar: Scalar): readonly OpName[] =>
  (Object.keys(ops) as OpName[]).filter((op) => domains[ops[op].domain](scalar));

/** Every pair of edge values, filled up with the last one to a multiple of `multiple`. */
export function pairsOf(a: readonly number[], c: readonly number[], multiple: number): [number[], number[]] {
  const pairs = a.flatMap((x) => c.map((y) => [x, y] as const));
  while (pairs.length % multiple !== 0) pairs.push(pairs[0] as readonly [number, number]);
  return [pairs.map(([x]) => x), pairs.map(([, y]) => y)];
}
