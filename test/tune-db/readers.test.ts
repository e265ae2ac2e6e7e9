/** Every store answers the same questions alike: those in SQLite and in browsers, and the plainest one, on the same random records. */
import fc from "fast-check";
import { expect, test } from "vitest";
import {
  makeScope,
  memoryReader,
  type Outcome,
  type RecordReader,
  sealRecord,
  type TuneRecord,
} from "../../tune-db/index.ts";
import { type CandidateQuery, RUNGS } from "../../tune-db/store.ts";
import { all, configure, device, failure, matmul, measure, NOON } from "./helpers.ts";
import { stores } from "./stores.ts";

const pick = <T>(...values: readonly T[]) => fc.constantFrom(...values);

const making = fc.record({
  workload: fc
    .tuple(pick<number | "any">(0, 1, 3, "any"), pick(32, 48, 64), pick(32, 64), pick("q4_0", "q8_0"))
    .map((extents) => matmul(...extents)),
  device: pick(
    {},
    { fingerprint: "f2" },
    { fingerprint: "f3", engine: "e2" },
    { fingerprint: "f4", architecture: "arm64" },
    { features: [] },
  ),
  generator: pick("g1", "g2"),
  rows: pick(1, 2, 4),
});

const anyRecord: fc.Arbitrary<TuneRecord> = fc
  .tuple(
    making,
    fc.array(fc.integer({ min: 1, max: 9 }), { maxLength: 3 }),
    pick<Outcome>("trap", "rejected", "quarantined"),
    fc.nat(3),
  )
  .map(([of, samples, outcome, minute]) => {
    const measurement = samples.length > 0 ? measure(...samples) : failure(outcome, "it failed");
    return sealRecord(configure(of), measurement, new Date(NOON.getTime() + minute * 60_000));
  });

const answers = (reader: RecordReader, queries: readonly CandidateQuery[]) =>
  Promise.all(
    queries.map(async (query) => {
      const { rows, failed } = await reader.candidates(query);
      return { rows: rows.map(({ key, distance }) => ({ key, distance })), failed };
    }),
  );

test.each(stores)(
  "$name and memory hold the same records and give the same candidates in the same order",
  async ({ openNew }) => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyRecord, { maxLength: 40 }), making, async (list, wanted) => {
        const store = await openNew();
        const counts = await store.merge(list);
        expect(counts.added + counts.replaced + counts.kept).toBe(list.length);
        const memory = memoryReader("memory", list);
        expect(await all(store)).toEqual(await all(memory));
        const scope = makeScope(wanted.workload, { ...device, ...wanted.device }, 1, wanted.generator);
        const queries = RUNGS.flatMap((rung) => [2, 100].map((maxDistance) => ({ rung, scope, maxDistance })));
        expect(await answers(store, queries)).toEqual(await answers(memory, queries));
        await store.close();
      }),
      { numRuns: 40 },
    );
  },
);

test.each(stores)("$name: merging does not depend on the order or on how often", async ({ openNew }) => {
  await fc.assert(
    fc.asyncProperty(fc.array(anyRecord, { maxLength: 12 }), fc.nat(), async (list, at) => {
      const cut = list.length === 0 ? 0 : at % list.length;
      const shuffled = [...list.slice(cut), ...list.slice(0, cut)].reverse();
      const [one, other] = [await openNew(), await openNew()];
      await one.merge(list);
      await other.merge([...shuffled, ...list]);
      expect(await all(other)).toEqual(await all(one));
      await Promise.all([one.close(), other.close()]);
    }),
    { numRuns: 40 },
  );
});
