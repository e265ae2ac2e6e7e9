// Every scalar arithmetic, comparison and conversion instruction, executed on edge values and compared with the reference.

import { expect, test } from "vitest";
import {
  type InstructionName,
  instructions,
  operandType,
  type ValueType,
} from "../../../../backends/wasm/asm/index.ts";
import { comparisons, floatBinary, floatUnary, integerBinary, integerUnary, truncateSaturating } from "./numerics.ts";
import { exampleImmediates, single, type Value } from "./single.ts";

type Scalar = Exclude<ValueType, "v128">;

const edge: Readonly<Record<Scalar, readonly (number | bigint)[]>> = {
  i32: [0, 1, -1, 7, 31, 33, 128, -129, 40000, 305419896, -2147483648, 2147483647],
  i64: [0n, 1n, -1n, 63n, 65n, 128n, -32769n, 1311768467463790320n, -9223372036854775808n, 9223372036854775807n],
  f32: [0, -0, 1.5, -2.5, 0.1, -0.5, 3.25, 1e10, -1e-40, Infinity, -Infinity, NaN].map(Math.fround),
  f64: [0, -0, 1.5, -2.5, 0.1, -0.5, 1e300, -1e-310, 4294967295.5, Infinity, -Infinity, NaN],
};

const isFloat = (type: ValueType): boolean => type.startsWith("f");
const bitsOf = (type: ValueType): number => Number(type.slice(1));

/** A result as the engine gives it: i32 signed, i64 as a bigint, f32 rounded. */
function asResult(value: number | bigint | boolean, type: ValueType): Value {
  if (type === "i64") return BigInt.asIntN(64, BigInt(value));
  if (type === "i32") return Number(BigInt.asIntN(32, BigInt(value)));
  return type === "f32" ? Math.fround(Number(value)) : Number(value);
}

const view = new DataView(new ArrayBuffer(8));

/** The conversions, by name; operands as the engine gives them. */
const conversions: Readonly<Record<string, (value: number | bigint) => number | bigint>> = {
  "i32.wrap_i64": (value) => value,
  "i64.extend_i32_s": (value) => value,
  "i64.extend_i32_u": (value) => BigInt.asUintN(32, BigInt(value)),
  "f32.demote_f64": (value) => value,
  "f64.promote_f32": (value) => value,
  "i32.reinterpret_f32": (value) => {
    view.setFloat32(0, Number(value));
    return view.getInt32(0);
  },
  "i64.reinterpret_f64": (value) => {
    view.setFloat64(0, Number(value));
    return view.getBigInt64(0);
  },
  "f32.reinterpret_i32": (value) => {
    view.setInt32(0, Number(value));
    return view.getFloat32(0);
  },
  "f64.reinterpret_i64": (value) => {
    view.setBigInt64(0, BigInt(value));
    return view.getFloat64(0);
  },
};

/** The meaning of an instruction; undefined as a result where it traps. */
function reference(name: InstructionName): (...operands: (number | bigint)[]) => number | bigint | boolean | undefined {
  const [type = "", rest = ""] = name.split(".");
  const operand = operandType(instructions[name].params![0]!, "i32");
  const bits = bitsOf(operand);
  const read = (value: number | bigint): bigint =>
    rest.endsWith("_u") ? BigInt.asUintN(bits, BigInt(value)) : BigInt(value);

  const conversion = conversions[name];
  if (conversion !== undefined) return conversion;
  if (rest.startsWith("extend")) {
    const width = Number(/\d+/.exec(rest)?.[0]);
    return (value) => BigInt.asIntN(width, BigInt(value));
  }
  if (rest.startsWith("convert")) return (value) => Number(read(value));
  if (rest.startsWith("trunc_")) {
    const [target, isSigned] = [Number(type.slice(1)), rest.endsWith("_s")];
    return (value) => {
      const result = truncateSaturating(Number(value), target, isSigned);
      const fits = Number.isFinite(value) && result === BigInt(Math.trunc(Number(value)));
      return fits || rest.startsWith("trunc_sat") ? result : undefined;
    };
  }
  if (rest === "eqz") return (value) => Number(value) === 0;
  const compare = comparisons[rest.replace(/_[su]$/, "")];
  if (isFloat(operand)) {
    if (compare !== undefined) return (a, b) => compare(a, b!);
    const binary = floatBinary[rest];
    return (a, b) => (binary === undefined ? floatUnary[rest]!(Number(a)) : binary(Number(a), Number(b)));
  }
  if (compare !== undefined) return (a, b) => compare(read(a), read(b!));
  const binary = integerBinary[rest];
  if (binary === undefined) return (a) => integerUnary[rest]!(BigInt(a), bits);
  return (a, b) => {
    const isDivision = rest.startsWith("div") || rest.startsWith("rem");
    if (isDivision && read(b!) === 0n) return undefined;
    const result = binary(read(a), read(b!), bits);
    return rest === "div_s" && result === 1n << BigInt(bits - 1) ? undefined : result;
  };
}

const scalars = Object.values(instructions)
  .filter((row) => row.feature === "core" && row.immediates === "none")
  .filter((row) => row.params !== undefined && row.params.length > 0)
  .map((row) => row.name);

test.each(scalars)("%s", (name) => {
  const compiled = single(name);
  const { params, results } = instructions[name];
  const values = (index: number): readonly (number | bigint)[] =>
    params![index] === undefined ? [0] : edge[params![index] as Scalar];
  for (const first of values(0)) {
    for (const second of values(1)) {
      const operands = [first, second].slice(0, params!.length);
      const expected = reference(name)(...operands);
      if (expected === undefined) expect(() => compiled.run(...operands)).toThrow(WebAssembly.RuntimeError);
      else expect(compiled.run(...operands), `${operands}`).toBe(asResult(expected, operandType(results![0]!, "i32")));
    }
  }
});

test.each(["i32.const", "i64.const", "f32.const", "f64.const"] as const)("%s", (name) => {
  const immediates = exampleImmediates(name);
  expect(single(name, immediates).run()).toBe(immediates["value"]);
});
