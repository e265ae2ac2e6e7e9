// Random kernels: compiled code and the interpreter give the same bits.
import fc from "fast-check";
import { expect, test } from "vitest";
import { printKernel, type Scalar } from "../../../ir/index.ts";
import { type Ingredients, randomKernel } from "../random-kernels.ts";
import { edgeValues, encode, runCompiled, runInterpreted } from "./harness.ts";

const types: readonly Scalar[] = ["u8", "i8", "u16", "i16", "u32", "i32", "f16", "bf16", "f32", "f64"];
const elements = 32;
const ingredients: Ingredients = {
  types,
  shapes: [[], [4], [16], [3], [2, 4], [4, 2, 2]],
  elements,
  constants: edgeValues,
};

test("random kernels give the interpreter's bits", () => {
  const data = Object.fromEntries(
    types.map((scalar) => {
      const values = edgeValues(scalar);
      return [
        `in.${scalar}`,
        encode(
          scalar,
          Array.from({ length: elements }, (_, i) => values[(i * 7) % values.length] ?? 0),
        ),
      ];
    }),
  );
  fc.assert(
    fc.property(fc.array(fc.nat(1e6), { minLength: 20, maxLength: 150 }), (choices) => {
      const kernel = randomKernel(ingredients, choices);
      const expected = runInterpreted(kernel, data);
      const actual = runCompiled(kernel, data);
      for (const [name, values] of Object.entries(actual)) expect(values, printKernel(kernel)).toEqual(expected[name]);
    }),
    { numRuns: 300, seed: 7 },
  );
});
