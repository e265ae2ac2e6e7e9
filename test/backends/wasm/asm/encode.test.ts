// The binary format: integers at the borders of their encodings, memories up to 4 GiB and shared, names that engines show,
// and the refusals. That the bytes mean what the module says is tested by running them in the other files.

import { describe, expect, test } from "vitest";
import {
  access,
  call,
  checkModule,
  decodeModule,
  encodeModule,
  getLocal,
  type Instr,
  i32,
  i64,
  op,
  printWat,
  v128,
} from "../../../../backends/wasm/asm/index.ts";
import { instantiate, memoryImport, moduleWith, single } from "./single.ts";

describe("integer constants keep their value", () => {
  const borders = [6, 7, 13, 14, 20, 21, 27, 28, 30].flatMap((bit) => [
    2 ** bit - 1,
    2 ** bit,
    -(2 ** bit),
    -(2 ** bit) - 1,
  ]);
  test.each([0, -1, 2 ** 31 - 1, -(2 ** 31), ...borders])("i32 %d", (value) => {
    expect(single("i32.const", { value }).run()).toBe(value);
  });
  const longBorders = [6n, 34n, 35n, 62n].flatMap((bit) => [
    2n ** bit - 1n,
    2n ** bit,
    -(2n ** bit),
    -(2n ** bit) - 1n,
  ]);
  test.each([0n, -1n, 2n ** 63n - 1n, -(2n ** 63n), ...longBorders])("i64 %d", (value) => {
    expect(single("i64.const", { value }).run()).toBe(value);
  });
});

describe("memory imports", () => {
  const validates = (memory: object): boolean =>
    WebAssembly.validate(encodeModule({ ...moduleWith({}), imports: [{ ...memoryImport, ...memory }] }));

  test("up to 65536 pages, shared or not, with or without a maximum", () => {
    const { max: _, ...open } = memoryImport;
    expect(WebAssembly.validate(encodeModule({ ...moduleWith({}), imports: [open] }))).toBe(true);
    expect(validates({ min: 65536, max: 65536 })).toBe(true);
    expect(validates({ min: 1, max: 65536, shared: true })).toBe(true);
  });

  test("a shared memory is asked for as such", () => {
    const module = { ...moduleWith({}), imports: [{ ...memoryImport, shared: true }] };
    expect(() => instantiate(module, new WebAssembly.Memory({ initial: 1, maximum: 4 }))).toThrow(
      WebAssembly.LinkError,
    );
    expect(instantiate(module, new WebAssembly.Memory({ initial: 1, maximum: 4, shared: true }))()).toBeUndefined();
  });

  test("of 64-bit addresses: its own flag, and i64 wherever an address is", () => {
    const memory = { ...memoryImport, address: "i64" } as const;
    const i64At = (value: number): Instr => ({ op: "i64.const", value: BigInt(value) });
    const body: Instr[] = [i64At(8), getLocal("x"), access("i32.store", 4), i64At(12), access("i32.load")];
    const x = { name: "x", type: "i32" } as const;
    const data = [{ name: "d", offset: 20, bytes: Uint8Array.of(7) }];
    const module = { ...moduleWith({ params: [x], results: ["i32"], body }), imports: [memory], data };
    checkModule(module);
    const of64 = new WebAssembly.Memory({ address: "i64", initial: 1n, maximum: 4n } as never);
    expect(instantiate(module, of64)(-5)).toBe(-5);
    expect(new Uint8Array(of64.buffer)[20]).toBe(7);
    expect(printWat(module)).toContain('(import "env" "memory" (memory $memory i64 1 4))');
    expect(printWat(module)).toContain('(data $d (i64.const 20) "\\07")');
    expect(() => checkModule({ ...module, imports: [memoryImport] })).toThrow(
      /i32.store\): expected \[i32 i32\] on the stack, found \[i64 i32\]/,
    );
    const shared = { ...module, imports: [{ ...memory, shared: true }] };
    expect(WebAssembly.validate(encodeModule(shared))).toBe(true);
    for (const one of [module, shared]) expect(decodeModule(encodeModule(one))).toEqual(one);
  });

  test("offsets reach past 2 GiB", () => {
    const far = single("i32.load", { offset: 0xfffffffc, align: 4 });
    expect(() => far.run(0)).toThrow(WebAssembly.RuntimeError);
  });
});

