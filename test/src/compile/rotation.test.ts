// Keys turned as they join a cache, and where they lie in one, through the API: the bytes are those of the operators rope and append, and of the definition of rotate; in
// pages too, where what others share stays theirs.
import { describe, expect, test } from "vitest";
import { WasmMemory } from "../../../backends/index.ts";
import {
  byteSize,
  cachedTensor,
  interpretProgram,
  programOf,
  type RotateWorkload,
  type Rotation,
  sizeOf,
  type Tensor,
  tensor,
  tensorOfBytes,
} from "../../../ir/index.ts";
import { compile } from "../../../src/compile/index.ts";
import { ropeTable } from "../../../src/models/index.ts";
import type { KvCache, Sequence } from "../../../src/runtime/index.ts";
import { nmse, normals } from "../../ir/samples.ts";

const [kvHeads, headSize] = [2, 32];
const row = kvHeads * headSize;
const heads = { kvHeads, headSize } as const;

const frequenciesOf = ({ rotary }: Rotation): Float32Array => ropeTable({ theta: 10_000, rotary }).frequencies;
const positionsFrom = (first: number, count: number): Int32Array =>
  Int32Array.from({ length: count }, (_, i) => first + i);

/** The keys of a cache, or of a sequence in pages of a block, by tensor. */
function keysOf(of: KvCache | Sequence, keys: string): ReadonlyMap<string, Tensor> {
  const { fields } = cachedTensor("k", { ...heads, keys, values: keys });
  const { runtime, addresses } = "cache" in of ? of.cache : of;
  return new Map(
    fields.map(({ name, scalar, shape }) => {
      const extents = shape.map((size) => sizeOf(size, { T: of.tokens }));
      const [blocks = 0, ...block] = extents;
      const bytes = byteSize(
        scalar,
        block.reduce((product, extent) => product * extent, 1),
      );
      const places = "cache" in of ? of.pages : Array.from({ length: blocks }, (_, i) => i);
      const read = places.flatMap((at) => [...runtime.read((addresses.get(name) as number) + at * bytes, bytes)]);
      return [name, tensorOfBytes(scalar, extents, Uint8Array.from(read))];
    }),
  );
}

const pages = 64;

const [whole, partial] = [
  { rotary: 32, pairing: "neox" },
  { rotary: 24, pairing: "interleaved" },
] as const satisfies readonly Rotation[];

describe.each<[string, Rotation]>([
  ["f32", whole],
  ["i8_row", partial],
  ["int4_row_zf", whole],
])("%s, %j", (keys, rotation) => {
  test("new keys are those that rope gives", async () => {
    const runtime = new WasmMemory({ shared: false });
    const shape = { op: "append", m: "any", ...heads, keys, values: "f32" } as const;
    const [append, turning, paged, rope] = await Promise.all([
      compile(shape, { runtime }),
      compile({ ...shape, rope: { ...rotation, scale: 1.25 } }, { runtime }),
      compile({ ...shape, pages, rope: { ...rotation, scale: 1.25 } }, { runtime }),
      compile({ op: "rope", m: "any", heads: kvHeads, d: headSize, ...rotation, scale: 1.25 }, { runtime }),
    ]);
    const frequencies = frequenciesOf(rotation);
    const [one, other, pool] = [append.newCache(), turning.newCache(), paged.newPagedCache()];
    const sequence = pool.sequence();
    for (const m of [70, 1]) {
      const [k, v] = [normals(m * row, m), normals(m * row, m + 1)];
      const positions = positionsFrom(one.tokens, m);
      append.run({ cache: one, k: rope.run({ x: k, positions, frequencies, m }), v, m });
      turning.run({ cache: other, k, v, positions, frequencies, m });
      paged.run({ cache: pool, sequences: [sequence], k, v, positions, frequencies, m });
    }
    expect(keysOf(other, keys)).toEqual(keysOf(one, keys));
    expect(keysOf(sequence, keys)).toEqual(keysOf(one, keys));
    for (const part of [append, turning, paged, rope, runtime]) part.dispose();
  });

  test("cached keys are turned as the definition has it, those of a fork its own alone", async () => {
    const runtime = new WasmMemory({ shared: false });
    const workload = { op: "rotate", m: "any", ...heads, keys, ...rotation } as const satisfies RotateWorkload;
    const appending = { op: "append", m: "any", ...heads, keys, values: "i8_row" } as const;
    const [append, rotate, appendPaged, rotatePaged] = await Promise.all([
      compile(appending, { runtime }),
      compile(workload, { runtime }),
      compile({ ...appending, pages }, { runtime }),
      compile({ ...workload, pages }, { runtime }),
    ]);
    const frequencies = frequenciesOf(rotation);
    const cache = append.newCache();
    const tokens = { k: normals(140 * row, 1), v: normals(140 * row, 2), m: 140 };
    append.run({ cache, ...tokens });
    const pool = appendPaged.newPagedCache();
    const [parent, other] = [pool.sequence(), pool.sequence()];
    appendPaged.run({ cache: pool, sequences: [parent], ...tokens });
    appendPaged.run({ cache: pool, sequences: [other], ...tokens });
    const fork = parent.fork();
    const untouched = keysOf(parent, keys);
    expect(untouched).toEqual(keysOf(cache, keys));
    for (const [from, m, used] of [
      [139, 1, 7],
      [5, 0, 7],
      [61, 70, 9],
    ] as const) {
      const deltas = Int32Array.from({ length: m }, (_, i) => 1000 * (i % 7) - 3000);
      const wanted = keysOf(cache, keys);
      const given = new Map([
        ...wanted,
        ["deltas", tensor("i32", [m], deltas)],
        ["frequencies", tensor("f32", [frequencies.length], frequencies)],
      ]);
      if (m > 0) interpretProgram(programOf(workload), { M: m, F: from }, given, { run: () => true });
      rotate.run({ cache, first: from, deltas, frequencies, m });
      expect(keysOf(cache, keys)).toEqual(wanted);
      const twice = Int32Array.of(...deltas, ...deltas);
      rotatePaged.run({ cache: pool, sequences: [fork, other], first: from, deltas: twice, frequencies, m });
      for (const sequence of [fork, other]) expect(keysOf(sequence, keys)).toEqual(wanted);
      expect(keysOf(parent, keys)).toEqual(untouched);
      // Pages are copied when they are first written to.
      expect(pool.pages).toBe(used);
    }
    const one = { cache: pool, first: 139, deltas: Int32Array.of(1, 1), frequencies, m: 1 };
    fork.truncate(139);
    expect(() => rotatePaged.run({ ...one, sequences: [other, fork] })).toThrow(
      "first = 139, m = 1: sequences[1] holds 139 tokens",
    );
    expect(() => rotatePaged.run({ ...one, sequences: [other, other] })).toThrow(
      "sequences[1] is sequences[0]: tokens of each are turned once",
    );
    expect(() => rotatePaged.newPagedCache()).toThrow("newPagedCache: a rotate knows keys alone");
    for (const part of [append, rotate, appendPaged, rotatePaged, runtime]) part.dispose();
  });
});

