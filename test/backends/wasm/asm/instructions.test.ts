// The table itself: complete, without doubles, and every row accepted by the engine's validator under its signature.
// What the instructions compute is tested in scalar.test.ts, simd.test.ts and relaxed.test.ts.

import { describe, expect, test } from "vitest";
import {
  checkModule,
  encodeModule,
  type Instr,
  type InstructionName,
  instructionAt,
  instructions,
} from "../../../../backends/wasm/asm/index.ts";
import { exampleImmediates, singleModule } from "./single.ts";

const rows = Object.values(instructions);
const withSignature = rows.filter((row) => row.params !== undefined).map((row) => row.name);

test("holds all of SIMD128 and of relaxed SIMD", () => {
  expect(rows.filter((row) => row.feature === "simd128")).toHaveLength(236);
  const relaxed = rows.filter((row) => row.feature === "relaxed-simd");
  expect(relaxed.map((row) => row.code)).toEqual(Array.from({ length: 20 }, (_, index) => 0x100 + index));
});

test("no two rows share an opcode, and each is found by it", () => {
  for (const row of rows) expect(instructionAt(row.prefix, row.code)).toBe(row);
  expect(new Set(rows.map((row) => row.opcode.join())).size).toBe(rows.length);
});

test("codes above 127 are written as LEB128", () => {
  expect(instructions["i32.add"].opcode).toEqual([0x6a]);
  expect(instructions["memory.fill"].opcode).toEqual([0xfc, 0x0b]);
  expect(instructions["i16x8.add"].opcode).toEqual([0xfd, 0x8e, 0x01]);
  expect(instructions["i16x8.relaxed_dot_i8x16_i7x16_s"].opcode).toEqual([0xfd, 0x92, 0x02]);
});

test("widths and lanes follow the instruction's name", () => {
  expect(instructions["v128.load16x4_u"].bytes).toBe(8);
  expect(instructions["v128.load32_lane"]).toMatchObject({ bytes: 4, lanes: 4 });
  expect(instructions["i16x8.extract_lane_s"].lanes).toBe(8);
});

test("only what depends on its surroundings is special", () => {
  const special = rows.filter((row) => row.params === undefined).map((row) => row.name);
  expect(special.toSorted()).toEqual(
    "block br br_if call drop global.get global.set if local.get local.set local.tee loop return select unreachable".split(
      " ",
    ),
  );
});

describe("every row validates under its signature", () => {
  test.each(withSignature)("%s", (name: InstructionName) => {
    const module = singleModule({ op: name, ...exampleImmediates(name) } as Instr);
    expect(WebAssembly.validate(encodeModule(module))).toBe(true);
    checkModule(module);
  });
});
