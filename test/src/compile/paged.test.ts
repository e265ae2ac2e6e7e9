// Paged caches through the API: a batch is, to the bit, what each sequence is alone over a cache of its own, wherever its pages lie and whoever shares them; a prefix computed once and merged; what can't
// be is refused and changes nothing.
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { WasmMemory } from "../../../backends/index.ts";
import { type AppendWorkload, type AttentionWorkload, attentionBounds } from "../../../ir/index.ts";
import { type CompiledKernel, compile } from "../../../src/compile/index.ts";
import type { KvCache, PagedCache, Sequence } from "../../../src/runtime/index.ts";
import { nmse, normals } from "../../ir/samples.ts";

const [heads, kvHeads, headSize] = [4, 2, 32];
const [row, queryRow] = [kvHeads * headSize, heads * headSize];

type Options = Partial<AttentionWorkload>;
type Attend = CompiledKernel<AttentionWorkload>;
type Append = CompiledKernel<AppendWorkload>;

const attentionOf = (options: Options): AttentionWorkload => ({
  ...{ op: "attention", m: "any", heads, kvHeads, headSize, keys: "f32", values: "f32", causal: true, lse: true },
  numerics: { scores: "f32", weights: "f32" },
  ...options,
});
const appendOf = ({ keys, values, pages }: AttentionWorkload): AppendWorkload => ({
  ...{ op: "append", m: "any", kvHeads, headSize, keys, values },
  ...(pages !== undefined && { pages }),
});

/** Kernels with pages, and the same without, in one memory. */
interface Kernels {
  readonly runtime: WasmMemory;
  readonly append: Append;
  readonly attend: Attend;
  readonly appendAlone: Append;
  readonly attendAlone: Attend;
}

async function kernelsOf(options: Options, threads = 1): Promise<Kernels> {
  const runtime = new WasmMemory({ shared: threads > 1 });
  const make = <W extends AttentionWorkload | AppendWorkload>(workload: W) =>
    compile<AttentionWorkload | AppendWorkload>(workload, { runtime, threads, db: false }) as never;
  const [paged, alone] = [attentionOf(options), attentionOf({ ...options, pages: undefined })];
  return {
    runtime,
    append: await make(appendOf(paged)),
    attend: await make(paged),
    appendAlone: await make(appendOf(alone)),
    attendAlone: await make(alone),
  };
}

const dispose = ({ runtime, ...kernels }: Kernels): void => {
  for (const kernel of Object.values(kernels)) (kernel as Attend).dispose();
  runtime.dispose();
};

type Tokens = Readonly<Record<"k" | "v", Float32Array>>;
const tokensOf = (count: number, seed: number): Tokens => ({
  k: normals(count * row, seed),
  v: normals(count * row, seed + 1),
});
const joined = (parts: readonly Float32Array[]): Float32Array => Float32Array.from(parts.flatMap((part) => [...part]));

/** Appends to each sequence its own tokens. */
const appendTo = (
  { append }: Kernels,
  cache: PagedCache,
  sequences: readonly Sequence[],
  of: readonly Tokens[],
  m: number,
) => append.run({ cache, sequences, k: joined(of.map(({ k }) => k)), v: joined(of.map(({ v }) => v)), m });

interface Attended {
  readonly y: Float32Array;
  readonly lse: Float32Array;
}

/** What each sequence of a batch gives. */
function attended({ attend }: Kernels, cache: PagedCache, sequences: readonly Sequence[], q: Float32Array, m: number) {
  const { y, lse } = attend.run({ cache, sequences, q, m }) as unknown as Attended;
  return sequences.map((_, b) => ({
    y: y.slice(b * m * queryRow, (b + 1) * m * queryRow),
    lse: lse.filter((_value, i) => Math.floor(i / m) % sequences.length === b),
  }));
}

/** What the same queries give over a cache of these tokens alone. */
function alone({ attendAlone }: Kernels, cache: KvCache, q: Float32Array, m: number, b: number): Attended {
  const { y, lse } = attendAlone.run({
    cache,
    q: q.slice(b * m * queryRow, (b + 1) * m * queryRow),
    m,
  } as never) as never;
  return { y, lse };
}

const integers = { numerics: { scores: "i8", weights: "i8" } } as const;

