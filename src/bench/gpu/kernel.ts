/**
 * A matmul's kernels on a GPU, ready to be timed: weights packed in as many copies as the caches call for, each result checked against float64 before anything is
 * timed. Not here: which kernels (default, tuned, a point), what is measured of them.
 */
import type { GpuRuntime, GpuTensor, Prepared } from "../../../backends/index.ts";
import { type MatmulWorkload, numericsName } from "../../../ir/index.ts";
import type { WgslArtifact } from "../../compile/index.ts";
import { evaluate, GpuExecutable, type GpuPackedTensors, storedBytes } from "../../runtime/index.ts";
import type { TimedRuns } from "../../timing/index.ts";
import { intWeightSource, type MatmulCase, makeCase } from "../case.ts";
import { formatWeightSource, storedWeights } from "../ours.ts";
import { checkResult, type Reference, referenceOf } from "../reference.ts";
import { timedOn } from "./figure.ts";
import { weightBytes } from "./share.ts";

/** The numbers of a matmul, and what they come to. */
export interface Problem {
  readonly matmul: MatmulCase;
  readonly reference: Reference;
}

/** A problem of as many rows; fewer of them are a part of it. */
export function problemOf({ n, k, w, numerics }: MatmulWorkload, rows: number): Problem {
  const shape = { m: rows, n, k, weights: w, x: numericsName(numerics), threads: 1 };
  const matmul = makeCase(shape, 1, [intWeightSource, formatWeightSource]);
  return { matmul, reference: referenceOf(matmul) };
}

/** Copies of weights that fill so many bytes. */
export const copiesFor = (workload: MatmulWorkload, bytes: number): number =>
  Math.max(1, Math.ceil(bytes / weightBytes(workload)));

/** Kernels that are loaded and packed for. */
export class GpuKernel {
  readonly problem: Problem;
  readonly copies: readonly GpuPackedTensors[];
  readonly #executable: GpuExecutable;
  readonly #tensors: GpuTensor[] = [];

  private constructor(problem: Problem, executable: GpuExecutable, copies: readonly GpuPackedTensors[]) {
    this.problem = problem;
    this.#executable = executable;
    this.copies = copies;
  }

  /** Loads and packs. */
  static async load(runtime: GpuRuntime, artifact: WgslArtifact, problem: Problem, copies: number): Promise<GpuKernel> {
    const executable = await GpuExecutable.load(artifact, runtime);
    const packed: GpuPackedTensors[] = [];
    const kernel = new GpuKernel(problem, executable, packed);
    try {
      const first = await executable.pack(storedBytes(storedWeights(problem.matmul.weights)));
      packed.push(first);
      if (copies > 1) {
        const file = await first.toBytes();
        while (packed.length < copies) packed.push(await executable.loadPacked(file));
      }
      return kernel;
    } catch (error) {
      kernel.dispose();
      throw error;
    }
  }

  /** Runs of the first `m` rows, each on the next copy of the weights. Throws a `BenchError` where one gives a wrong result. */
  async timed(m: number): Promise<TimedRuns> {
    const { runtime } = this.#executable;
    const { matmul, reference } = this.problem;
    const { n, k, x } = matmul;
    const [input, output] = [await this.#allocate(4 * m * k, "x"), await this.#allocate(4 * m * n, "y")];
    await runtime.write(input, x.subarray(0, m * k));
    const rows = rowsOf(this.problem, m);
    const own: [string, GpuTensor][] = [
      ["x", input],
      ["y", output],
    ];
    // An executable's own workspaces are those of the last number of rows.
    const part = this.#executable.artifact.parts.find(({ min, max }) => m >= min && m <= max);
    for (const { name, bytes } of part?.workspaces ?? [])
      own.push([name, await this.#allocate(evaluate(bytes, { M: m }), name)]);
    const runs: Prepared[] = [];
    for (const copy of this.copies) {
      const tensors = new Map([...copy.tensors, ...own]);
      const launches = await this.#executable.launches({ M: m }, tensors);
      const [y] = await runtime.run(launches, [output]);
      checkResult("qloom", new Float32Array(y!.buffer), { ...matmul, m }, { ...reference, ...rows });
      runs.push(await runtime.prepare(launches));
    }
    return timedOn(runtime, runs);
  }

  dispose(): void {
    for (const tensor of this.#tensors) tensor.free();
    for (const copy of this.copies) copy.dispose();
    this.#executable.dispose();
  }

  async #allocate(bytes: number, label: string): Promise<GpuTensor> {
    const tensor = await this.#executable.runtime.allocate(bytes, { label });
    this.#tensors.push(tensor);
    return tensor;
  }
}

/** The first rows of a reference. */
const rowsOf = ({ reference: { columns, values } }: Problem, m: number): Pick<Reference, "values"> => ({
  values: values.subarray(0, m * columns.length),
});