test("the engine shows function names", () => {
  const module = moduleWith({ name: "quantized_dot", body: [op("unreachable")] });
  const f = instantiate({ ...module, exports: [{ name: "f", kind: "function", item: "quantized_dot" }] });
  let stack: string | undefined;
  try {
    f();
  } catch (error) {
    stack = (error as Error).stack;
  }
  expect(stack).toContain("quantized_dot");
});

test("the same module gives the same bytes", () => {
  const build = (): Uint8Array => encodeModule(moduleWith({ body: [v128("f32x4", [1, 2, 3, 4]), op("drop")] }));
  expect(build()).toEqual(build());
});

test("a body of 20000 instructions, larger than the writer's first buffers", () => {
  const body = Array.from({ length: 5000 }, (_, index): Instr[] => [
    i32(index),
    access("i32.load", index),
    op("drop"),
  ]).flat();
  expect(WebAssembly.validate(encodeModule(moduleWith({ body: [...body, ...body] })))).toBe(true);
});

describe("refuses what the format cannot say", () => {
  const encoded = (body: readonly Instr[]) => () => encodeModule(moduleWith({ body }));

  test.each([
    ["an unknown variable", [{ op: "local.get", local: "x" }], `instruction 0 (local.get): no variable is called "x"`],
    ["an unknown function", [call("g")], `instruction 0 (call): no function is called "g"`],
    [
      "an unknown global",
      [op("nop"), { op: "global.get", global: "x" }],
      `instruction 1 (global.get): no global is called "x"`,
    ],
    ["an unknown label", [{ op: "br", label: "x" }], `instruction 0 (br): no enclosing block has the label "x"`],
    ["an i32 too large", [i32(2 ** 32)], "instruction 0 (i32.const): 4294967296 is not a signed 32-bit integer"],
    ["an i32 that is no integer", [i32(0.5)], "instruction 0 (i32.const): 0.5 is not a signed 32-bit integer"],
    [
      "an i64 too large",
      [i64(2n ** 64n)],
      "instruction 0 (i64.const): 18446744073709551616 is not a signed 64-bit integer",
    ],
    ["a negative offset", [access("i32.load", -4)], "instruction 0 (i32.load): -4 is not an unsigned 32-bit integer"],
    ["an odd alignment", [access("i32.load", 0, 3)], "instruction 0 (i32.load): alignment 3 is not a power of two"],
    ["a short vector", [{ op: "v128.const", bytes: [1] }], "instruction 0 (v128.const): 1 bytes where a vector has 16"],
    [
      "a large byte",
      [{ op: "v128.const", bytes: Array(16).fill(256) }],
      "instruction 0 (v128.const): 256 is not a byte (0 to 255)",
    ],
  ] as [string, Instr[], string][])("%s", (_, body, message) => {
    expect(encoded(body)).toThrow(`function "f", ${message}`);
  });

  test("names that are not unique", () => {
    const twice = { name: "x", type: "i32" } as const;
    expect(() => encodeModule(moduleWith({ params: [twice], locals: [twice] }))).toThrow(
      `two variables of function "f" are called "x": rename one`,
    );
    const module = moduleWith({});
    expect(() => encodeModule({ ...module, functions: [...module.functions, ...module.functions] })).toThrow(
      `two functions are called "f": rename one`,
    );
  });

  test("an export of nothing", () => {
    const exports = [{ name: "f", kind: "global", item: "f" }] as const;
    expect(() => encodeModule({ ...moduleWith({}), exports })).toThrow(
      `export "f": the module has no global called "f"`,
    );
  });

  test("a memory beyond 32 bits and a name without UTF-8", () => {
    const imports = [{ ...memoryImport, max: 2 ** 32 }];
    expect(() => encodeModule({ ...moduleWith({}), imports })).toThrow("import section: 4294967296 is not an unsigned");
    expect(() => encodeModule(moduleWith({ params: [{ name: "\ud800", type: "i32" }] }))).toThrow(
      `name section: "\\ud800" has a lone surrogate`,
    );
  });
});
