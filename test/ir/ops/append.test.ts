// Tokens appended to a cache: the same bytes as a cache that was encoded as a whole, whatever was there, in every format that kernels encode.
import { describe, expect, test } from "vitest";
import {
  type AppendWorkload,
  interpretProgram,
  programOf,
  type ScaledRotation,
  type Tensor,
  tensor,
  verifyProgram,
} from "../../../ir/index.ts";
import { f32 } from "../interpreted.ts";
import { normals } from "../samples.ts";
import { cacheOf } from "./cached.ts";

const [kvHeads, headSize] = [2, 32];
const row = kvHeads * headSize;

const workloadOf = (keys: string, values: string): AppendWorkload => ({
  ...{ op: "append", m: "any", kvHeads, headSize, keys, values },
});

/** Keys as the operator rope turns them. */
function turned(rotation: ScaledRotation, x: Float32Array, given: ReadonlyMap<string, Tensor>): Float32Array {
  const count = x.length / row;
  const program = programOf({ op: "rope", m: "any", heads: kvHeads, d: headSize, ...rotation });
  const made = interpretProgram(program, { M: count }, new Map([...given, ["x", f32([count, kvHeads, headSize], x)]]));
  return Float32Array.from(made.get("y")?.values ?? []);
}

/** The cache after `count` tokens have joined the first `there` of a sequence, and what it should be. */
function appended(
  format: string,
  there: number,
  count: number,
  edit: (values: Float32Array) => void = () => {},
  ofValues = format,
) {
  const workload = workloadOf(format, ofValues);
  const program = programOf(workload);
  verifyProgram(program, "naive");
  const all = (["k", "v"] as const).map((name, i) => {
    const values = normals((there + count) * row, i + 1);
    edit(values);
    return { name, values };
  });
  const inputs = new Map<string, Tensor>();
  const wanted = new Map<string, Tensor>();
  for (const { name, values } of all) {
    const own = name === "k" ? format : ofValues;
    const whole = cacheOf(name, own, values, [kvHeads, headSize]).fields;
    const before = cacheOf(name, own, values.slice(0, there * row), [kvHeads, headSize]).fields;
    for (const [field, tensor] of whole) {
      wanted.set(field, tensor);
      // Room for the new tokens, with poison in it.
      const old = before.get(field) as Tensor;
      const grown = Float64Array.from(tensor.values, (_, i) => old.values[i] ?? 1);
      inputs.set(field, { ...tensor, values: grown });
    }
    inputs.set(name, f32([count, kvHeads, headSize], values.slice(there * row)));
  }
  interpretProgram(program, { M: count, T: there }, inputs, { run: () => true });
  return { inputs, wanted };
}

function expectSame({ inputs, wanted }: ReturnType<typeof appended>): void {
  for (const [field, { values }] of wanted) {
    const got = inputs.get(field) as Tensor;
    // What lies after the last token is nobody's: poison, of floats no number.
    const poison = field.endsWith(".v") ? 0xff : 1;
    const own = [...values].map((value, i) =>
      Number.isNaN(value) || value === poison ? value : (got.values[i] as number),
    );
    expect(own, field).toEqual([...values]);
  }
}

describe.each([
  "f32",
  "f16",
  "i8_row",
  "q8_0",
  "q4_0",
  "int4_row",
  "int4_row_zf",
  "int4_row_zf_s16",
  "int4_g16_z",
  "int2_g16_zf",
  "q4_1",
  "int8_row",
  "e4m3",
  "e5m2",
  "e4m3_row",
  "e5m2_row",
  "kv4_row_z",
  "kv4_row_m",
  "kv2_g32_z",
  "kv2_g32_m",
  "bfp12_g32",
  "bfp16_g32",
])("%s", (format) => {
  test.each([
    [0, 1],
    [0, 70],
    [63, 1],
    [3, 62],
  ])("%i tokens and %i more", (there, count) => expectSame(appended(format, there, count)));

  test("constant groups, and zeros", () =>
    expectSame(
      appended(format, 1, 3, (values) => {
        values.fill(0.75, 0, row * 2);
        values.fill(0, row * 2, row * 3);
      }),
    ));
});

