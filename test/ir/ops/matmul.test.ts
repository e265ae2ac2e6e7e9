// The naive matmul: against ggml's own products, against the float64 oracle for all kinds of formats and numerics, and its form.

import { describe, expect, test } from "vitest";
import {
  b,
  boundOf,
  type Containers,
  encode,
  formatNames,
  formatOf,
  type MatmulWorkload,
  type Numerics,
  type Operands,
  operandsOf,
  programOf,
  referenceMatmul,
} from "../../../ir/index.ts";
import { containerTensors, f32, run } from "../interpreted.ts";
import { nmse, normals } from "../samples.ts";
import { hasVector, vectorBytes, vectorShape, vectorValues } from "../vectors.ts";

const f32Numerics: Numerics = { compute: "f32" };

function interpreted(workload: MatmulWorkload, x: Float32Array, w: Containers, operands: Operands = {}): Float64Array {
  const { n, k } = workload;
  const rows = x.length / k;
  const inputs = containerTensors(formatOf(workload.w), w, n, k);
  inputs.set("x", f32([rows, k], x));
  for (const { name, per } of operandsOf(workload))
    inputs.set(name, f32(per === "column" ? [n] : [rows, n], operands[name] as Float32Array));
  return run(programOf(workload), inputs, { M: rows }).get("y") ?? new Float64Array();
}

describe.each(formatNames().filter((name) => hasVector(`y.${name}`)))("%s", (name) => {
  test("the interpreted program and the oracle agree with ggml's product", () => {
    const { n, k } = vectorShape;
    const workload: MatmulWorkload = { op: "matmul", m: "any", n, k, w: name, bias: false, numerics: f32Numerics };
    const w = { "w.raw": vectorBytes(`w.${name}`) };
    const a = vectorValues("a");
    const bound = boundOf({ compute: "f32" });
    expect(nmse(interpreted(workload, a, w), vectorValues(`y.${name}`))).toBeLessThan(bound);
    expect(nmse(referenceMatmul(workload, a, w).y, vectorValues(`y.${name}`))).toBeLessThan(bound);
  });
});

const numericsOf = (xGroup: number | "row"): Numerics => ({ compute: "i8", xGroup });
const combinations: readonly (readonly [w: string, k: number, numerics: Numerics])[] = [
  ["int4_g32", 64, numericsOf(32)],
  ["int4_g32", 128, numericsOf(64)],
  ["int4_g64_z", 128, numericsOf(16)],
  ["int4_g32_zf", 96, numericsOf("row")],
  ["int2_g16_s16", 32, numericsOf(32)],
  ["int3_row", 48, numericsOf(8)],
  ["int5_row_z", 33, numericsOf("row")],
  ["int6_g128", 128, numericsOf(128)],
  ["int8_g32_z", 64, numericsOf(32)],
  ["q4_0", 64, numericsOf(32)],
  ["q8_0", 64, numericsOf("row")],
  ["q4_K", 256, numericsOf(32)],
  ["q6_K", 256, numericsOf(256)],
  ["q2_K", 256, numericsOf(64)],
  ["int4_g32_zf_s16", 64, f32Numerics],
  ["int3_row_z", 13, f32Numerics],
  ["int4_g32_zf", 512, { compute: "f16" }],
  ["int8_row", 100, { compute: "f16" }],
  ["bf16", 64, { compute: "f16" }],
  ["f16", 7, f32Numerics],
];

