// Speed against bits per weight, a line per method: integer codes of 1 to 8 bits by each template that takes them, at its default point.

import { WasmRuntime } from "../../backends/index.ts";
import { type Device, formatNames, formatOf, type MatmulWorkload, type Numerics } from "../../ir/index.ts";
import { templateNamed } from "../../schedules/index.ts";
import { Executable, kernelFeatures, type WasmArtifact } from "../compile/index.ts";
import { kernelOf } from "../runtime/index.ts";
import { interleave, summarize } from "../timing/index.ts";
import { buildCandidate, makeProblem } from "../tuner/index.ts";
import { BenchError } from "./errors.ts";
import type { Plot } from "./plot.ts";

export interface BitsBench {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  /** Values of K that share a scale, of x as of the weights. */
  readonly group: number;
  /** Time for samples, of each format. */
  readonly seconds: number;
  readonly seed: number;
  readonly device: Device;
  readonly signal: AbortSignal;
  readonly progress: (line: string) => void;
}

export interface BitsRow {
  readonly method: MethodName;
  readonly weights: string;
  readonly bits: number;
  readonly medianMs: number;
  readonly lowMs: number;
  readonly highMs: number;
  readonly gops: number;
}

export interface BitsReport {
  readonly device: Device;
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly methods: readonly BitsRow[];
}

interface Method {
  /** Templates of it; the first that takes a workload is the one. */
  readonly templates: readonly string[];
  readonly numerics: (group: number) => Numerics;
}

export type MethodName = "dot product" | "table lookup" | "lookup, 8-bit tables" | "decoded to f32";

const methods: Readonly<Record<MethodName, Method>> = {
  "dot product": {
    templates: ["integer-dot-decode", "integer-dot-prefill"],
    numerics: (xGroup) => ({ compute: "i8", xGroup }),
  },
  "table lookup": { templates: ["table-lookup"], numerics: (xGroup) => ({ compute: "i8", xGroup }) },
  "lookup, 8-bit tables": {
    templates: ["rounded-lookup"],
    numerics: (xGroup) => ({ compute: "i8", xGroup, tables: "i8" }),
  },
  "decoded to f32": { templates: ["f32-decode", "f32-prefill"], numerics: () => ({ compute: "f32" }) },
};

/** Measures each format's methods in turns. Throws a `BenchError` where a result is wrong. */
export async function benchBits(bench: BitsBench): Promise<BitsReport> {
  const { m, n, k, group, device, progress, signal } = bench;
  const rows: BitsRow[] = [];
  // One bit has no code for 0 but with zero points between the two.
  const asked = new RegExp(`^int(1_g${group}_zf|[2-8]_g${group})$`);
  for (const weights of formatNames().filter((name) => asked.test(name))) {
    signal.throwIfAborted();
    progress(weights);
    rows.push(...(await measure(weights, bench)));
  }
  if (rows.length === 0) throw new BenchError(`bits: no integer format has groups of ${group}`);
  return { device, m, n, k, methods: rows };
}

async function measure(weights: string, bench: BitsBench): Promise<readonly BitsRow[]> {
  const { m, n, k, seconds, signal } = bench;
  const runtime = new WasmRuntime();
  try {
    const runs: { method: MethodName; run: () => void }[] = [];
    for (const method of Object.keys(methods) as MethodName[]) {
      const run = await loaded(method, weights, bench, runtime);
      if (run !== undefined) runs.push({ method, run });
    }
    const samples = await interleave(
      runs.map(({ run }) => run),
      { seconds, minSamples: 7, signal },
    );
    return runs.map(({ method }, i) => {
      const { median, low, high } = summarize(samples[i]?.ms ?? []);
      const gops = (2 * m * n * k) / median / 1e6;
      return {
        method,
        weights,
        bits: formatOf(weights).codes?.bits ?? 0,
        ...{ medianMs: median, lowMs: low, highMs: high },
        gops,
      };
    });
  } finally {
    runtime.dispose();
  }
}

/** A run of a format by a method, its result found right; undefined where the method does not take it. */
async function loaded(
  method: MethodName,
  weights: string,
  { m, n, k, group, seed, device }: BitsBench,
  runtime: WasmRuntime,
): Promise<(() => void) | undefined> {
  const { templates, numerics } = methods[method];
  const workload: MatmulWorkload = { op: "matmul", m, n, k, w: weights, bias: false, numerics: numerics(group) };
  const target = { workload, device: { ...device, features: kernelFeatures(device) } };
  const template = templates.map(templateNamed).find((one) => one !== undefined && one.refuses(target) === undefined);
  if (template === undefined) return undefined;
  const { artifact } = buildCandidate(target, { template: template.name, point: template.default(target) });
  const problem = makeProblem(workload, seed);
  const kernel = kernelOf<unknown, unknown, Float32Array>(await Executable.load(artifact as WasmArtifact, runtime));
  const w = kernel.pack(
    Object.fromEntries(Object.entries(problem.weights).map(([name, bytes]) => [name.replace(/^w\./, ""), bytes])),
  );
  const run = (): Float32Array => kernel.run({ x: problem.inputs["x"], w, m });
  const { fault } = problem.judge(() => new Uint8Array(run().buffer as ArrayBuffer));
  if (fault !== undefined) throw new BenchError(`bits: ${weights} by ${method}: ${fault}`);
  return () => void run();
}

/** Speed against bits, a line per method. */
export const bitsPlot = ({ device, m, n, k, methods: rows }: BitsReport): Plot => ({
  title: `${n} x ${k}, M = ${m}: speed against bits per weight, on ${device.label}`,
  x: { label: "bits per code", scale: "linear" },
  y: { label: "GOP/s", scale: "linear" },
  series: (Object.keys(methods) as MethodName[]).flatMap((name) => {
    const points = rows.filter(({ method }) => method === name).map(({ bits, gops }) => [bits, gops] as const);
    return points.length === 0 ? [] : [{ name, points }];
  }),
});
