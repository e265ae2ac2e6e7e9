// What odd sizes cost: a shape whose extents the tiles divide, and the same with one extent a little further. A tail should cost its share, not a slower kernel for everything.

import { type Device, formatOf, type MatmulWorkload, type Workload } from "../../ir/index.ts";
import { compile } from "../compile/index.ts";
import { argumentsOf } from "../runtime/index.ts";
import { interleave, summarize } from "../timing/index.ts";
import { makeProblem } from "../tuner/index.ts";
import { BenchError } from "./errors.ts";
import { numericsOf } from "./ours.ts";
import type { KernelRequest } from "./request.ts";

export interface TailsBench extends KernelRequest {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly progress: (line: string) => void;
}

/** A shape beside the one that it is measured against. */
export interface TailsRow {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly medianMs: number;
  readonly gops: number;
  /** Of the same kernel template without the tail, in turns with it. */
  readonly wholeMs: number;
  /** Time per element against the whole shape's: 1 is a tail that costs its share. */
  readonly perElement: number;
}

export interface TailsReport {
  readonly device: Device;
  /** The whole shape. */
  readonly workload: MatmulWorkload;
  readonly tails: readonly TailsRow[];
  /** The largest of their times per element. */
  readonly worstTail: number;
}

type Shape = Pick<TailsRow, "m" | "n" | "k">;

/** What is added to each extent; to K, groups. */
const added: Readonly<Record<"m" | "n" | "k", readonly number[]>> = { m: [1, 3], n: [1, 2, 3, 5, 33], k: [1, 3] };

/** The shapes with one tail each. Groups are of 32, or the format's blocks where those are longer. */
function shapesOf({ m, n, k }: Shape, format: string): readonly Shape[] {
  const group = Math.max(32, formatOf(format).block);
  return [
    ...added.m.map((by) => ({ m: m + by, n, k })),
    ...added.n.map((by) => ({ m, n: n + by, k })),
    ...added.k.map((by) => ({ m, n, k: k + by * group })),
  ];
}

/** Measures each tail in turns with the whole shape. Throws a `BenchError` where a result is wrong. */
export async function benchTails(bench: TailsBench): Promise<TailsReport> {
  const { m, n, k, weights, x, device, progress, signal } = bench;
  const whole = { m, n, k };
  const workload = workloadOf(whole, weights, x);
  const tails: TailsRow[] = [];
  using against = await load(workload, bench);
  for (const shape of shapesOf(whole, weights)) {
    signal.throwIfAborted();
    progress(`m ${shape.m}, n ${shape.n}, k ${shape.k}`);
    using other = await load(workloadOf(shape, weights, x), bench);
    const samples = await interleave([against.run, other.run], { seconds: bench.seconds, minSamples: 7, signal });
    const [wholes, others] = samples.map(({ ms }) => ms) as [readonly number[], readonly number[]];
    const [wholeMs, medianMs] = [summarize(wholes).median, summarize(others).median];
    const elements = (of: Shape): number => of.m * of.n * of.k;
    // Sample by sample: what disturbs the machine for longer than one disturbs both.
    const ratio = summarize(others.map((ms, i) => ms / (wholes[i] as number))).median;
    tails.push({
      ...shape,
      ...{ medianMs, wholeMs },
      gops: (2 * elements(shape)) / medianMs / 1e6,
      perElement: (ratio * elements(whole)) / elements(shape),
    });
  }
  return { device, workload, tails, worstTail: Math.max(...tails.map(({ perElement }) => perElement)) };
}

const workloadOf = ({ m, n, k }: Shape, w: string, x: string): MatmulWorkload => ({
  op: "matmul",
  ...{ m, n, k, w },
  bias: false,
  numerics: numericsOf(x),
});

interface Loaded {
  run(): void;
  [Symbol.dispose](): void;
}

/** A kernel with random weights, its result judged. */
async function load(workload: MatmulWorkload, { device, db, seed }: TailsBench): Promise<Loaded> {
  const { m } = workload;
  const problem = makeProblem(workload, seed);
  const kernel = await compile<Workload>(workload, { device, ...(db !== undefined && { db }) });
  const stored = Object.entries(problem.weights).map(([name, bytes]) => [name.replace(/^w\./, ""), bytes]);
  const w = kernel.pack(Object.fromEntries(stored));
  const run = (): Float32Array => kernel.run({ ...argumentsOf(problem.inputs), w, m } as never) as Float32Array;
  const y = run();
  const { fault } = problem.judge(() => new Uint8Array(y.buffer as ArrayBuffer));
  if (fault !== undefined) throw new BenchError(`tails: m ${m}, ${workload.n} x ${workload.k}: ${fault}`);
  return { run: () => void run(), [Symbol.dispose]: () => kernel.dispose() };
}
