// Random kernels, scalar and of vectors: shaders and the interpreter give the same values.
import fc from "fast-check";
import { expect, test } from "vitest";
import { b, type Feature, type Kernel, printKernel, type Scalar, scalars } from "../../../ir/index.ts";
import { encode } from "../kernels.ts";
import { type Ingredients, randomKernel } from "../random-kernels.ts";
import { type Engine, running } from "./engines.ts";
import { allowed, type Case, interpreted, runIn } from "./harness.ts";

const elements = 32;

/** Values that no few operations take to where devices may differ: f32 below normal ones, infinities, NaN. */
function values(scalar: Scalar): readonly number[] {
  if (/^[fb]/.test(scalar)) return [0.5, 1, 1.5, 2, 3, 0.25, -0.75, -1, -2.5, -3, 7, -8];
  const most = 2 ** (scalars[scalar].bits - (scalar.startsWith("i") ? 1 : 0)) - 1;
  const all = [0, 1, 2, 5, 77, 100, 127, most, most - 1, Math.floor(most / 3)];
  return scalar.startsWith("i") ? [...all, -1, -7, -128, -most - 1] : all;
}

/** Six types at most: a shader has eight buffers. */
const mixtures: readonly (readonly Scalar[])[] = [
  ["u8", "i8", "i32", "f32"],
  ["i16", "u16", "u32", "i8", "u8", "i32"],
  ["f32", "f16", "bf16", "i32", "u32"],
];

const ingredients = mixtures.map(
  (types): Ingredients => ({
    types,
    shapes: [[], [4], [2], [3], [2, 2]],
    elements,
    constants: values,
    // Quotients, roots and chains of products leave the range of the values above; they have tests of their own.
    without: ["div", "sqrt", "mul"],
  }),
);

/** The kernel as the program of one invocation. */
const invocation = (kernel: Kernel): Kernel => ({
  ...kernel,
  body: [b.loop("group.x", 1, [b.loop("local.x", 1, kernel.body, "local.x")], "workgroup.x")],
});

const data = Object.fromEntries(
  [...new Set(mixtures.flat())].map((scalar) => {
    const all = values(scalar);
    return [
      `in.${scalar}`,
      encode(
        scalar,
        Array.from({ length: elements }, (_, i) => all[(i * 7) % all.length] ?? 0),
      ),
    ];
  }),
);

function sample(count: number, seed: number): readonly Case[] {
  const choices = fc.sample(fc.array(fc.nat(1e6), { minLength: 20, maxLength: 150 }), { numRuns: count, seed });
  return choices.map((of, i) => {
    const mixture = ingredients[i % ingredients.length] as Ingredients;
    const kernel = invocation(randomKernel(mixture, of));
    const features: readonly Feature[] = i % 2 === 0 ? [] : ["packed-dot"];
    const inputs = Object.fromEntries(
      mixture.types.map((scalar) => [`in.${scalar}`, data[`in.${scalar}`] as Uint8Array]),
    );
    return { name: `random ${i}`, kernel, inputs, features };
  });
}

const counts: Readonly<Record<Engine, number>> = { "dawn-null": 0, dawn: 60, deno: 30, "deno-llvmpipe": 15 };

test.each(running)("%s", { timeout: 300_000 }, async (engine) => {
  const cases = sample(counts[engine], 7);
  const outputs = await runIn(engine, cases);
  cases.forEach((one, i) => {
    const expected = interpreted(one);
    for (const [name, actual] of Object.entries(outputs[i] ?? {})) {
      const scalar = one.kernel.buffers.find((buffer) => buffer.name === name)?.scalar as Scalar;
      const wanted = expected[name] ?? [];
      const bad = wanted.findIndex((value, at) => !allowed(actual[at] as number, value, scalar, false));
      if (bad >= 0)
        expect.fail(
          `${one.name}: ${name}[${bad}] is ${actual[bad]}, expected ${wanted[bad]}\n${printKernel(one.kernel)}`,
        );
    }
  });
});