test("from p1 to p2 attention sees keys as if they had stood at p2; what can't be turned is refused", async () => {
  const runtime = new WasmMemory({ shared: false });
  const formats = { keys: "f32", values: "f32" } as const;
  const [append, rotate, attend, other] = await Promise.all([
    compile({ op: "append", m: "any", ...heads, ...formats, rope: { ...whole, scale: 1.25 } }, { runtime }),
    compile({ op: "rotate", m: "any", ...heads, keys: "f32", ...whole }, { runtime }),
    compile(
      {
        ...{ op: "attention", m: "any", heads: 4, ...heads, ...formats, causal: false },
        numerics: { scores: "f32", weights: "f32" },
      },
      { runtime },
    ),
    compile({ op: "rotate", m: "any", ...heads, keys: "i8_row", ...whole }, { runtime }),
  ]);
  const frequencies = frequenciesOf(whole);
  const [k, v, q] = [normals(100 * row, 1), normals(100 * row, 2), normals(4 * headSize, 3)];
  const [moved, there] = [append.newCache(), append.newCache()];
  append.run({ cache: moved, k, v, positions: positionsFrom(0, 100), frequencies, m: 100 });
  append.run({ cache: there, k, v, positions: positionsFrom(7000, 100), frequencies, m: 100 });
  const stood = attend.run({ cache: moved, q, m: 1 });
  rotate.run({ cache: moved, first: 0, deltas: new Int32Array(100).fill(7000), frequencies, m: 100 });
  const wanted = attend.run({ cache: there, q, m: 1 });
  expect(nmse(attend.run({ cache: moved, q, m: 1 }), wanted)).toBeLessThan(1e-11);
  expect(nmse(stood, wanted)).toBeGreaterThan(1e-3);

  const said = (run: () => unknown): string => {
    try {
      run();
    } catch (error) {
      return `${(error as Error).name}: ${(error as Error).message}`;
    }
    return "nothing was thrown";
  };
  const one = { frequencies, deltas: Int32Array.of(1), m: 1 };
  expect([
    said(() => rotate.run({ cache: moved, ...one } as never)),
    said(() => rotate.run({ cache: moved, first: 100, ...one })),
    said(() => rotate.run({ cache: moved, first: -1, ...one })),
    said(() => rotate.run({ cache: moved, first: 0, frequencies, m: 1 } as never)),
    said(() => rotate.run({ cache: moved, first: 0, ...one, deltas: Int32Array.of(2 ** 25) })),
    said(() => other.run({ cache: moved, first: 0, ...one })),
    said(() => rotate.newCache()),
    said(() => attend.run({ cache: moved, q, m: 1, first: 0 } as never)),
    said(() => append.run({ cache: moved, k: k.subarray(0, row), v: v.subarray(0, row), m: 1 } as never)),
  ]).toMatchInlineSnapshot(`
    [
      "ApiError: first = undefined: the first token, an integer from 0 up",
      "ApiError: first = 100, m = 1: the cache holds 100 tokens",
      "ApiError: first = -1: the first token, an integer from 0 up",
      "ApiError: deltas is missing; it has 1 values of i32",
      "ApiError: deltas[0] is 33554432, outside of -16777216..16777216",
      "ApiError: cache: it holds other formats or heads than the kernel's; make one with this kernel's newCache()",
      "ApiError: newCache: a rotate knows keys alone; take what append's or attention's newCache() gives",
      "ApiError: first: the kernel was compiled without one; it takes q, cache, m",
      "ApiError: positions is missing; it has 1 values of i32",
    ]
  `);
  for (const part of [append, rotate, attend, other, runtime]) part.dispose();
});
