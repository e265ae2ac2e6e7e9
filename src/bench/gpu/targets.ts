/** What kernels are to reach on a GPU, held against a report's figures. */
import type { GpuReport, MatmulReport, Target } from "./report.ts";

type Figures = Pick<GpuReport, "decode" | "rows" | "prefill" | "shapes">;

interface Value {
  /** What it was measured of, where targets hold for each of several. */
  readonly of?: string;
  readonly value: number;
}

interface TargetRow {
  readonly what: string;
  readonly wanted: number;
  readonly bound: Target["bound"];
  readonly values: (figures: Figures) => readonly Value[];
}

/** Of matmuls that were measured untuned and tuned the tuned ones, by what they compute in. */
function best<R extends MatmulReport>(rows: readonly R[], value: (row: R) => readonly number[]): readonly Value[] {
  const tuned = new Set(rows.filter((r) => r.kernels === "tuned").map((r) => r.compute));
  return rows
    .filter((r) => r.kernels === "tuned" || !tuned.has(r.compute))
    .flatMap((r) => value(r).map((v) => ({ of: r.compute, value: v })));
}

/** Time per row may rise by so much from one M to the next; timing alone moves it by some per cent. */
const mostStep = 1.1;

const table: readonly TargetRow[] = [
  {
    what: "decode, M = 1: weights read, as a share of the read-only reduction's rate",
    wanted: 0.7,
    bound: "least",
    values: ({ decode }) => best(decode, ({ share }) => [share]),
  },
  {
    what: "more rows one by one: time per row against that of one row less",
    wanted: mostStep,
    bound: "most",
    values: (figures) =>
      best(figures.rows, ({ rows }) => rows.flatMap(({ step }) => (step === undefined ? [] : [step]))),
  },
  {
    what: "prefill: operations, as a share of the register-only loop's rate",
    wanted: 0.5,
    bound: "least",
    values: ({ prefill }) => best(prefill, ({ share }) => [share]),
  },
  {
    what: "a model's shapes: speed of the untuned default, as a share of the tuned kernel's",
    wanted: 1 / 1.5,
    bound: "least",
    values: ({ shapes }) => shapes.map(({ defaultOfTuned }) => ({ value: defaultOfTuned })),
  },
  {
    what: "a model's shapes: speed of the tuned kernel, as a share of the reduced space's optimum",
    wanted: 0.95,
    bound: "least",
    values: ({ shapes }) => shapes.map(({ tunedOfOptimum }) => ({ value: tunedOfOptimum })),
  },
];

/** Every target, for each of what it holds for, with the worst of the figures that count. */
export const targetsOf = (figures: Figures): Target[] =>
  table.flatMap(({ what, wanted, bound, values }): Target[] => {
    const all = values(figures);
    if (all.length === 0) return [{ what, wanted, bound, reached: null, met: null }];
    return [...new Set(all.map(({ of }) => of))].map((of) => {
      const own = all.filter((v) => v.of === of).map(({ value }) => value);
      const reached = bound === "least" ? Math.min(...own) : Math.max(...own);
      const met = bound === "least" ? reached >= wanted : reached <= wanted;
      return { what: of === undefined ? what : `${of} ${what}`, wanted, bound, reached, met };
    });
  });
