// Every SIMD128 instruction besides loads and stores, executed on edge values and compared with the reference semantics:
// a wrong opcode with the right signature validates, but does not compute the right thing.

import { expect, test } from "vitest";
import { type InstructionName, instructions } from "../../../../backends/wasm/asm/index.ts";
import { floats, fromFloats, fromIntegers } from "./lanes.ts";
import { simdReference } from "./simd-reference.ts";
import { exampleImmediates, single, type Value } from "./single.ts";

const computing = Object.values(instructions).filter(
  (row) => row.feature === "simd128" && !row.immediates.startsWith("memarg"),
);

/** Bytes that are edge values of every integer width, and some without a pattern. */
const integerVectors: readonly Uint8Array[] = [
  new Uint8Array(16),
  fromIntegers("u8", [0n, 1n, 2n, 127n, 128n, 129n, 254n, 255n, 15n, 16n, 64n, 85n, 170n, 200n, 17n, 3n]),
  fromIntegers("i16", [-32768n, 32767n, -1n, 256n, -32768n, -129n, 1000n, -12345n]),
  fromIntegers("i32", [-2147483648n, 2147483647n, -1n, 305419896n]),
  fromIntegers("i64", [-9223372036854775808n, 1311768467463790320n]),
  fromIntegers("i64", [-1n, 9223372036854775807n]),
];

const edgeFloats: readonly number[] = [
  0,
  -0,
  1.5,
  -2.5,
  0.5,
  -0.5,
  3.49,
  Infinity,
  -Infinity,
  NaN,
  2147483648,
  -2147483904,
  4294967040,
  -1e-40,
  3e38,
  1e10,
];

const floatVectors = (type: "f32" | "f64", lanes: number): Uint8Array[] =>
  Array.from({ length: edgeFloats.length / lanes }, (_, index) =>
    fromFloats(type, edgeFloats.slice(index * lanes, (index + 1) * lanes)),
  );

/** Vectors of the type that the instruction reads, as its name says. */
function vectorsFor(name: string): readonly Uint8Array[] {
  const source = /(f32x4|f64x2|i\d+x\d+)/.exec(name.split(".")[1]!)?.[1] ?? name.split(".")[0]!;
  if (source === "f32x4") return floatVectors("f32", 4);
  return source === "f64x2" ? floatVectors("f64", 2) : integerVectors;
}

const scalarValues: Readonly<Record<string, readonly Value[]>> = {
  i32: [0, 1, 7, 8, 9, 31, 33, 127, 200, -1, -40000, 2147483647],
  i64: [0n, -1n, 1311768467463790320n],
  f32: [0, -0, 1.5, Infinity],
  f64: [0.1, -0, NaN],
};

/** All combinations of operands. */
function combinations(name: InstructionName): readonly (readonly Value[])[] {
  const choices = instructions[name].params!.map((type) => (type === "v128" ? vectorsFor(name) : scalarValues[type]!));
  return choices.reduce<Value[][]>(
    (all, choice) => all.flatMap((some) => choice.map((value) => [...some, value])),
    [[]],
  );
}

/** Floats compare as numbers, because engines may choose the bits of a NaN. */
function comparable(name: string, value: Value | undefined): unknown {
  if (!(value instanceof Uint8Array)) return value;
  const isFloat = /^f(32|64)x/.test(name) && !/\.(eq|ne|lt|gt|le|ge)$/.test(name);
  return isFloat ? floats(value, name.startsWith("f32") ? "f32" : "f64") : [...value];
}

test.each(computing.map((row) => row.name))("%s", (name) => {
  const reference = simdReference(name);
  expect(reference, "a meaning to compare with").toBeDefined();
  const { lanes } = instructions[name];
  for (let lane = 0; lane < Math.max(1, lanes); lane++) {
    const immediates = lanes > 0 ? { lane } : exampleImmediates(name);
    const compiled = single(name, immediates);
    for (const operands of combinations(name)) {
      const expected = reference!(operands, immediates);
      expect(comparable(name, compiled.run(...operands)), `${operands}`).toEqual(comparable(name, expected));
    }
  }
});