describe.each(combinations)("%s, K = %i, %o", (w, k, numerics) => {
  const n = 3;
  const containers = encode(formatOf(w), normals(n * k, 11), n, k);
  const x = normals(4 * k, 12);
  const base = { op: "matmul", n, k, w, numerics } as const;
  const bound = boundOf(numerics);

  test("agrees with the float64 oracle, with and without an epilogue", () => {
    const plain: MatmulWorkload = { ...base, m: 4, bias: false };
    expect(nmse(interpreted(plain, x, containers), referenceMatmul(plain, x, containers).y)).toBeLessThan(bound);
    const biased: MatmulWorkload = { ...base, m: "any", bias: true };
    const rows = x.length / k;
    const operands = { bias: normals(n, 13), gate: normals(rows * n, 14), residual: normals(rows * n, 15) };
    const longest: MatmulWorkload = { ...biased, epilogue: ["silu", "gate", "residual"] };
    for (const workload of [biased, longest])
      expect(
        nmse(interpreted(workload, x, containers, operands), referenceMatmul(workload, x, containers, operands).y),
      ).toBeLessThan(bound);
  });

  test("a row does not depend on the number of rows", () => {
    const workload: MatmulWorkload = { ...base, m: "any", bias: false };
    const all = interpreted(workload, x, containers);
    const second = interpreted(workload, x.subarray(k, 2 * k), containers);
    expect(second).toEqual(all.subarray(n, 2 * n));
  });
});

test.each([f32Numerics, numericsOf(32)])("no rows: nothing is computed (%o)", (numerics) => {
  const containers = encode(formatOf("q4_0"), normals(64, 1), 1, 64);
  for (const m of [0, "any"] as const)
    for (const bias of [false, true])
      expect(
        interpreted({ op: "matmul", m, n: 1, k: 64, w: "q4_0", bias, numerics }, new Float32Array(), containers, {
          bias: new Float32Array(1),
        }).length,
      ).toBe(0);
});

describe("form", () => {
  const program = programOf({
    op: "matmul",
    m: "any",
    n: 8,
    k: 64,
    w: "int4_g32",
    bias: true,
    numerics: numericsOf(32),
  });
  test("kernels in order", () => {
    expect(program.kernels.map((k) => `${k.name} ${k.stage}`)).toEqual(["pack pack", "quantize prologue", "main main"]);
  });
  test("buffers of one name are declared alike everywhere", () => {
    const declared = new Map<string, string>();
    for (const { buffers } of program.kernels)
      for (const { name, scalar, shape, role } of buffers) {
        const text = `${scalar} ${shape.map((e) => e.id)} ${role}`;
        expect(declared.get(name) ?? text, name).toBe(text);
        declared.set(name, text);
      }
    expect([...declared.keys()].sort()).toEqual([
      "bias",
      "w.codes",
      "w.q",
      "w.s",
      "w.scales",
      "x",
      "x.amax",
      "x.inverse",
      "x.q",
      "x.s",
      "y",
      "y.sum",
    ]);
  });
  test("main is a perfect nest m, n, k of one reduction, then the bias", () => {
    const main = program.kernels[2];
    const [m, k, n] = [b.variable("m"), b.variable("k"), b.variable("n")];
    const at = (name: string, ...index: readonly Parameters<typeof b.add>[0][]) => {
      const buffer = main?.buffers.find((candidate) => candidate.name === name);
      if (buffer === undefined) throw new Error(`no ${name}`);
      return b.load(buffer, index);
    };
    const x = b.mul(b.cast("f32", at("x.q", m, k)), at("x.s", m, b.floordiv(k, 32)));
    const w = b.mul(b.cast("f32", b.sub(b.cast("i32", at("w.q", n, k)), 8)), at("w.s", n, b.floordiv(k, 32)));
    const rows = b.variable("M");
    expect(main?.body).toEqual([
      b.loop("m", rows, [b.loop("n", 8, [b.loop("k", 64, [b.reduce("y.sum", [m, n], b.mul(x, w), ["k"])])])]),
      b.loop("y/m", rows, [
        b.loop("y/n", 8, [
          b.store(
            "y",
            [b.variable("y/m"), b.variable("y/n")],
            b.add(at("y.sum", b.variable("y/m"), b.variable("y/n")), at("bias", b.variable("y/n"))),
          ),
        ]),
      ]),
    ]);
  });
});