describe.each<[string, Options]>([
  ["f32, pages of 64", { pages: 64 }],
  ["i8_row in integers, pages of 128", { m: 3, pages: 128, keys: "i8_row", values: "i8_row", ...integers }],
  ["int4_row and f16, pages of 192, a window", { m: 3, pages: 192, keys: "int4_row", values: "f16", window: 50 }],
  ["q8_0 and int2_row, not causal", { m: 1, pages: 64, keys: "q8_0", values: "int2_row", causal: false, ...integers }],
])("%s", (_name, options) => {
  test("a batch is each of its sequences alone, to the bit", async () => {
    const kernels = await kernelsOf(options);
    const cache = kernels.append.newPagedCache();
    const sequences = [0, 1, 2, 3].map(() => cache.sequence());
    const caches = sequences.map(() => kernels.appendAlone.newCache());
    // By turns, so that neighbouring tokens lie apart; the second stays empty.
    const turns = [
      [[0, 2], 70],
      [[3], 1],
      [[2], 64],
      [[0, 3], 5],
      [[2, 0], 61],
      [[3, 0, 2], 1],
    ] as const;
    for (const [turn, [members, m]] of turns.entries()) {
      const added = members.map((b) => tokensOf(m, turn * 10 + b * 2));
      appendTo(
        kernels,
        cache,
        members.map((b) => sequences[b] as Sequence),
        added,
        m,
      );
      members.forEach((b, i) => {
        kernels.appendAlone.run({ cache: caches[b] as KvCache, ...(added[i] as Tokens), m } as never);
      });
    }
    expect(sequences.map(({ tokens }) => tokens)).toEqual([137, 0, 196, 7]);
    expect(sequences.map(({ tokens }) => tokens)).toEqual(caches.map(({ tokens }) => tokens));
    const tried = typeof options.m === "number" ? [options.m] : [1, 3, 9];
    for (const m of tried) {
      const q = normals(4 * m * queryRow, m);
      const wanted = caches.map((own, b) => alone(kernels, own, q, m, b));
      expect(attended(kernels, cache, sequences, q, m)).toEqual(wanted);
      expect(new Set(wanted[1]?.y)).toEqual(new Set([0]));
      // One of them, and all in another order.
      const last = q.slice(3 * m * queryRow);
      expect(attended(kernels, cache, [sequences[3] as Sequence], last, m)).toEqual([wanted[3]]);
      const turned = joined([3, 2, 1, 0].map((b) => q.slice(b * m * queryRow, (b + 1) * m * queryRow)));
      expect(attended(kernels, cache, sequences.toReversed(), turned, m)).toEqual(wanted.toReversed());
    }
    expect(kernels.attend.run({ cache, sequences: [], q: new Float32Array(), m: tried[0] ?? 1 })).toEqual({
      y: new Float32Array(),
      lse: new Float32Array(),
    });
    dispose(kernels);
  });
});

