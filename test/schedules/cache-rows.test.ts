// Append and rotate by their template: the scheduled and the lowered program leave the bytes in a cache that the naive one does, and nobody else's bytes are touched.
import fc from "fast-check";
import { expect, test } from "vitest";
import {
  type AppendWorkload,
  formatOf,
  interpretProgram,
  lower,
  type Program,
  programOf,
  type RotateWorkload,
  ropePairings,
  type Tensor,
  tensor,
  verifyProgram,
} from "../../ir/index.ts";
import { applySchedule, scheduleOf, type Target, templateFor } from "../../schedules/index.ts";
import { f32 } from "../ir/interpreted.ts";
import { cacheOf, pagesOf, pooled } from "../ir/ops/cached.ts";
import { normals } from "../ir/samples.ts";
import { patience, runs } from "./runs.ts";

const kvHeads = 2;
/** Sequences of a run over pages, and tokens of a page. */
const [sequences, pageSize] = [2, 64];

const shapes = fc
  .record({
    format: fc.constantFrom(
      "f32",
      "f16",
      "i8_row",
      "int4_row",
      "int4_row_zf",
      "int3_row",
      "int2_g16_zf",
      "int1_row_z",
      "q8_0",
      "q4_0",
      "e4m3",
      "e5m2_row",
      "kv4_row_z",
      "kv2_g32_m",
      "bfp12_g32",
      "bfp16_g32",
    ),
    headSize: fc.constantFrom(2, 16, 20, 32, 33, 64, 80, 96),
    pairing: fc.constantFrom(...ropePairings),
    m: fc.constantFrom<(number | "any")[]>("any", "any", 1, 3),
  })
  .filter(({ format, headSize }) => headSize % formatOf(format).block === 0);

/** The fields of keys and values of a cache, as a run leaves them. */
function run(program: Program, sizes: Readonly<Record<string, number>>, given: ReadonlyMap<string, Tensor>): unknown {
  const inputs = new Map([...given].map(([name, of]) => [name, { ...of, values: of.values.slice() }]));
  interpretProgram(program, sizes, inputs, { run: () => true });
  return [...inputs].filter(([name]) => /^[kv]\./.test(name)).map(([name, { values }]) => [name, [...values]]);
}

function expectEqual(
  workload: AppendWorkload | RotateWorkload,
  sizes: Readonly<Record<string, number>>,
  given: ReadonlyMap<string, Tensor>,
): void {
  const target: Target = { workload, device: { kind: "wasm", features: [], limits: {} } };
  const template = templateFor(target);
  expect(template.name).toBe("elementwise");
  const naive = programOf(workload);
  const scheduled = applySchedule(naive, scheduleOf(template, target, template.default(target)));
  verifyProgram(scheduled, "scheduled");
  const wanted = run(naive, sizes, given);
  expect(run(scheduled, sizes, given)).toEqual(wanted);
  expect(run({ ...scheduled, kernels: scheduled.kernels.map((k) => lower(k, "wasm")) }, sizes, given)).toEqual(wanted);
}

test("random formats and heads", { timeout: patience * 2 }, () => {
  const tried = fc.record({
    shape: shapes,
    first: fc.constantFrom(0, 3, 61),
    count: fc.constantFrom(1, 5),
    isPaged: fc.boolean(),
    seed: fc.nat(1000),
  });
  fc.assert(
    fc.property(tried, ({ shape: { format, headSize, pairing, m }, first, count: many, isPaged, seed }) => {
      const count = m === "any" ? many : m;
      const rotary = headSize - (headSize % 2);
      const [row, tokens] = [kvHeads * headSize, first + count];
      const axes = isPaged ? [sequences] : [];
      const pages = pagesOf(Array<number>(sequences).fill(tokens), pageSize, seed);
      const own = Array.from({ length: sequences }, (_, b) => normals(tokens * row, seed + 10 + b));
      const values = isPaged ? pooled(pages, own, row) : normals(tokens * row, seed);
      const paged = isPaged ? { pages: pageSize } : {};
      const table = isPaged
        ? [["pageTable", tensor("i32", [sequences, pages.table.length / sequences], pages.table)] as const]
        : [];
      const lengths = isPaged ? [["lengths", tensor("i32", [sequences], [first, first])] as const] : [];
      const sizes = { M: count, ...(isPaged && { B: sequences, P: pages.count }) };
      const all = axes.reduce((a, b) => a * b, count);
      const cached = (["k", "v"] as const).flatMap((name) => [
        ...cacheOf(name, format, values, [kvHeads, headSize]).fields,
      ]);
      const turning = [["frequencies", f32([rotary / 2], normals(rotary / 2, seed + 1))]] as const;
      const positions = tensor(
        "i32",
        [...axes, count],
        Array.from({ length: all }, (_, i) => i * 37 - 5),
      );
      const joining = (["k", "v"] as const).map(
        (name, i) => [name, f32([...axes, count, kvHeads, headSize], normals(all * row, seed + 2 + i))] as const,
      );
      const shape = { m, kvHeads, headSize, keys: format, ...paged };
      const turned = seed % 2 === 0;
      const rope = turned ? { rope: { rotary, pairing, scale: 1 } } : {};
      const turns = turned ? [...turning, ["positions", positions] as const] : [];
      const given = [...cached, ...joining, ...table, ...lengths, ...turns];
      expectEqual({ op: "append", ...shape, values: format, ...rope }, { ...sizes, T: first }, new Map(given));
      const keys = cached.filter(([name]) => name.startsWith("k."));
      const moved = new Map([...keys, ...table, ...turning, ["deltas", positions] as const]);
      expectEqual({ op: "rotate", ...shape, rotary, pairing }, { ...sizes, F: first }, moved);
    }),
    { numRuns: runs(10) },
  );
});
