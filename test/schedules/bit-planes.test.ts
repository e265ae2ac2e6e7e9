// Bit planes as a layout: what templates pack of any integer code of 1 to 4 bits, ternary and planes with scales of their own, against the codes as they stand in the file.

import { expect, test } from "vitest";
import {
  containerBuffers,
  encode,
  type Field,
  fieldOf,
  fieldReader,
  formatOf,
  interpretProgram,
  type MatmulWorkload,
  programOf,
  tensorOfBytes,
  termsOf,
} from "../../ir/index.ts";
import {
  applySchedule,
  type Point,
  scheduleOf,
  type Target,
  type Template,
  templateNamed,
} from "../../schedules/index.ts";
import { normals } from "../ir/samples.ts";

/** Planes that a format's codes are packed in: 3 bits take 4 for look-up, whose number of planes is a power of two. */
const formats: Readonly<Record<string, readonly [looked: number, counted: number]>> = {
  ...{ int1_g32_z: [1, 1], int1_g32_zf: [1, 1], q1_0: [1, 1] },
  ...{ int2_g32: [2, 2], q2_0: [2, 2], q2_K: [2, 2], tq1_0: [2, 2], tq2_0: [2, 2] },
  ...{ int3_g32: [4, 3], q3_K: [4, 3], int4_g32: [4, 4], q4_1: [4, 4], q4_K: [4, 4] },
  ...{ bcq1_g32: [1, 1], bcq2_g32: [1, 1], bcq3_g32_o: [1, 1], bcq4_g64: [1, 1] },
};

const n = 37;
const lengthOf = (w: string): number => 2 * Math.max(formatOf(w).block, 32);

/** A packed tensor, the sizes of its digits, and the codes that the file has. */
function packed(
  w: string,
  name: string,
  buffer: string,
  choices: Point = {},
): {
  readonly values: ArrayLike<number>;
  readonly shape: readonly number[];
  readonly code: (row: number, entry: number) => number;
} {
  const k = lengthOf(w);
  const format = formatOf(w);
  const numerics = { compute: "i8", xGroup: 32, xBits: 2 } as const;
  const workload: MatmulWorkload = { op: "matmul", m: 1, n, k, w, bias: false, numerics };
  const target: Target = { workload, device: { kind: "wasm", features: ["relaxed-simd"], limits: {} } };
  const template = templateNamed(name) as Template;
  const point = { ...template.default(target), vectors: 2, tile: 2, ...choices };
  const program = applySchedule(programOf(workload), scheduleOf(template, target, point));
  const stored = encode(format, normals(n * k, 5), n, k);
  const inputs = new Map(
    containerBuffers(format, n, k).map(({ name: part, scalar, shape }) => {
      const sizes = shape.map((e) => (e.kind === "const" ? e.value : 0));
      return [part, tensorOfBytes(scalar, sizes, stored[part] as Uint8Array)] as const;
    }),
  );
  const made = interpretProgram(program, {}, inputs, { run: (stage) => stage === "pack" }).get(buffer);
  if (made === undefined) throw new Error(`no ${buffer}`);
  return {
    values: made.values,
    shape: made.shape,
    code: fieldReader(format, fieldOf(format, "q") as Field, stored, k),
  };
}

/** Number `run` of a plane of a term, from the codes. */
function wanted(
  w: string,
  code: (row: number, entry: number) => number,
  row: number,
  run: number,
  span: number,
  term: number,
  plane: number,
): number {
  const terms = termsOf(formatOf(w));
  let value = 0;
  for (let ke = 0; ke < span; ke++)
    if (row < n) value |= ((code(row, (run * span + ke) * terms + term) >> plane) & 1) << ke;
  return value;
}

test.each(
  Object.keys(formats).flatMap((w) => [
    [w, 16, "a plane of 4 codes"] as const,
    [w, 8, "that, or from 8 on the sign and the rest inverted"] as const,
  ]),
)("%s, tables of %i: a number of look-up is %s", (w, entries, _number) => {
  const { values, shape, code } = packed(w, "table-lookup", "w.ix", { entries });
  const [planes] = formats[w] as readonly [number, number];
  const terms = termsOf(formatOf(w));
  const side = planes > 1 ? 2 : 1;
  const rows = planes > 1 ? 8 : 16;
  const k = lengthOf(w);
  const blocks = Math.ceil(n / (2 * rows));
  const t = terms > 1 ? [terms] : [];
  expect(shape).toEqual([blocks, k / 8, ...t, 2, ...(side === 2 ? [planes / 2, rows, 2, 2] : [rows, 2])]);
  let at = 0;
  for (let no = 0; no < blocks; no++)
    for (let kb = 0; kb < k / 8; kb++)
      for (let term = 0; term < terms; term++)
        for (let nt = 0; nt < 2; nt++)
          for (let pp = 0; pp < planes / side; pp++)
            for (let nl = 0; nl < rows; nl++)
              for (let p = 0; p < side; p++)
                for (let h = 0; h < 2; h++) {
                  const row = (no * 2 + nt) * rows + nl;
                  const number = wanted(w, code, row, kb * 2 + h, 4, term, pp * side + p);
                  expect(values[at++]).toBe(entries === 8 && number > 7 ? 8 + (15 - number) : number);
                }
});

test.each(Object.keys(formats))("%s: a byte of bits to count is a plane of 8 codes", (w) => {
  const { values, shape, code } = packed(w, "plane-popcount", "w.bits");
  const [, planes] = formats[w] as readonly [number, number];
  const terms = termsOf(formatOf(w));
  const k = lengthOf(w);
  const blocks = Math.ceil(n / 32);
  expect(shape).toEqual([blocks, k / 8, ...(terms > 1 ? [terms] : []), 2, planes, 16]);
  let at = 0;
  for (let no = 0; no < blocks; no++)
    for (let kb = 0; kb < k / 8; kb++)
      for (let term = 0; term < terms; term++)
        for (let nt = 0; nt < 2; nt++)
          for (let p = 0; p < planes; p++)
            for (let nl = 0; nl < 16; nl++)
              expect(values[at++]).toBe(wanted(w, code, (no * 2 + nt) * 16 + nl, kb, 8, term, p));
});
