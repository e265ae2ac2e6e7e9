/** What a job tells while it runs, and one line of text for it. */
import type { Workload } from "../../ir/index.ts";
import { figures } from "../timing/index.ts";
import type { PartResult, TrialNews } from "./tune-part.ts";

/** `index` of `count` workloads, from 0. The workload has a fixed M, but for `failed`. */
export type Progress = { readonly index: number; readonly count: number } & (
  | { readonly kind: "start"; readonly workload: Workload }
  | ({ readonly kind: "trial"; readonly workload: Workload } & TrialNews)
  | { readonly kind: "done"; readonly result: PartResult }
  | { readonly kind: "failed"; readonly workload: Workload; readonly reason: string }
);

/** One line without a newline: `[2/7] matmul m=1 n=4096 k=4096 q4_K  12/64  best 0.412 ms (default 0.530)  18 s left`. */
export function progressLine(event: Progress): string {
  const place = `[${event.index + 1}/${event.count}]`;
  const workload = event.kind === "done" ? event.result.workload : event.workload;
  return [`${place} ${describeWorkload(workload)}`, ...detail(event)].join("  ");
}

/** The workload for people. */
export function describeWorkload(workload: Workload): string {
  const named = ["m", "n", "k"].filter((axis) => axis in workload);
  const sizes = named.map((axis) => `${axis}=${workload[axis as keyof Workload]}`);
  const format = "w" in workload ? [workload.w] : [];
  const { numerics: computed } = workload.op === "matmul" ? workload : {};
  const numerics =
    computed === undefined || computed.compute === "f32"
      ? []
      : [
          computed.compute === "i8"
            ? `x i${computed.xBits ?? 8}/${computed.xGroup}${computed.tables === "i8" ? ", 8-bit tables" : ""}`
            : `x ${computed.compute}`,
        ];
  const { bias = false, epilogue = [] } = workload.op === "matmul" ? workload : {};
  const steps = [...(bias ? ["bias"] : []), ...epilogue].map((step) => `+ ${step}`);
  return [workload.op, ...sizes, ...format, ...numerics, ...steps].join(" ");
}

function detail(event: Progress): readonly string[] {
  switch (event.kind) {
    case "start":
      return ["starting"];
    case "failed":
      return [`failed: ${event.reason}`];
    case "trial": {
      const { trial, of, best, etaSeconds, outcome } = event;
      const failed = outcome === "ok" || outcome === "rejected" ? [] : [outcome];
      const eta = etaSeconds === undefined ? [] : [`${Math.ceil(etaSeconds)} s left`];
      return [of === undefined ? `${trial}` : `${trial}/${of}`, ...failed, times(best?.ms, event.default?.ms), ...eta];
    }
    case "done": {
      const { result } = event;
      return [times(result.tuned?.ms, result.default?.ms), `${result.tried} tried, ${result.ended}`];
    }
  }
}

function times(best: number | undefined, reference: number | undefined): string {
  if (best === undefined) return "nothing right yet";
  return `best ${sayMs(best)} ms${reference === undefined ? "" : ` (default ${sayMs(reference)})`}`;
}

const sayMs = (ms: number): string => figures(ms, 3);