describe("sequences", () => {
  const kernels = kernelsOf({ m: 2, pages: 64, keys: "i8_row", values: "int4_row", ...integers });
  afterAll(async () => dispose(await kernels));

  /** What a sequence gives, and what its tokens give alone. */
  const both = (of: Kernels, cache: PagedCache, sequence: Sequence, tokens: readonly Tokens[]) => {
    const own = of.appendAlone.newCache();
    for (const { k, v } of tokens) of.appendAlone.run({ cache: own, k, v, m: k.length / row } as never);
    const q = normals(2 * queryRow, 5);
    const wanted = alone(of, own, q, 2, 0);
    own.dispose();
    return [attended(of, cache, [sequence], q, 2)[0], wanted];
  };

  test("share the pages of what they have in common, and copy before they write", async () => {
    const of = await kernels;
    const cache = of.append.newPagedCache();
    const parent = cache.sequence();
    const [start, one, two, three] = [tokensOf(100, 1), tokensOf(1, 3), tokensOf(40, 5), tokensOf(3, 7)];
    const add = (sequence: Sequence, tokens: Tokens): void => {
      appendTo(of, cache, [sequence], [tokens], tokens.k.length / row);
    };
    add(parent, start);
    const child = parent.fork();
    expect([cache.pages, child.tokens]).toEqual([2, 100]);
    // Both write where the last page was: the first of them copies it.
    appendTo(
      of,
      cache,
      [parent, child],
      [one, three].map(({ k, v }) => ({ k: k.slice(0, row), v: v.slice(0, row) })),
      1,
    );
    expect([cache.pages, parent.pages[0] === child.pages[0], parent.pages[1] === child.pages[1]]).toEqual([
      3,
      true,
      false,
    ]);
    add(child, two);
    const firstOf = ({ k, v }: Tokens): Tokens => ({ k: k.slice(0, row), v: v.slice(0, row) });
    for (const [sequence, tokens] of [
      [parent, [start, one]],
      [child, [start, firstOf(three), two]],
    ] as const) {
      const [got, wanted] = both(of, cache, sequence, tokens);
      expect(got).toEqual(wanted);
    }
    // Back into a page that both have, and on from there.
    child.truncate(30);
    add(child, three);
    const [before, after] = [{ k: start.k.slice(0, 30 * row), v: start.v.slice(0, 30 * row) }, three];
    const [got, wanted] = both(of, cache, child, [before, after]);
    expect(got).toEqual(wanted);
    const [kept, same] = both(of, cache, parent, [start, one]);
    expect(kept).toEqual(same);
    expect([cache.pages, cache.capacity]).toEqual([3, 4]);
    child.dispose();
    child.dispose();
    parent.truncate(64);
    expect(cache.pages).toBe(1);
    parent.dispose();
    expect(cache.pages).toBe(0);
    cache.dispose();
  });

  test("after anything that is done with them hold what was appended", async () => {
    const of = await kernels;
    const operation = fc.record({
      what: fc.constantFrom("append", "append", "append", "fork", "truncate", "dispose", "new"),
      which: fc.nat(20),
      count: fc.constantFrom(1, 2, 30, 64, 100),
    });
    fc.assert(
      fc.property(fc.array(operation, { minLength: 3, maxLength: 12 }), fc.nat(1000), (operations, seed) => {
        const cache = of.append.newPagedCache();
        const held: { sequence: Sequence; tokens: Tokens[] }[] = [{ sequence: cache.sequence(), tokens: [] }];
        operations.forEach(({ what, which, count }, i) => {
          const at = held[which % held.length];
          if (at === undefined || what === "new") {
            held.push({ sequence: cache.sequence(), tokens: [] });
            return;
          }
          const { sequence, tokens } = at;
          if (what === "append") {
            const added = tokensOf(count, seed + i);
            appendTo(of, cache, [sequence], [added], count);
            tokens.push(added);
          } else if (what === "fork") held.push({ sequence: sequence.fork(), tokens: [...tokens] });
          else if (what === "truncate") {
            const kept = Math.floor((sequence.tokens * (which % 7)) / 7);
            sequence.truncate(kept);
            const whole = { k: joined(tokens.map(({ k }) => k)), v: joined(tokens.map(({ v }) => v)) };
            tokens.splice(0, tokens.length, { k: whole.k.slice(0, kept * row), v: whole.v.slice(0, kept * row) });
          } else {
            sequence.dispose();
            held.splice(which % held.length, 1);
          }
        });
        for (const { sequence, tokens } of held) {
          const [got, wanted] = both(of, cache, sequence, tokens);
          expect(got).toEqual(wanted);
        }
        const used = new Set(held.flatMap(({ sequence }) => sequence.pages));
        expect(cache.pages).toBe(used.size);
        cache.dispose();
      }),
      { numRuns: 25 },
    );
  });

  test("on two threads give what they give on one", async () => {
    const results = async (threads: number): Promise<unknown> => {
      const of = await kernelsOf({ m: 5, pages: 64, keys: "int4_row", values: "int4_row", ...integers }, threads);
      const cache = of.append.newPagedCache(1);
      const sequences = [cache.sequence(), cache.sequence()];
      appendTo(of, cache, sequences, [tokensOf(300, 1), tokensOf(300, 3)], 300);
      appendTo(of, cache, sequences.slice(1), [tokensOf(99, 5)], 99);
      const y = attended(of, cache, sequences, normals(2 * 5 * queryRow, 7), 5);
      dispose(of);
      return y;
    };
    expect(await results(2)).toEqual(await results(1));
  });
});

// BatchLLM (arXiv:2412.03594): what requests begin with is attended to once, by the queries of all.
test("a shared prefix computed once, merged with what follows, is attention over the whole", async () => {
  const of = await kernelsOf({ m: 2, pages: 64 });
  const whole = of.append.newPagedCache();
  const [m, count, prefixLength, lengths] = [2, 3, 90, [5, 70, 2]];
  const prefix = tokensOf(prefixLength, 1);
  const start = whole.sequence();
  appendTo(of, whole, [start], [prefix], prefixLength);
  const wholes = lengths.map(() => start.fork());
  const suffixes = lengths.map(() => whole.sequence());
  lengths.forEach((length, b) => {
    for (const sequence of [wholes[b], suffixes[b]] as Sequence[])
      appendTo(of, whole, [sequence], [tokensOf(length, 10 * b + 3)], length);
  });
  const q = normals(count * m * queryRow, 7);
  const wanted = of.attend.run({ cache: whole, sequences: wholes, q, m }) as unknown as Attended;
  const attendPrefix = await compile(attentionOf({ m: 6, pages: 64, causal: false }), {
    runtime: of.runtime,
    db: false,
  });
  const merge = await compile({ op: "merge", m: "any", parts: 2, heads, headSize }, { runtime: of.runtime, db: false });
  const first = attendPrefix.run({ cache: whole, sequences: [start], q, m: count * m } as never) as unknown as Attended;
  const second = of.attend.run({ cache: whole, sequences: suffixes, q, m }) as unknown as Attended;
  const merged = merge.run({ o: joined([first.y, second.y]), l: joined([first.lse, second.lse]), m: count * m });
  expect(nmse(merged.y, wanted.y)).toBeLessThan(attentionBounds.f32);
  expect(nmse(merged.lse, wanted.lse)).toBeLessThan(attentionBounds.f32);
  for (const part of [attendPrefix, merge]) part.dispose();
  dispose(of);
});

