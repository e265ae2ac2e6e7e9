// Every operator's program is well formed for every format, and reads as it should.

import { describe, expect, test } from "vitest";
import {
  formatOf,
  type Numerics,
  parseProgram,
  printProgram,
  programOf,
  spanOf,
  verifyProgram,
  type Workload,
} from "../../../ir/index.ts";
import { typicalFormats } from "../samples.ts";

function wellFormed(workload: Workload): void {
  const program = programOf(workload);
  verifyProgram(program, "naive");
  expect(parseProgram(printProgram(program))).toEqual(program);
}

describe.each(typicalFormats)("%s", (name) => {
  const { block, codes, group } = formatOf(name);
  const k = block === 1 ? 24 : 2 * block;
  const i8 = (xGroup: number | "row"): Numerics => ({ compute: "i8", xGroup });
  test("programs verify, and their text reads back", () => {
    wellFormed({ op: "dequantize", n: 3, k, w: name });
    wellFormed({ op: "matmul", m: "any", n: 3, k, w: name, bias: true, numerics: { compute: "f32" } });
    if (codes === undefined || group === undefined) return;
    for (const numerics of [i8("row"), i8(spanOf(group, k)), i8(4)])
      wellFormed({ op: "matmul", m: 2, n: 3, k, w: name, bias: false, numerics });
  });
});

test("so do quantize and no rows", () => {
  wellFormed({ op: "quantize", m: "any", k: 64, group: 32 });
  wellFormed({ op: "quantize", m: 0, k: 5, group: "row" });
  wellFormed({ op: "matmul", m: 0, n: 1, k: 32, w: "q4_0", bias: true, numerics: { compute: "i8", xGroup: 32 } });
});

describe("text", () => {
  test("int4_g32, i8, with bias", () => {
    const numerics = { compute: "i8", xGroup: 64 } as const;
    const program = programOf({ op: "matmul", m: "any", n: 8, k: 128, w: "int4_g32_z", bias: true, numerics });
    expect(printProgram(program)).toMatchInlineSnapshot(`
      "program matmul

      kernel pack stage pack
        weight w.codes: u8[8, 64]
        weight w.scales: f32[8, 4]
        weight w.zeros: u8[8, 4]
        packed w.q: u4[8, 128]
        packed w.s: f32[8, 4]
        packed w.z: u8[8, 4] in 0..16
        for w.q/n < 8
          for w.q/k < 128
            w.q[w.q/n, w.q/k] = u4(w.codes[w.q/n, w.q/k // 2] >> u8(w.q/k % 2 * 4) & 15)
        for w.s/n < 8
          for w.s/g < 4
            w.s[w.s/n, w.s/g] = w.scales[w.s/n, w.s/g]
        for w.z/n < 8
          for w.z/g < 4
            w.z[w.z/n, w.z/g] = w.zeros[w.z/n, w.z/g]

      kernel quantize stage prologue
        symbol M in 0..
        input x: f32[M, 128]
        workspace x.q: i8[M, 128] in -127..127
        workspace x.s: f32[M, 2]
        register x.amax: f32[]
        register x.inverse: f32[]
        for m < M
          for g < 2
            for x.amax/i < 64
              x.amax[] max= abs(x[m, g * 64 + x.amax/i]) over x.amax/i
            x.s[m, g] = x.amax[] / 127.0
            x.inverse[] = select(x.amax[] / 127.0 < 1.1754944e-38, 0.0, 1.0 / (x.amax[] / 127.0))
            for i < 64
              x.q[m, g * 64 + i] = i8(round(x[m, g * 64 + i] * x.inverse[]))

      kernel main stage main
        symbol M in 0..
        workspace x.q: i8[M, 128] in -127..127
        workspace x.s: f32[M, 2]
        packed w.q: u4[8, 128]
        packed w.s: f32[8, 4]
        packed w.z: u8[8, 4] in 0..16
        input bias: f32[8]
        workspace y.sum: f32[M, 8]
        output y: f32[M, 8]
        for m < M
          for n < 8
            for k < 128
              y.sum[m, n] += f32(i32(w.q[n, k]) - i32(w.z[n, k // 32])) * w.s[n, k // 32] * (x.s[m, k // 64] * f32(x.q[m, k])) over k
        for y/m < M
          for y/n < 8
            y[y/m, y/n] = y.sum[y/m, y/n] + bias[y/n]
      "
    `);
  });
  test("q4_K", () => {
    expect(printProgram(programOf({ op: "dequantize", n: 4, k: 512, w: "q4_K" }))).toMatchInlineSnapshot(`
      "program dequantize

      kernel pack stage pack
        weight w.raw: u8[4, 288]
        packed w.q: u4[4, 512]
        packed w.s: f32[4, 16]
        packed w.o: f32[4, 16]
        for w.q/n < 4
          for w.q/k < 512
            w.q[w.q/n, w.q/k] = u4(w.raw[w.q/n, w.q/k // 64 % 4 * 32 + w.q/k // 256 * 144 + w.q/k % 32 + 16] >> u8(w.q/k // 32 % 2 * 4) & 15)
        for w.s/n < 4
          for w.s/g < 16
            w.s[w.s/n, w.s/g] = f32((w.raw[w.s/n, w.s/g // 8 * 144 + w.s/g % 4 + 4] >> u8(w.s/g // 4 % 2 * 2 + 4) & 3) << 4 | w.raw[w.s/n, w.s/g // 4 % 2 * 8 + w.s/g // 8 * 144 + w.s/g % 4 + 4] & 15) * f32(bitcast(f16, u16(w.raw[w.s/n, w.s/g // 8 * 144 + 1]) << 8 | u16(w.raw[w.s/n, w.s/g // 8 * 144])))
        for w.o/n < 4
          for w.o/g < 16
            w.o[w.o/n, w.o/g] = -(f32(w.raw[w.o/n, w.o/g // 4 % 2 * 4 + w.o/g // 8 * 144 + w.o/g % 4 + 8] >> u8(w.o/g // 4 % 2 * 4) & 15 | (w.raw[w.o/n, w.o/g // 8 * 144 + w.o/g % 4 + 8] >> u8(w.o/g // 4 % 2 * 2 + 4) & 3) << 4) * f32(bitcast(f16, u16(w.raw[w.o/n, w.o/g // 8 * 144 + 2 + 1]) << 8 | u16(w.raw[w.o/n, w.o/g // 8 * 144 + 2]))))

      kernel main stage main
        packed w.q: u4[4, 512]
        packed w.s: f32[4, 16]
        packed w.o: f32[4, 16]
        output y: f32[4, 512]
        for n < 4
          for k < 512
            y[n, k] = f32(i32(w.q[n, k])) * w.s[n, k // 32] + w.o[n, k // 32]
      "
    `);
  });
  test("f16", () => {
    const numerics = { compute: "f32" } as const;
    expect(
      printProgram(programOf({ op: "matmul", m: 1, n: 4, k: 3, w: "f16", bias: false, numerics })),
    ).toMatchInlineSnapshot(`
      "program matmul

      kernel pack stage pack
        weight w.raw: f16[4, 3]
        packed w.v: f16[4, 3]
        for w.v/n < 4
          for w.v/k < 3
            w.v[w.v/n, w.v/k] = w.raw[w.v/n, w.v/k]

      kernel main stage main
        input x: f32[1, 3]
        packed w.v: f16[4, 3]
        output y: f32[1, 4]
        for m < 1
          for n < 4
            for k < 3
              y[m, n] += f32(w.v[n, k]) * x[m, k] over k
      "
    `);
  });
});
