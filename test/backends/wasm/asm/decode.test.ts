// Decoding is the inverse of encoding, on random modules; bytes that the encoder does not write are refused with a reason.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  decodeModule,
  encodeModule,
  type Instr,
  loop,
  op,
  WasmDecodeError,
} from "../../../../backends/wasm/asm/index.ts";
import { randomModule } from "./random-module.ts";
import { moduleWith } from "./single.ts";

test("decode(encode(m)) equals m", () => {
  fc.assert(
    fc.property(randomModule, (module) => {
      expect(decodeModule(encodeModule(module))).toStrictEqual(module);
    }),
    { numRuns: 300 },
  );
});

test("any other bytes are refused by a WasmDecodeError, or are what the encoder writes", () => {
  const change = fc.record({ at: fc.nat(), to: fc.nat(255), cut: fc.boolean() });
  fc.assert(
    fc.property(randomModule, change, (module, { at, to, cut }) => {
      const bytes = encodeModule(module);
      const changed = cut ? bytes.slice(0, at % bytes.length) : bytes.with(at % bytes.length, to);
      try {
        expect(encodeModule(decodeModule(changed))).toStrictEqual(changed);
      } catch (error) {
        expect(error).toBeInstanceOf(WasmDecodeError);
      }
    }),
    { numRuns: 500 },
  );
});

describe("says what is wrong", () => {
  const header = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00];
  const names = [0x00, 0x0a, 0x04, 0x6e, 0x61, 0x6d, 0x65, 0x01, 0x03, 0x01, 0x00, 0x00];
  const type = [0x01, 0x04, 0x01, 0x60, 0x00, 0x00];
  const oneFunction = (...code: number[]): number[] => [
    ...[...header, ...type, 0x03, 0x02, 0x01, 0x00],
    ...[0x0a, code.length + 3, 0x01, code.length + 1, 0x00, ...code, ...names],
  ];

  test.each([
    ["no module", [1, 2, 3], "byte 0x0: not a WebAssembly module of version 1"],
    ["no names", [...header, ...type], "byte 0xe: no name section: the names cannot be restored"],
    ["an unknown section", [...header, 4, 0], "byte 0x8: section 4 is none that is written"],
    ["sections out of order", [...header, 3, 1, 0, 1, 1, 0], "byte 0xb: section 1 (type) out of order"],
    ["a cut section", [...header, 1, 9, 0], "byte 0xa: the end comes before section 1 (type) is complete"],
    [
      "another custom section",
      [...header, 0, 2, 1, 0x78],
      `byte 0xa: a custom section "x"; the only one written is "name"`,
    ],
    [
      "an unknown opcode",
      oneFunction(0xfd, 0x9a, 0x01, 0x0b),
      "byte 0x17: opcode 0xfd 0x9a is not in the instruction table",
    ],
    [
      "a block with a type index",
      oneFunction(0x02, 0x00, 0x0b, 0x0b),
      "byte 0x18: block type 0x0: blocks leave nothing or one value",
    ],
    [
      "a branch out of the function",
      oneFunction(0x0c, 0x00, 0x0b),
      "byte 0x19: a branch 0 blocks outwards, where no block has a label",
    ],
    ["a second memory", oneFunction(0x3f, 0x01, 0x1a, 0x0b), "byte 0x18: a second memory"],
    [
      "a variable without a name",
      oneFunction(0x20, 0x00, 0x1a, 0x0b),
      "byte 0x19: the name section does not name variable 0",
    ],
    [
      "a padded integer",
      oneFunction(0x41, 0x80, 0x00, 0x1a, 0x0b),
      "byte 0x13: encodeModule would write this module differently",
    ],
    ["bytes after a function", oneFunction(0x0b, 0x0b), `byte 0x18: 1 bytes too many in function ""`],
    ["an else without an if", oneFunction(0x05, 0x0b), "byte 0x18: an else without an if"],
    [
      "an endless integer",
      oneFunction(0x10, ...Array(6).fill(0x80)),
      "byte 0x18: a LEB128 integer longer than 5 bytes",
    ],
  ])("%s", (_, bytes, message) => {
    expect(() => decodeModule(Uint8Array.from(bytes))).toThrow(expect.objectContaining({ message }));
  });

  test("blocks nested without end", () => {
    const nested = Array.from({ length: 1001 }).reduce<Instr[]>((body) => [loop({}, body)], []);
    const bytes = encodeModule(moduleWith({ body: nested }));
    expect(() => decodeModule(bytes)).toThrow("blocks nested deeper than 1000");
  });
});

test("decodes a view into a larger buffer", () => {
  const module = moduleWith({ body: [op("nop")] });
  const bytes = encodeModule(module);
  const larger = new Uint8Array(bytes.length + 20).fill(0xff);
  larger.set(bytes, 7);
  expect(decodeModule(larger.subarray(7, 7 + bytes.length))).toStrictEqual(module);
});