describe("keys turned before they join: the bytes of what rope gives, encoded", () => {
  test.each<[string, ScaledRotation]>([
    ["f32", { rotary: 32, pairing: "neox", scale: 1 }],
    ["f16", { rotary: 20, pairing: "interleaved", scale: 1 }],
    ["i8_row", { rotary: 20, pairing: "neox", scale: 1.25 }],
    ["int4_row_zf", { rotary: 32, pairing: "interleaved", scale: 1 }],
  ])("%s, %j", (format, rope) => {
    const [there, count] = [3, 66];
    const [keys, values] = [normals(count * row, 1), normals(count * row, 2)];
    const given = new Map([
      [
        "positions",
        tensor(
          "i32",
          [count],
          Array.from({ length: count }, (_, i) => (i * 7919) % 2 ** 20),
        ),
      ],
      ["frequencies", f32([rope.rotary / 2], normals(rope.rotary / 2, 3).map(Math.abs))],
    ]);
    const joined = (x: Float32Array) =>
      cacheOf("k", format, Float32Array.from([...new Float32Array(there * row), ...x]), [kvHeads, headSize]).fields;
    const wanted = joined(turned(rope, keys, given));
    const inputs = new Map([
      ...given,
      ...joined(keys),
      ...cacheOf("v", "f32", new Float32Array((there + count) * row), [kvHeads, headSize]).fields,
    ]);
    for (const [name, x] of [
      ["k", keys],
      ["v", values],
    ] as const)
      inputs.set(name, f32([count, kvHeads, headSize], x));
    const program = programOf({ ...workloadOf(format, "f32"), rope });
    verifyProgram(program, "naive");
    interpretProgram(program, { M: count, T: there }, inputs, { run: () => true });
    expectSame({ inputs, wanted });
  });
});

describe.each(["kv2_t32_m", "int4_t64", "bfp12_t32"])("%s, in whole groups of tokens", (keys) => {
  test.each([
    [0, 64],
    [64, 128],
    [keys.includes("t64") ? 128 : 32, 64],
  ])("%i tokens and %i more", (there, count) => expectSame(appended(keys, there, count, () => {}, "kv2_g32_m")));

  test("a value that is the same at all tokens", () =>
    expectSame(
      appended(
        keys,
        0,
        64,
        (values) =>
          values.forEach((_, i) => {
            if (i % 3 === 0) values[i] = 2.5;
          }),
        "kv2_g32_m",
      ),
    ));
});

test("groups of tokens are for keys, and of 32 or 64", () => {
  expect(() => programOf(workloadOf("f32", "kv2_t32_m"))).toThrowErrorMatchingInlineSnapshot(
    `[WorkloadError: values: kv2_t32_m has groups of tokens, which keys may have; use kv2_g32_m]`,
  );
  expect(() => programOf(workloadOf("kv2_t16_m", "f32"))).toThrowErrorMatchingInlineSnapshot(
    `[WorkloadError: kv2_t16_m: groups of tokens are of 32 or 64]`,
  );
  expect(() => programOf({ ...workloadOf("kv2_t32_m", "f32"), m: 33 })).toThrowErrorMatchingInlineSnapshot(
    `[WorkloadError: m: 33 tokens are no whole groups of 32, in which kv2_t32_m has them]`,
  );
  expect(() => programOf(workloadOf("kv3_t32_m", "f32"))).toThrow(/unknown format "kv3_g32_m"/);
});

test("formats that kernels do not encode are refused", () => {
  expect(() => programOf(workloadOf("q4_K", "f32"))).toThrowErrorMatchingInlineSnapshot(
    `[WorkloadError: headSize: 32 is not a multiple of q4_K's block of 256; the nearest is 256]`,
  );
  expect(() => programOf({ ...workloadOf("iq4_nl", "f32") })).toThrowErrorMatchingInlineSnapshot(
    `[WorkloadError: iq4_nl is no format of caches: kernels do not encode by its rule; use f32, f16, i8_row, q8_0, q4_0, int4_row_zf or another integer format]`,
  );
});