test("what can't be is refused, and changes nothing", async () => {
  const of = await kernelsOf({ m: 1, pages: 64 });
  const wider = await compile(attentionOf({ m: 1, pages: 128 }), { runtime: of.runtime, db: false });
  const cache = of.append.newPagedCache(2);
  const [a, b, gone] = [cache.sequence(), cache.sequence(), cache.sequence()];
  const elsewhere = of.append.newPagedCache().sequence();
  appendTo(of, cache, [a], [tokensOf(3, 1)], 3);
  gone.dispose();
  const q = normals(queryRow, 1);
  const said = (run: () => unknown): string => {
    try {
      run();
    } catch (error) {
      return `${(error as Error).name}: ${(error as Error).message}`;
    }
    return "nothing was thrown";
  };
  const attend = (args: object) => said(() => of.attend.run({ q, m: 1, ...args } as never));
  const append = (args: object) => said(() => of.append.run({ ...tokensOf(2, 1), m: 1, ...args } as never));
  expect([
    attend({ cache }),
    attend({ cache, sequences: [{}] }),
    attend({ cache, sequences: [elsewhere] }),
    attend({ cache, sequences: [a, gone] }),
    attend({ cache, sequences: [a, b] }),
    attend({ cache, sequences: [a], lengths: new Int32Array(1) }),
    attend({ cache: of.appendAlone.newCache(), sequences: [a] }),
    said(() => of.attendAlone.run({ q, m: 1, cache } as never)),
    said(() => wider.run({ q, m: 1, cache, sequences: [a] } as never)),
    append({ cache, sequences: [a, a] }),
    append({ cache, sequences: [b] }),
    said(() => a.truncate(4)),
    said(() => gone.fork()),
    said(() => of.append.newCache()),
    said(() => of.appendAlone.newPagedCache()),
    said(() => of.append.newPagedCache(-1)),
  ]).toMatchInlineSnapshot(`
    [
      "ApiError: sequences are missing; pass a list of what cache.sequence() gave",
      "ApiError: sequences[0] is no sequence; pass what cache.sequence() gave",
      "ApiError: sequences[0] is of another cache than the one that is passed",
      "ApiError: the sequence is disposed; make another",
      "ApiError: q has 128 values, expected 256 (m = 1, sequences: 2)",
      "ApiError: lengths: the kernel was compiled without one; it takes q, cache, sequences, m",
      "ApiError: cache: it has no pages, the kernel's of 64; make one with this kernel's newPagedCache()",
      "ApiError: cache: it has pages of 64 tokens, the kernel's has none; make one with this kernel's newCache()",
      "ApiError: cache: it has pages of 64 tokens, the kernel's of 128; make one with this kernel's newPagedCache()",
      "ApiError: sequences[1] is sequences[0]: tokens are appended to each once",
      "ApiError: k has 128 values, expected 64 (m = 1, sequences: 1)",
      "ApiError: tokens = 4: the sequence holds 3",
      "ApiError: the sequence is disposed; make another",
      "ApiError: newCache: the kernel's cache has pages; use newPagedCache()",
      "ApiError: newPagedCache: the kernel's cache has no pages; use newCache(), or compile with pages",
      "ApiError: capacity = -1: a number of pages, an integer from 0 up",
    ]
  `);
  expect([a.tokens, b.tokens, cache.pages, cache.capacity]).toEqual([3, 0, 1, 2]);
  await expect(compile(attentionOf({ pages: 100 }))).rejects.toThrowErrorMatchingInlineSnapshot(
    `[WorkloadError: pages: 100 tokens are no whole blocks of 64; use a multiple of it]`,
  );
  cache.dispose();
  expect([attend({ cache, sequences: [a] }), said(() => a.truncate(0))]).toMatchInlineSnapshot(`
    [
      "ApiError: the cache is disposed; make another",
      "ApiError: the cache is disposed; make another",
    ]
  `);
  wider.dispose();
  dispose(of);
});
