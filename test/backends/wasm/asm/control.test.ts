// Control, variables, calls, globals, data and exports, by running small functions.

import { expect, test } from "vitest";
import {
  block,
  br,
  brIf,
  call,
  encodeModule,
  getGlobal,
  getLocal,
  i32,
  ifElse,
  loop,
  op,
  setGlobal,
  setLocal,
  teeLocal,
  type WasmModule,
} from "../../../../backends/wasm/asm/index.ts";
import { instantiate, memoryImport, moduleWith } from "./single.ts";

const n = { name: "n", type: "i32" } as const;

test("loop, block, br and br_if: sums 1 to n", () => {
  const sum = moduleWith({
    params: [n],
    results: ["i32"],
    locals: [{ name: "sum", type: "i32" }],
    body: [
      block({ label: "done" }, [
        loop({ label: "next" }, [
          getLocal("n"),
          op("i32.eqz"),
          brIf("done"),
          ...[getLocal("sum"), getLocal("n"), op("i32.add"), setLocal("sum")],
          ...[getLocal("n"), i32(-1), op("i32.add"), setLocal("n")],
          br("next"),
        ]),
      ]),
      getLocal("sum"),
    ],
  });
  expect(instantiate(sum)(100)).toBe(5050);
  expect(instantiate(sum)(0)).toBe(0);
});

test("if and else leave a result; an inner label hides the outer one", () => {
  const choose = moduleWith({
    params: [n],
    results: ["i32"],
    body: [
      block({ label: "out", result: "i32" }, [
        getLocal("n"),
        ifElse({ label: "out", result: "i32" }, [i32(1), br("out")], [i32(2)]),
        i32(10),
        op("i32.add"),
      ]),
    ],
  });
  expect(instantiate(choose)(1)).toBe(11);
  expect(instantiate(choose)(0)).toBe(12);
});

test("if without else, early return, select, drop, tee, nop", () => {
  const f = moduleWith({
    params: [n],
    results: ["i32"],
    body: [
      getLocal("n"),
      ifElse({}, [i32(7), op("return")]),
      ...[i32(5), teeLocal("n"), op("drop"), op("nop")],
      ...[i32(1), getLocal("n"), i32(0), op("select")],
    ],
  });
  expect(instantiate(f)(1)).toBe(7);
  expect(instantiate(f)(0)).toBe(5);
});

test("unreachable traps", () => {
  expect(() => instantiate(moduleWith({ body: [op("unreachable")] }))()).toThrow(WebAssembly.RuntimeError);
});

test("imports of functions, calls, globals, data, several results and exports of every kind", () => {
  const module: WasmModule = {
    imports: [
      { kind: "function", module: "host", field: "twice", name: "twice", params: ["i32"], results: ["i32"] },
      memoryImport,
    ],
    globals: [
      { name: "calls", type: "i32", mutable: true, init: { op: "i32.const", value: 40 } },
      { name: "fixed", type: "f32", mutable: false, init: { op: "f32.const", value: 0.5 } },
    ],
    functions: [
      {
        name: "count",
        params: [],
        results: [],
        locals: [],
        body: [getGlobal("calls"), i32(1), op("i32.add"), setGlobal("calls")],
      },
      {
        name: "main",
        params: [n],
        results: ["i32", "i32"],
        locals: [],
        body: [call("count"), getLocal("n"), call("twice"), getGlobal("calls")],
      },
    ],
    exports: [
      { name: "run", kind: "function", item: "main" },
      { name: "calls", kind: "global", item: "calls" },
      { name: "fixed", kind: "global", item: "fixed" },
      { name: "same memory", kind: "memory", item: "memory" },
    ],
    data: [{ name: "greeting", offset: 65530, bytes: Uint8Array.of(1, 2, 3, 4, 5, 6) }],
  };
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 4 });
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(encodeModule(module)), {
    host: { twice: (value: number) => 2 * value },
    env: { memory },
  });
  expect((exports["run"] as (n: number) => number[])(21)).toEqual([42, 41]);
  expect((exports["calls"] as WebAssembly.Global).value).toBe(41);
  expect((exports["fixed"] as WebAssembly.Global).value).toBe(0.5);
  expect(exports["same memory"]).toBe(memory);
  expect([...new Uint8Array(memory.buffer, 65529)]).toEqual([0, 1, 2, 3, 4, 5, 6]);
});
