// Every instruction that touches memory: which bytes it reads or writes, and how it fills the rest.

import { describe, expect, test } from "vitest";
import { type InstructionName, instructions, operandType } from "../../../../backends/wasm/asm/index.ts";
import { fromIntegers, integers, type LaneType } from "./lanes.ts";
import { exampleImmediates, single } from "./single.ts";

const address = 512;
const offset = 3;
const align = 1;
/** What lies at address + offset; no two bytes are equal and every other one is negative. */
const pattern = Array.from({ length: 16 }, (_, index) => (index % 2 === 0 ? 0x81 + index : 0x11 + index));
const vector = Uint8Array.from({ length: 16 }, (_, index) => 0xf0 - index);

const named = (kind: string, filter: (name: string) => boolean): InstructionName[] =>
  Object.values(instructions)
    .filter((row) => row.immediates === kind && filter(row.name))
    .map((row) => row.name);
const isStore = (name: string): boolean => name.includes("store");

const readBits = (bytes: readonly number[], count: number): bigint =>
  bytes.slice(0, count).reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n);

/** The bytes of the vector that a load of the pattern gives; `bytes` are read. */
function loadedVector(name: string, bytes: number): number[] {
  const extending = /load(\d+)x\d_([su])/.exec(name);
  if (extending !== null) {
    const [, bits, sign] = extending;
    const source = `${sign === "s" ? "i" : "u"}${bits}` as LaneType;
    const lanes = integers(Uint8Array.from(pattern), source).slice(0, 64 / Number(bits));
    return [...fromIntegers(`i${2 * Number(bits)}` as LaneType, lanes)];
  }
  const read = pattern.slice(0, bytes);
  if (name.endsWith("_splat")) return Array.from({ length: 16 }, (_, index) => read[index % bytes]!);
  return [...read, ...Array<number>(16 - bytes).fill(0)];
}

function loadedScalar(name: string, bytes: number): number | bigint {
  const bits = readBits(pattern, bytes);
  const view = new DataView(Uint8Array.from(pattern).buffer);
  if (name === "f32.load") return view.getFloat32(0, true);
  if (name === "f64.load") return view.getFloat64(0, true);
  const value = name.endsWith("_u") ? bits : BigInt.asIntN(8 * bytes, bits);
  return name.startsWith("i64") ? value : Number(value);
}

describe("loads", () => {
  test.each(named("memarg", (name) => !isStore(name)))("%s", (name) => {
    const { bytes, results } = instructions[name];
    const compiled = single(name, { offset, align });
    compiled.memory.set(pattern, address + offset);
    const result = compiled.run(address);
    if (results![0] === "v128") expect([...(result as Uint8Array)]).toEqual(loadedVector(name, bytes));
    else expect(result).toBe(loadedScalar(name, bytes));
  });
});

const scalarOperands: Readonly<Record<string, number | bigint>> = {
  i32: 0x89abcdef | 0,
  i64: BigInt.asIntN(64, 0x89abcdef01234567n),
  f32: -1.5,
  f64: 0.1,
};

/** The bytes of an operand, lowest first. */
function bytesOf(type: string): number[] {
  const view = new DataView(new ArrayBuffer(16));
  if (type === "i32") view.setInt32(0, scalarOperands["i32"] as number, true);
  if (type === "i64") view.setBigInt64(0, scalarOperands["i64"] as bigint, true);
  if (type === "f32") view.setFloat32(0, -1.5, true);
  if (type === "f64") view.setFloat64(0, 0.1, true);
  return type === "v128" ? [...vector] : [...new Uint8Array(view.buffer)];
}

describe("stores", () => {
  test.each(named("memarg", isStore))("%s", (name) => {
    const { bytes, params } = instructions[name];
    const type = operandType(params![1]!, "i32");
    const compiled = single(name, { offset, align });
    compiled.memory.fill(0x77, address, address + 64);
    // The vector operand is number 1 of the instruction and so lies at byte 16.
    compiled.run(address, type === "v128" ? vector : scalarOperands[type]!);
    const around = [...compiled.memory.subarray(address, address + 32)];
    const expected = Array<number>(32).fill(0x77);
    expected.splice(offset, bytes, ...bytesOf(type).slice(0, bytes));
    expect(around).toEqual(expected);
  });
});

describe("one lane", () => {
  test.each(named("memarg lane", () => true))("%s", (name) => {
    const { bytes, lanes } = instructions[name];
    for (let lane = 0; lane < lanes; lane++) {
      const compiled = single(name, { offset, align, lane });
      compiled.memory.set(pattern, address + offset);
      const result = compiled.run(address, vector);
      const inVector = [lane * bytes, (lane + 1) * bytes] as const;
      if (isStore(name)) {
        const stored = [...vector.subarray(...inVector), ...pattern.slice(bytes)];
        expect([...compiled.memory.subarray(address + offset, address + offset + 16)]).toEqual(stored);
      } else {
        const expected = [...vector];
        expected.splice(inVector[0], bytes, ...pattern.slice(0, bytes));
        expect([...(result as Uint8Array)]).toEqual(expected);
      }
    }
  });
});

describe("the whole memory", () => {
  test("memory.size and memory.grow count pages", () => {
    expect(single("memory.size").run()).toBe(1);
    expect(single("memory.grow").run(2)).toBe(1);
    expect(single("memory.grow").run(4)).toBe(-1);
  });

  test("memory.copy takes destination, source and length, and minds overlap", () => {
    const { memory, run } = single("memory.copy");
    memory.set([1, 2, 3, 4], 100);
    run(102, 100, 4);
    expect([...memory.subarray(99, 107)]).toEqual([0, 1, 2, 1, 2, 3, 4, 0]);
  });

  test("memory.fill takes destination, byte and length", () => {
    const { memory, run } = single("memory.fill");
    run(100, 0x1ff, 3);
    expect([...memory.subarray(99, 104)]).toEqual([0, 255, 255, 255, 0]);
  });

  test("an access past the end traps", () => {
    const load = single("v128.load", exampleImmediates("v128.load"));
    expect(() => load.run(65536 - 15)).toThrow(WebAssembly.RuntimeError);
  });
});
