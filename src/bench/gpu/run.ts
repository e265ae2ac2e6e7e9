/**
 * The whole measurement of a GPU, read top to bottom in `runGpuBench`: what it could do at most, matmuls untuned and tuned, a model's shapes. What fails is noted and
 * the rest goes on; a lost device is opened again. Not here: sizes (plan.ts), the parts (limits.ts, matmul.ts, shape.ts), finding the driver (main.ts).
 */
import type { GpuRuntime } from "../../../backends/index.ts";
import { openMemoryStore } from "../../../tune-db/index.ts";
import type { GpuSelection } from "../../tuner/index.ts";
import { describeMachine, describeRuntime } from "./describe.ts";
import { problemOf } from "./kernel.ts";
import { measureGpuLimits } from "./limits.ts";
import { type MatmulTask, measurePrefill, measureRows } from "./matmul.ts";
import { fullPlan, matmulOf, type Plan, quickPlan } from "./plan.ts";
import type { GpuReport } from "./report.ts";
import { type Session, tune } from "./session.ts";
import { measureShape } from "./shape.ts";
import { targetsOf } from "./targets.ts";

export interface GpuBenchOptions {
  /** The open GPU, disposed of at the end. */
  readonly runtime: GpuRuntime;
  /** How it was opened. */
  readonly gpu: GpuSelection;
  /** Small sizes and few samples. @default for adapters that are the processor */
  readonly quick?: boolean | undefined;
  /** What the plan has otherwise. */
  readonly readBytes?: number | undefined;
  readonly tuneSeconds?: number | undefined;
  readonly reduced?: number | undefined;
  readonly signal?: AbortSignal;
  readonly progress?: (line: string) => void;
  /** Told the report so far, after each of its parts. */
  readonly sofar?: (report: GpuReport) => void;
}

/** What is being written. */
type Draft = { -readonly [K in keyof GpuReport]: GpuReport[K] };

/** Measures a GPU. When the signal aborts, gives what there is. */
export async function runGpuBench(options: GpuBenchOptions): Promise<GpuReport> {
  const { gpu, signal, progress = () => {}, sofar = () => {} } = options;
  let { runtime } = options;
  const { software } = runtime;
  const quick = options.quick ?? software;
  const basis = quick ? quickPlan : fullPlan;
  const { readBytes = basis.readBytes, tuneSeconds = basis.tuneSeconds, reduced = basis.reduced } = options;
  const plan: Plan = { ...basis, readBytes, tuneSeconds, reduced };
  const session: Session = {
    ...{ plan, gpu, signal, progress },
    runtime: async () => {
      if (runtime.error !== undefined) runtime = await runtime.reopen();
      return runtime;
    },
  };
  const started = new Date();
  const draft: Draft = {
    ...{ format: "qloom GPU report 1", software, quick, complete: false, started: started.toISOString(), seconds: 0 },
    ...describeMachine(),
    ...{ decode: [], rows: [], prefill: [], shapes: [], targets: targetsOf(nothing), failures: [] },
  };
  /** Does a part and tells of it; undefined where it could not be done, which is noted. */
  const part = async <T>(what: string, work: () => Promise<T>): Promise<T | undefined> => {
    if (signal?.aborted) return undefined;
    progress(what);
    try {
      return await work();
    } catch (error) {
      if (signal?.aborted) return undefined;
      const why = error instanceof Error ? error.message : String(error);
      progress(`${what}: ${why}`);
      draft.failures = [...draft.failures, { what, why }];
      return undefined;
    } finally {
      draft.seconds = (Date.now() - started.getTime()) / 1000;
      draft.targets = targetsOf(draft);
      sofar({ ...draft });
    }
  };

  try {
    await part("the device", async () => {
      draft.device = await describeRuntime(await session.runtime());
      progress(`${draft.device.label}, timed by ${draft.device.clock.clock}: ${draft.device.clock.why}`);
    });
    const limits = await part("what it could do at most", async () => {
      draft.limits = await measureGpuLimits(await session.runtime(), { bytes: [readBytes], quick, signal, progress });
      return draft.limits;
    });
    for (const numerics of limits === undefined ? [] : plan.numerics) {
      const workload = matmulOf("any", plan.size, plan.size, numerics);
      const what = `${plan.size} x ${plan.size} in ${numerics.compute}`;
      const problem = await part(`numbers for ${what}`, async () => problemOf(workload, plan.prefillRows));
      if (problem === undefined) continue;
      const store = openMemoryStore();
      const measure = async (kernels: MatmulTask["kernels"]): Promise<void> => {
        const task: MatmulTask = { workload, problem, limits: limits!, kernels, store };
        await part(`${what}: up to ${plan.mostRows} rows, ${kernels}`, async () => {
          const { decode, rows } = await measureRows(session, task);
          draft.decode = [...draft.decode, decode];
          draft.rows = [...draft.rows, rows];
        });
        await part(`${what}: ${plan.prefillRows} rows, ${kernels}`, async () => {
          draft.prefill = [...draft.prefill, await measurePrefill(session, task)];
        });
      };
      await measure("default");
      const seconds = tuneSeconds / 2 / plan.numerics.length;
      const tuned = await part(`tuning ${what}`, () =>
        tune(session, { workload: { ...workload, m: plan.tunedRows }, store, seconds }),
      );
      if (tuned !== undefined) await measure("tuned");
    }
    for (const { name, workload } of plan.shapes)
      await part(`${name}: ${workload.n} x ${workload.k}`, async () => {
        const row = await measureShape(session, { name, workload, seconds: tuneSeconds / 2 / plan.shapes.length });
        draft.shapes = [...draft.shapes, row];
      });
    draft.complete = signal?.aborted !== true && draft.failures.length === 0;
    return draft;
  } finally {
    runtime.dispose();
  }
}

const nothing = { decode: [], rows: [], prefill: [], shapes: [] };
