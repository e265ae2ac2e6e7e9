// The text format: what a person reads, and that it holds everything.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  access,
  accessLane,
  block,
  brIf,
  call,
  decodeModule,
  encodeModule,
  f32,
  getLocal,
  i32,
  ifElse,
  loop,
  onLane,
  op,
  printInstr,
  printWat,
  setLocal,
  shuffle,
  v128,
  type WasmModule,
} from "../../../../backends/wasm/asm/index.ts";
import { randomModule } from "./random-module.ts";

const dot: WasmModule = {
  imports: [
    {
      kind: "memory",
      module: "env",
      field: "memory",
      name: "memory",
      address: "i32",
      min: 1,
      max: 65536,
      shared: true,
    },
    { kind: "function", module: "env", field: "log", name: "log", params: ["i32", "f32"], results: [] },
  ],
  globals: [
    { name: "calls", type: "i32", mutable: true, init: i32(0) },
    { name: "half", type: "f32", mutable: false, init: f32(0.5) },
  ],
  functions: [
    {
      name: "dot",
      params: [
        { name: "p", type: "i32" },
        { name: "end", type: "i32" },
      ],
      results: ["i32"],
      locals: [{ name: "acc", type: "v128" }],
      body: [
        loop({ label: "k/inner" }, [
          ...[
            getLocal("acc"),
            getLocal("p"),
            access("v128.load", 64),
            getLocal("p"),
            access("v128.load32_splat", 0, 1),
          ],
          ...[op("i16x8.relaxed_dot_i8x16_i7x16_s"), op("i16x8.add"), setLocal("acc")],
          ...[getLocal("p"), getLocal("end"), op("i32.lt_u"), brIf("k/inner")],
        ]),
        block({ result: "i32" }, [i32(-1)]),
        ifElse({ label: "not bare" }, [i32(1), f32(0.1), call("log")], [op("nop")]),
        ...[getLocal("p"), getLocal("acc"), accessLane("v128.store32_lane", 2, 8)],
        ...[getLocal("acc"), v128("i16x8", 1), op("i32x4.dot_i16x8_s"), onLane("i32x4.extract_lane", 0)],
      ],
    },
  ],
  exports: [
    { name: "run", kind: "function", item: "dot" },
    { name: "memory", kind: "memory", item: "memory" },
  ],
  data: [{ name: "table", offset: 16, bytes: Uint8Array.of(0x61, 0x22, 0x5c, 0x00, 0xff) }],
};

test("a module", () => {
  expect(printWat(dot)).toMatchInlineSnapshot(`
    "(module
      (import "env" "memory" (memory $memory 1 65536 shared))
      (import "env" "log" (func $log (param i32 f32)))
      (global $calls (mut i32) (i32.const 0))
      (global $half f32 (f32.const 0.5))
      (func $dot (param $p i32) (param $end i32) (result i32)
        (local $acc v128)
        loop $k/inner
          local.get $acc
          local.get $p
          v128.load offset=64
          local.get $p
          v128.load32_splat align=1
          i16x8.relaxed_dot_i8x16_i7x16_s
          i16x8.add
          local.set $acc
          local.get $p
          local.get $end
          i32.lt_u
          br_if $k/inner
        end
        block (result i32)
          i32.const -1
        end
        if $"not bare"
          i32.const 1
          f32.const 0.1
          call $log
        else
          nop
        end
        local.get $p
        local.get $acc
        v128.store32_lane offset=8 2
        local.get $acc
        v128.const i16x8 1 1 1 1 1 1 1 1
        i32x4.dot_i16x8_s
        i32x4.extract_lane 0
      )
      (export "run" (func $dot))
      (export "memory" (memory $memory))
      (data $table (i32.const 16) "a\\22\\5c\\00\\ff")
    )
    "
  `);
});

test("the disassembly is that of the bytes", () => {
  expect(printWat(decodeModule(encodeModule(dot)))).toBe(printWat(dot));
});

test("every module has a text, and its blocks are closed", () => {
  fc.assert(
    fc.property(randomModule, (module) => {
      const lines = printWat(module)
        .split("\n")
        .map((line) => line.trim());
      const opened = lines.filter((line) => /^(block|loop|if)\b/.test(line)).length;
      expect(lines.filter((line) => line === "end")).toHaveLength(opened);
    }),
    { numRuns: 100 },
  );
});

describe("constants", () => {
  test.each([
    [v128("i8x16", 15), "i8x16 15 15 15 15 15 15 15 15 15 15 15 15 15 15 15 15"],
    [v128("i16x8", -2), "i16x8 -2 -2 -2 -2 -2 -2 -2 -2"],
    [v128("i32x4", [1, 2, 3, -4]), "i32x4 1 2 3 -4"],
    [v128("i32x4", 0x12345678), "i32x4 305419896 305419896 305419896 305419896"],
    [v128("f32x4", [0, 0.1, -1024, 3]), "f32x4 0 0.1 -1024 3"],
    [v128("i16x8", [0, 1, 2, 3, 4, 5, 6, -7]), "i16x8 0 1 2 3 4 5 6 -7"],
    [shuffleBytes(), "i8x16 0 16 1 17 2 18 3 19 4 20 5 21 6 22 7 23"],
  ])("%#: %j", (instr, text) => {
    expect(printInstr(instr)).toBe(`v128.const ${text}`);
  });

  test.each([
    [0, "0"],
    [-0, "-0"],
    [0.1, "0.1"],
    [1 / 3, "0.33333334"],
    [16777216, "16777216"],
    [1.401298464324817e-45, "1e-45"],
    [3.4028234663852886e38, "3.4028235e+38"],
    [Infinity, "inf"],
    [-Infinity, "-inf"],
    [NaN, "nan"],
  ])("f32 %d", (value, text) => {
    expect(printInstr(f32(value))).toBe(`f32.const ${text}`);
  });

  test("an f64 and a shuffle", () => {
    expect(printInstr({ op: "f64.const", value: 0.1 })).toBe("f64.const 0.1");
    expect(printInstr(shuffle(Array(16).fill(31)))).toBe(`i8x16.shuffle${" 31".repeat(16)}`);
  });
});

function shuffleBytes(): ReturnType<typeof v128> {
  return v128(
    "i8x16",
    Array.from({ length: 16 }, (_, index) => (index % 2 === 0 ? index / 2 : 16 + (index - 1) / 2)),
  );
}
