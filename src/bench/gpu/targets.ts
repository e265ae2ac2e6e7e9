/** What kernels are to reach on a GPU, held against a report's figures. */
import type { GpuReport, Target } from "./report.ts";

type Figures = Pick<GpuReport, "decode" | "rows" | "prefill" | "shapes">;

interface TargetRow {
  readonly what: string;
  readonly wanted: number;
  readonly bound: Target["bound"];
  /** The figures that count. */
  readonly of: (figures: Figures) => readonly number[];
}

/** Where a shape or matmul was measured tuned and untuned, the tuned kernels count. */
function best<R extends { readonly kernels: "default" | "tuned"; readonly compute: string }>(
  rows: readonly R[],
): readonly R[] {
  const tuned = new Set(rows.filter((r) => r.kernels === "tuned").map((r) => r.compute));
  return rows.filter((r) => r.kernels === "tuned" || !tuned.has(r.compute));
}

/** Time per row may rise by so much from one M to the next; timing alone moves it by some per cent. */
const mostStep = 1.1;

const table: readonly TargetRow[] = [
  {
    what: "decode, M = 1: weights read, as a share of the read-only reduction's rate",
    wanted: 0.7,
    bound: "least",
    of: ({ decode }) => best(decode).map(({ share }) => share),
  },
  {
    what: "M = 1..8: time per row against that of one row less",
    wanted: mostStep,
    bound: "most",
    of: ({ rows }) => best(rows).flatMap((r) => r.rows.flatMap(({ step }) => (step === undefined ? [] : [step]))),
  },
  {
    what: "prefill: operations, as a share of the register-only loop's rate",
    wanted: 0.5,
    bound: "least",
    of: ({ prefill }) => best(prefill).map(({ share }) => share),
  },
  {
    what: "Llama-3.2-1B: speed of the untuned default, as a share of the tuned kernel's",
    wanted: 1 / 1.5,
    bound: "least",
    of: ({ shapes }) => shapes.map(({ defaultOfTuned }) => defaultOfTuned),
  },
  {
    what: "Llama-3.2-1B: speed of the tuned kernel, as a share of the reduced space's optimum",
    wanted: 0.95,
    bound: "least",
    of: ({ shapes }) => shapes.map(({ tunedOfOptimum }) => tunedOfOptimum),
  },
];

/** Every target, with the worst of the figures that count. */
export const targetsOf = (figures: Figures): Target[] =>
  table.map(({ what, wanted, bound, of }) => {
    const values = of(figures);
    if (values.length === 0) return { what, wanted, bound, reached: null, met: null };
    const reached = bound === "least" ? Math.min(...values) : Math.max(...values);
    return { what, wanted, bound, reached, met: bound === "least" ? reached >= wanted : reached <= wanted };
  });
