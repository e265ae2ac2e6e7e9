// The checker accepts what the engine accepts, on random modules right and wrong, and says what is wrong and where.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  access,
  accessLane,
  block,
  br,
  brIf,
  call,
  checkModule,
  encodeModule,
  getLocal,
  type Instr,
  i32,
  i64,
  ifElse,
  loop,
  onLane,
  op,
  setGlobal,
  shuffle,
  v128,
  type WasmModule,
  WasmModuleError,
} from "../../../../backends/wasm/asm/index.ts";
import { randomModule } from "./random-module.ts";
import { memoryImport, moduleWith } from "./single.ts";

test("random modules pass and validate", () => {
  fc.assert(
    fc.property(randomModule, (module) => {
      checkModule(module);
      expect(WebAssembly.validate(encodeModule(module))).toBe(true);
    }),
    { numRuns: 300 },
  );
});

/** All instructions in the order of the text. */
const flatten = (body: readonly Instr[]): Instr[] =>
  body.flatMap((instr) => [
    instr,
    ...("body" in instr ? flatten(instr.body) : []),
    ...("else" in instr ? flatten(instr.else ?? []) : []),
  ]);

/** The body with the instruction number `at` replaced by others. */
function replaceAt(body: readonly Instr[], at: number, by: readonly Instr[]): Instr[] {
  let next = 0;
  const walk = (instrs: readonly Instr[]): Instr[] =>
    instrs.flatMap((instr) => {
      if (next++ === at) return [...by];
      if (!("body" in instr)) return [instr];
      const inner = { ...instr, body: walk(instr.body) };
      return ["else" in inner ? { ...inner, else: walk(inner.else ?? []) } : inner] as Instr[];
    });
  return walk(body);
}

test("after a random change, the checker and the engine agree", () => {
  let accepted = 0;
  let refused = 0;
  const change = fc.record({ item: fc.nat(), at: fc.nat(), from: fc.nat(), keep: fc.boolean() });
  fc.assert(
    fc.property(randomModule, change, (module, { item, at, from, keep }) => {
      const index = item % module.functions.length;
      const target = module.functions[index]!;
      const all = flatten(target.body);
      fc.pre(all.length > 0);
      const old = all[at % all.length]!;
      // Deletes an instruction, or puts another one of the function after it or in its place.
      const other = from % 3 === 0 ? [] : [all[from % all.length]!];
      const body = replaceAt(target.body, at % all.length, keep ? [old, ...other] : other);
      const changed = { ...module, functions: module.functions.with(index, { ...target, body }) };
      const message = messageOf(changed);
      const valid = isValid(changed);
      expect(message === undefined, message).toBe(valid);
      if (valid) accepted++;
      else refused++;
    }),
    { numRuns: 600 },
  );
  expect(accepted).toBeGreaterThan(20);
  expect(refused).toBeGreaterThan(20);
});

/** Whether the engine accepts the module; one that jumps to a label that is gone cannot even be written. */
function isValid(module: WasmModule): boolean {
  try {
    return WebAssembly.validate(encodeModule(module));
  } catch (error) {
    expect(error).toBeInstanceOf(WasmModuleError);
    return false;
  }
}

function messageOf(module: WasmModule): string | undefined {
  try {
    checkModule(module);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

describe("messages of a function", () => {
  const x = { name: "x", type: "f32" } as const;
  const cases: Record<string, readonly Instr[]> = {
    "a wrong operand": [i32(1), v128("i32x4", 1), op("i32x4.add"), op("drop")],
    "a missing operand": [i32(1), op("i32.add"), op("drop")],
    "an operand outside the block": [i32(1), block({}, [op("drop")])],
    "values left over": [i32(1), getLocal("x")],
    "a block without its result": [block({ result: "v128" }, [i32(1)]), op("drop")],
    "an if with a result and no else": [i32(1), ifElse({ result: "i32" }, [i32(1)]), op("drop")],
    "an operand of a branch": [block({ label: "out", result: "i32" }, [getLocal("x"), br("out")]), op("drop")],
    "an unknown label": [loop({ label: "k" }, [i32(1), brIf("kk")])],
    "two types to select from": [i32(1), getLocal("x"), i32(1), op("select"), op("drop")],
    "an unknown variable": [getLocal("y"), op("drop")],
    "an unknown function": [call("g")],
    "a constant global": [i32(1), setGlobal("fixed")],
    "a lane": [v128("i8x16", 0), onLane("i16x8.extract_lane_s", 8), op("drop")],
    "a lane in memory": [i32(0), v128("i8x16", 0), accessLane("v128.store32_lane", 4)],
    "a shuffle": [v128("i8x16", 0), v128("i8x16", 0), shuffle([32]), op("drop")],
    "an alignment": [i32(0), access("v128.load32_splat", 0, 8), op("drop")],
    "an offset": [i32(0), access("i32.load", 2 ** 32), op("drop")],
    "an i32": [i32(2 ** 32), op("drop")],
    "an i64": [i64(2n ** 64n), op("drop")],
    "a nested place": [loop({}, [block({}, [op("nop"), op("drop")])])],
  };
  const globals = [{ name: "fixed", type: "i32", mutable: false, init: i32(0) }] as const;

  test.each(Object.keys(cases))("%s", (name) => {
    expect(messageOf({ ...moduleWith({ params: [x], body: cases[name]! }), globals })).toMatchSnapshot();
  });

  test("an access without a memory", () => {
    const module = moduleWith({ body: [i32(0), access("i32.load"), op("drop")] });
    expect(messageOf({ ...module, imports: [] })).toMatchInlineSnapshot(
      `"function "f", instruction 1 (i32.load): the module imports no memory"`,
    );
  });
});

describe("messages of declarations", () => {
  const module = moduleWith({});
  const cases: Record<string, Partial<WasmModule>> = {
    "two memories": { imports: [memoryImport, { ...memoryImport, name: "other" }] },
    "too many pages": { imports: [{ ...memoryImport, max: 65537 }] },
    "a maximum below the minimum": { imports: [{ ...memoryImport, min: 5 }] },
    "a shared memory without a maximum": {
      imports: [
        { kind: "memory", module: "env", field: "memory", name: "memory", address: "i32", min: 1, shared: true },
      ],
    },
    "a global's type": { globals: [{ name: "g", type: "i64", mutable: true, init: i32(1) }] },
    "a global's value": { globals: [{ name: "g", type: "i32", mutable: true, init: i32(0.5) }] },
    "an export of nothing": { exports: [{ name: "run", kind: "function", item: "main" }] },
    "two exports of one name": { exports: [...module.exports, { name: "f", kind: "memory", item: "memory" }] },
    "data without a memory": { imports: [], data: [{ name: "d", offset: 0, bytes: new Uint8Array() }] },
    "data beyond 32 bits": { data: [{ name: "d", offset: -1, bytes: new Uint8Array() }] },
  };

  test.each(Object.keys(cases))("%s", (name) => {
    expect(messageOf({ ...module, ...cases[name] })).toMatchSnapshot();
  });
});
