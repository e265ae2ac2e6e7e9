// Views, slices, parts of words, workgroup memory, subgroups, loops and conditions: kernels written in the form of invocations, run in each engine.
import { describe, expect, test } from "vitest";
import { type Feature, parseKernel, type Scalar } from "../../../ir/index.ts";
import { encode } from "../kernels.ts";
import { running } from "./engines.ts";
import { type Case, expectAllowed, interpreted, runIn } from "./harness.ts";

const ramp = (scalar: Scalar, count: number, step = 7): Uint8Array =>
  encode(
    scalar,
    Array.from({ length: count }, (_, i) => ((i * step) % 251) - (/^u/.test(scalar) ? 0 : 125)),
  );
const bytes = (count: number): Uint8Array =>
  Uint8Array.from({ length: count }, (_, i) => (i * 167 + (i >> 5) * 13) & 0xff);

const one = (name: string, text: string, inputs: Case["inputs"], rest: Partial<Case> = {}): Case => ({
  name,
  kernel: parseKernel(text),
  inputs,
  ...rest,
});

/** Kernels whose meaning does not depend on the order of the invocations. */
const cases: readonly Case[] = [
  one(
    "loads of every width at every place",
    `kernel k stage main
  input q: u8[256 bytes]
  output y: i32[4096 bytes]
  for group.x < 2 workgroup.x
    for local.x < 16 local.x
      let at = 8 * (16 * group.x + local.x)
      for j < 4
        y[&y + 128 * (16 * group.x + local.x) + 4 * j] = i32(q:u8[&q + 64 + 2 * local.x + j])
        y[&y + 128 * (16 * group.x + local.x) + 16 + 4 * j] = i32(q:i8[&q + at + j % 4])
      y[&y + 128 * (16 * group.x + local.x) + 32] = i32(q:i8[&q + at + 5])
      y[&y + 128 * (16 * group.x + local.x) + 36] = i32(q:u16[&q + at + 6])
      y[&y + 128 * (16 * group.x + local.x) + 40] = i32(q:i16[&q + 2 * local.x + 2])
      y[&y + 128 * (16 * group.x + local.x) + 44] = i32(q:u16[&q + local.x + 1])
      y[&y + 128 * (16 * group.x + local.x) + 48] = q:i32[&q + local.x]
      y[&y + 128 * (16 * group.x + local.x) + 52] = q:i32[&q + 2 * local.x]
      y[&y + 128 * (16 * group.x + local.x) + 56] = q:i32[&q + 2 * at % 240]
      y[&y + 128 * (16 * group.x + local.x) + 64 + <4:4>] = i32(q:i8[&q + at % 128 + 4 + <4:1>])
      y[&y + 128 * (16 * group.x + local.x) + 80 + <4:4>] = i32(q:u8[&q + local.x + <4:2>])
      y[&y + 128 * (16 * group.x + local.x) + 96 + <2:4>] = i32(q:u16[&q + at % 128 + 4 + <2:2>])
      y[&y + 128 * (16 * group.x + local.x) + 104 + <2:4>] = q:i32[&q + at % 128 + <2:4>]
      y[&y + 128 * (16 * group.x + local.x) + 112 + <3:4>] = i32(q:i16[&q + at % 128 + <3:4>])
      y[&y + 128 * (16 * group.x + local.x) + 124] = i32((q:u8[&q + at + 1] >> u8(4)) & u8(15)) - 8
`,
    { q: bytes(256) },
  ),
  one(
    "16 bytes at once, their bytes and nibbles",
    `kernel k stage main
  input q: u8[1024 bytes]
  input s: f32[256 bytes]
  output y: f32[512 bytes]
  for group.x < 2 workgroup.x
    for local.x < 8 local.x
      let a = q:u8[&q + 512 * group.x + 64 * local.x + <4:1>]
      let c = q:u8[&q + 512 * group.x + 64 * local.x + 4 + <4:1>]
      let d = q:u8[&q + 512 * group.x + 64 * local.x + 24 + <4:1>]
      let w = q:u32[&q + 512 * group.x + 64 * local.x + 48 + <4:4>]
      let s4 = s[&s + 16 * local.x + <4:4>]
      y[&y + 32 * (8 * group.x + local.x) + <4:4>] = f32(i8((a & u8(15)) + (c >> u8(4)) - d)) * s4 + f32(w & u32<4>(255))
      y[&y + 32 * (8 * group.x + local.x) + 16 + <4:4>] = f32(i32(c ^ d) - 128) * s[&s + 16 * local.x + 4]
`,
    { q: bytes(1024), s: ramp("f32", 64) },
  ),
  one(
    "bytes and halves stored beside each other",
    `kernel k stage main
  input x: i32[256 bytes]
  output y: i8[64 bytes]
  output z: i16[128 bytes]
  output w: u8[61 bytes]
  output v: i8[256 bytes]
  for group.x < 2 workgroup.x
    for local.x < 32 local.x
      let i = 32 * group.x + local.x
      y[&y + i] = i8(x[&x + 4 * i])
      z[&z + 2 * i] = i16(x[&x + 4 * i] * 300)
      if i < 61
        w[&w + i] = u8(x[&x + 4 * i] + 1)
      v[&v + 4 * i + <4:1>] = i8(x[&x + 4 * i] * <4:3> - 7)
`,
    { x: ramp("i32", 64) },
  ),
  one(
    "vectors of halves stored as words",
    `kernel k stage main
  input x: f32[256 bytes]
  output y: f16[128 bytes]
  output z: bf16[128 bytes]
  output w: i16[96 bytes]
  for group.x < 4 workgroup.x
    for local.x < 4 local.x
      let i = 4 * group.x + local.x
      y[&y + 8 * i + <4:2>] = f16(x[&x + 16 * i + <4:4>] / 3.0)
      z[&z + 8 * i + <2:2>] = bf16(x[&x + 16 * i + <2:4>] * 1.01)
      z[&z + 8 * i + 4 + <2:2>] = bf16(x[&x + 16 * i + 8 + <2:4>])
      w[&w + 6 * i + <3:2>] = i16(x[&x + 16 * i + <3:4>])
`,
    { x: ramp("f32", 64) },
  ),
  one(
    "a reversal through global memory",
    `kernel k stage main
  input x: f32[512 bytes]
  workspace t: f32[512 bytes]
  output y: f32[512 bytes]
  for group.x < 2 workgroup.x
    for local.x < 64 local.x
      t[&t + 256 * group.x + 4 * local.x] = x[&x + 256 * group.x + 4 * local.x]
      barrier
      y[&y + 256 * group.x + 4 * local.x] = t[&t + 256 * group.x + 252 - 4 * local.x]
`,
    { x: ramp("f32", 128) },
  ),
  one(
    "a transpose through workgroup memory",
    `kernel k stage main
  symbol M in 1 .. 4
  input x: f32[1024 * M bytes]
  output y: f32[1024 * M bytes]
  workgroup t: f32[1088 bytes]
  for group.x < M workgroup.x
    for local.x < 16 local.x
      for local.y < 4 local.y
        for j < 4
          t[&t + 68 * (4 * local.y + j) + 4 * local.x] = x[&x + 1024 * group.x + 64 * (4 * local.y + j) + 4 * local.x]
        barrier
        for j2 < 4
          y[&y + 1024 * group.x + 64 * (4 * local.y + j2) + 4 * local.x] = t[&t + 68 * local.x + 4 * (4 * local.y + j2)]
`,
    { x: ramp("f32", 768) },
    { symbols: { M: 3 } },
  ),
  one(
    "a tree of sums, in place",
    `kernel k stage main
  input x: i32[1024 bytes]
  output y: i32[16 bytes]
  workgroup s: i32[256 bytes]
  register step: i32[]
  for group.x < 4 workgroup.x
    for local.x < 64 local.x
      s[&s + 4 * local.x] = x[&x + 256 * group.x + 4 * local.x]
      for r < 6
        barrier
        let half = 32 >> r
        if local.x < half
          s[&s + 4 * local.x] = s[&s + 4 * local.x] + s[&s + 4 * local.x + 4 * half]
      if local.x < 1
        y[&y + 4 * group.x] = s[&s]
`,
    { x: ramp("i32", 256) },
  ),
  one(
    "words of workgroup memory as bytes and vectors",
    `kernel k stage main
  input x: u8[512 bytes]
  output y: i32[512 bytes]
  workgroup a: u8[256 bytes]
  workgroup c: f32[512 bytes]
  for group.x < 2 workgroup.x
    for local.x < 16 local.x
      a[&a + 16 * local.x + <4:4>] = x:u32[&x + 256 * group.x + 16 * local.x + <4:4>]
      c[&c + 16 * local.x + <4:4>] = f32(x:u8[&x + 256 * group.x + 16 * local.x + <4:1>])
      barrier
      let j = 15 - local.x
      y[&y + 16 * (16 * group.x + local.x)] = dot4_i32_i8(bitcast(i8, a:u8[&a + 16 * j + 4 + <4:1>]), bitcast(i8, a:u8[&a + 16 * j + 8 + <4:1>]))
      y[&y + 16 * (16 * group.x + local.x) + 4] = i32(c[&c + 16 * j + 4] + c[&c + 16 * j + 12])
      y[&y + 16 * (16 * group.x + local.x) + 8 + <2:4>] = i32(c[&c + 16 * j + 8 + <2:4>])
`,
    { x: bytes(512) },
  ),
  one(
    "registers that loops and conditions change",
    `kernel k stage main
  symbol M in 0 .. 100
  input x: f32[256 bytes]
  output y: f32[512 bytes]
  register acc: f32<4>[]
  register n: i32[]
  register l: f32[4]
  register c: i8[4]
  for group.x < 1 workgroup.x
    for local.x < 16 local.x
      acc[] = f32<4>(0)
      n[] = 0
      l[<4:1>] = x[&x + 16 * local.x + <4:4>]
      c[<4:1>] = i8(l[<4:1>])
      for k < M
        let v = l[<4:1>]
        let before = n[]
        if l[1] < f32(k)
          n[] = n[] + k
          l[1] = l[1] + 2.5
        acc[] = acc[] + v * f32(before)
        c[2] = c[2] + i8(before)
        l[3] = l[2]
        l[2] = l[0] * 0.5
      y[&y + 32 * local.x + <4:4>] = acc[] + f32(c[<4:1>])
      y[&y + 32 * local.x + 16 + <4:4>] = l[<4:1>] + f32(c[2]) * f32(n[])
`,
    { x: ramp("f32", 64) },
    { symbols: { M: 5 } },
  ),
  one(
    "permuted rows, quotients, remainders and minima of indices",
    `kernel k stage main
  symbol M in 1 .. 100 where M % 4 == 0
  input p: i32[64 bytes] in 0 .. 15
  input x: f32[64 * M bytes]
  output y: f32[64 * M bytes]
  for group.x < M // 4 workgroup.x
    for group.y < 2 workgroup.y
      for local.x < 32 local.x
        let e = 32 * group.y + local.x
        let row = 4 * group.x + e // 16
        let from = p[&p + 4 * (e % 16)]
        if row < M
          y[&y + 64 * row + 4 * (e % 16)] = x[&x + 64 * min(row, M - 1) + 4 * from] + f32(-e // 3 + (-e % 7) * 100)
`,
    {
      p: encode(
        "i32",
        Array.from({ length: 16 }, (_, i) => (i * 5) % 16),
      ),
      x: ramp("f32", 16 * 8),
    },
    { symbols: { M: 8 } },
  ),
  one(
    "bytes four at a time",
    `kernel k stage main
  input a: i8[256 bytes]
  input c: i8[256 bytes]
  output y: i8[2048 bytes]
  output z: i32[512 bytes]
  for group.x < 1 workgroup.x
    for local.x < 64 local.x
      let u = a[&a + 4 * local.x + <4:1>]
      let v = c[&c + 4 * local.x + <4:1>]
      y[&y + 32 * local.x + <4:1>] = u + v
      y[&y + 32 * local.x + 4 + <4:1>] = u - v
      y[&y + 32 * local.x + 8 + <4:1>] = (u ^ v) & i8(15) | (u << i8(3))
      y[&y + 32 * local.x + 12 + <4:1>] = max(min(u, v), i8(-100)) * i8(3)
      y[&y + 32 * local.x + 16 + <4:1>] = i8(bitcast(u8, u) >> u8(3)) - (v >> i8(2))
      y[&y + 32 * local.x + 20 + <4:1>] = select(u < v, abs(u), v)
      y[&y + 32 * local.x + 24 + <4:1>] = i8(round(f32(u) * 1.37))
      y[&y + 32 * local.x + 28 + <4:1>] = u + c[&c + 4 * local.x] * c[&c]
      z[&z + 8 * local.x] = dot4_i32_i8(u, v)
      z[&z + 8 * local.x + 4] = dot4_i32_i8(u, i8(1))
`,
    { a: bytes(256), c: bytes(256).toReversed() },
  ),
  one(
    "a slice of weights to each workgroup",
    `kernel k stage main
  packed w: u8[1024 bytes]
  packed s: f32[64 bytes]
  output y: f32[256 bytes]
  for group.x < 4 workgroup.x
    for local.x < 16 local.x
      y[&y + 64 * group.x + 4 * local.x] = s[&s + 16 * group.x + 4 * (local.x // 4)] * f32(dot4_i32_i8(bitcast(i8, w[&w + 256 * group.x + 16 * local.x + <4:1>]), bitcast(i8, w[&w + 256 * group.x + 16 * local.x + 12 + <4:1>])))
`,
    { w: bytes(1024), s: ramp("f32", 16) },
  ),
];

const both: readonly (readonly Feature[])[] = [[], ["packed-dot"]];

describe.each(running)("%s", (engine) => {
  test("kernels give what the interpreter gives", { timeout: 300_000 }, async () => {
    const all = cases.flatMap((of) => both.map((features) => ({ ...of, features })));
    const outputs = await runIn(engine, all);
    all.forEach((of, i) => {
      const expected = interpreted(of);
      for (const [name, values] of Object.entries(outputs[i] ?? {})) {
        const scalar = of.kernel.buffers.find((buffer) => buffer.name === name)?.scalar as Scalar;
        expectAllowed(values, expected[name] ?? [], scalar, (at) => `${of.name}: ${name}[${at}]`);
      }
    });
    expect(all.length).toBeGreaterThan(20);
  });
});
