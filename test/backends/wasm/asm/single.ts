// Runs one instruction of the table: a module around it passes vectors through memory, since JavaScript cannot hold them.
// Also the small module and memory that other tests of this folder use.

import {
  access,
  encodeModule,
  getLocal,
  type Instr,
  type InstructionName,
  i32,
  instructions,
  type MemoryImport,
  operandType,
  type WasmModule,
} from "../../../../backends/wasm/asm/index.ts";

/** Vectors are 16 bytes, i64 is a bigint, everything else a number. */
export type Value = Uint8Array | number | bigint;

export const memoryImport: MemoryImport = {
  kind: "memory",
  module: "env",
  field: "memory",
  name: "memory",
  address: "i32",
  min: 1,
  max: 4,
  shared: false,
};

/** A module with one exported function "f" and the usual memory. */
export function moduleWith(item: Partial<WasmModule["functions"][number]>): WasmModule {
  const base = { name: "f", params: [], results: [], locals: [], body: [] };
  return {
    imports: [memoryImport],
    globals: [],
    functions: [{ ...base, ...item }],
    exports: [{ name: "f", kind: "function", item: "f" }],
    data: [],
  };
}

/** Instantiates a module with a memory (one page, unless given) and returns its function "f". */
export function instantiate(module: WasmModule, memory?: WebAssembly.Memory): (...args: unknown[]) => unknown {
  const env = { memory: memory ?? new WebAssembly.Memory({ initial: 1, maximum: 4 }) };
  const instance = new WebAssembly.Instance(new WebAssembly.Module(encodeModule(module)), { env });
  return instance.exports["f"] as (...args: unknown[]) => unknown;
}

const vectorResultAt = 256;

/** A module whose "f" takes the scalar operands; vector operand number i lies at byte 16 i of the memory. */
export function singleModule(instr: Instr): WasmModule {
  const row = instructions[instr.op];
  const { params, results } = row;
  if (params === undefined || results === undefined) throw new Error(`${instr.op} has no signature of its own`);
  const toMemory = results[0] === "v128";
  const body: Instr[] = toMemory ? [i32(vectorResultAt)] : [];
  const scalars: { name: string; type: "i32" | "i64" | "f32" | "f64" }[] = [];
  for (const [index, operand] of params.entries()) {
    const type = operandType(operand, "i32");
    if (type === "v128") body.push(i32(0), access("v128.load", 16 * index));
    else {
      scalars.push({ name: `operand${index}`, type });
      body.push(getLocal(`operand${index}`));
    }
  }
  body.push(instr);
  if (toMemory) body.push(access("v128.store"));
  return moduleWith({
    params: scalars,
    results: toMemory ? [] : results.map((type) => operandType(type, "i32")),
    body,
  });
}

/** An instruction ready to run on operands, with the memory it works in. */
export interface Single {
  readonly memory: Uint8Array;
  run(...operands: readonly Value[]): Value | undefined;
}

/** Compiles one instruction; `immediates` as in its plain data. */
export function single(name: InstructionName, immediates: Immediates = {}): Single {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 4 });
  const instr = { op: name, ...immediates } as Instr;
  const call = instantiate(singleModule(instr), memory);
  const bytes = new Uint8Array(memory.buffer);
  return {
    memory: bytes,
    run: (...operands) => {
      for (const [index, operand] of operands.entries()) {
        if (operand instanceof Uint8Array) bytes.set(operand, 16 * index);
      }
      const result = call(...operands.filter((operand) => !(operand instanceof Uint8Array)));
      return instructions[name].results?.[0] === "v128"
        ? bytes.slice(vectorResultAt, vectorResultAt + 16)
        : (result as Value | undefined);
    },
  };
}

/** The immediates of an instruction as in its plain data. */
export type Immediates = Readonly<Record<string, number | bigint | readonly number[]>>;

/** Valid immediates for any instruction that has a signature of its own. */
export function exampleImmediates(name: InstructionName): Immediates {
  const { immediates, bytes, lanes } = instructions[name];
  const memarg = { offset: 0, align: bytes };
  const examples: Partial<Record<typeof immediates, Immediates>> = {
    memarg,
    "memarg lane": { ...memarg, lane: lanes - 1 },
    lane: { lane: lanes - 1 },
    shuffle: { lanes: [0, 17, 2, 19, 4, 21, 6, 23, 8, 25, 10, 27, 12, 29, 14, 31] },
    i32: { value: -1234567 },
    i64: { value: -123456789012345n },
    f32: { value: -1.5 },
    f64: { value: 0.1 },
    v128: { bytes: [255, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 128] },
  };
  return examples[immediates] ?? {};
}
