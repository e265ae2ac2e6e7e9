// Cached keys turned where they lie: what rope makes of them decoded, encoded again, and nothing else of the cache; from p1 to p2 they are what rope makes of them at p2.
import { describe, expect, test } from "vitest";
import {
  type Field,
  formatOf,
  interpretProgram,
  programOf,
  type RotateWorkload,
  type Rotation,
  referenceOf,
  type Tensor,
  tensor,
  verifyProgram,
} from "../../../ir/index.ts";
import { f32 } from "../interpreted.ts";
import { nmse, normals } from "../samples.ts";
import { cacheOf, orderedField } from "./cached.ts";

const [kvHeads, headSize] = [2, 32];
const row = kvHeads * headSize;
const [tokens, from, count] = [140, 61, 70];
const heads = { m: "any", heads: kvHeads, d: headSize } as const;

const rotations: readonly Rotation[] = [
  { rotary: 32, pairing: "neox" },
  { rotary: 20, pairing: "interleaved" },
];
const frequenciesOf = ({ rotary }: Rotation): Tensor =>
  f32(
    [rotary / 2],
    Float32Array.from({ length: rotary / 2 }, (_, i) => 10_000 ** (-2 * i) / rotary),
  );
const deltas = tensor(
  "i32",
  [count],
  Array.from({ length: count }, (_, i) => (i % 7) * 1000 - 3000),
);

/** The cache's fields after a run. */
function rotated(workload: RotateWorkload, fields: ReadonlyMap<string, Tensor>): ReadonlyMap<string, Tensor> {
  const program = programOf(workload);
  verifyProgram(program, "naive");
  const copies = [...fields].map(([name, of]) => [name, { ...of, values: of.values.slice() }] as const);
  const inputs = new Map<string, Tensor>([...copies, ["deltas", deltas], ["frequencies", frequenciesOf(workload)]]);
  interpretProgram(program, { M: count, F: from }, inputs, { run: () => true });
  return inputs;
}

describe.each(["f32", "f16", "i8_row", "q8_0", "q4_0", "int4_row_zf", "int2_g16_zf"])("%s", (format) => {
  test.each(rotations)("%j", (rotation) => {
    const { fields, decoded } = cacheOf("k", format, normals(tokens * row, 1), [kvHeads, headSize]);
    const x = decoded.subarray(from * row, (from + count) * row);
    const rope = programOf({ op: "rope", ...heads, ...rotation, scale: 1 });
    const given = [
      ["x", f32([count, kvHeads, headSize], x)],
      ["positions", deltas],
      ["frequencies", frequenciesOf(rotation)],
    ] as const;
    const turned = interpretProgram(rope, { M: count }, new Map(given)).get("y")?.values ?? [];
    const wanted = decoded.slice();
    wanted.set(Float32Array.from(turned), from * row);
    const anew = cacheOf("k", format, wanted, [kvHeads, headSize]).fields;
    const got = rotated({ op: "rotate", m: "any", kvHeads, headSize, keys: format, ...rotation }, fields);
    for (const [name, before] of fields) {
      const encoded = (anew.get(name) as Tensor).values;
      const isTurned = turnedIn(name, format);
      const expected = [...before.values].map((value, at) => (isTurned[at] ? encoded[at] : value));
      expect([...(got.get(name) as Tensor).values], name).toEqual(expected);
    }
  });
});

/** Which elements of a field belong to the tokens that are turned. */
function turnedIn(name: string, format: string): readonly boolean[] {
  const field = formatOf(format).fields.find((of) => `k.${of.name}` === name) as Field;
  const tokenAt = (at: number): number => Math.floor(at / kvHeads);
  const { values } = orderedField("k", field, { kvHeads, headSize }, tokens * kvHeads, tokenAt, -1);
  return [...values].map((token) => token >= from && token < from + count);
}

test.each(rotations)("from p1 to p2 a key in f32 is what rope makes of it at p2: %j", (rotation) => {
  const keys = normals(tokens * row, 3);
  const frequencies = frequenciesOf(rotation);
  const p1 = Array.from({ length: tokens }, (_, i) => 5 * i);
  const p2 = p1.map((p, i) => p + (i >= from && i < from + count ? (deltas.values[i - from] as number) : 0));
  const workload = { op: "rope", ...heads, ...rotation, scale: 1.25 } as const;
  const inputs = (positions: readonly number[]) => ({ x: keys, positions, frequencies: frequencies.values });
  const at1 = interpretProgram(
    programOf(workload),
    { M: tokens },
    new Map([
      ["x", f32([tokens, kvHeads, headSize], keys)],
      ["positions", tensor("i32", [tokens], p1)],
      ["frequencies", frequencies],
    ]),
  ).get("y")?.values;
  const { fields } = cacheOf("k", "f32", Float32Array.from(at1 ?? []), [kvHeads, headSize]);
  const got = rotated({ op: "rotate", m: "any", kvHeads, headSize, keys: "f32", ...rotation }, fields);
  const { y } = referenceOf(workload, inputs(p2), {});
  const { fields: wanted } = cacheOf("k", "f32", Float32Array.from(y ?? []), [kvHeads, headSize]);
  const [all, all2] = [got, wanted].map((of) => [...(of.get("k.v") as Tensor).values].filter((v) => !Number.isNaN(v)));
  expect(nmse(all ?? [], all2 ?? [])).toBeLessThan(1e-12);
});
