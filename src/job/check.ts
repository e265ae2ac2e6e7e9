/**
 * Checks a built folder: loads its module as a user would, packs weights, runs, and compares with the float64 reference. Weights are the file's tensors where there is a
 * file, else random ones in the same format.
 */
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import {
  type Containers,
  containerBytes,
  formatOf,
  givenActivations,
  type MatmulWorkload,
  QloomError,
  referenceMatmul,
} from "../../ir/index.ts";
import type { Job } from "../build/index.ts";
import { openGguf } from "../gguf/index.ts";
import { argumentsOf, type KvCache, type PagedCache, shortName, type TensorArray } from "../runtime/index.ts";
import { normal, splitmix32 } from "../timing/index.ts";
import { makeProblem, randomOperands } from "../tuner/index.ts";

/** One kernel with one tensor. */
export interface Check {
  readonly kernel: string;
  readonly tensor: string;
  /** max |y - reference| / max |reference|. */
  readonly maxError: number;
  readonly ok: boolean;
}

/** Rows of x that are tried where M is any: the tails of tiles, and a prefill. */
const rowsTried: readonly number[] = [1, 3, 9];
const largestError = 1e-4;
/** Columns of y that are compared where there are many. */
const columnsCompared = 64;

interface BuiltKernel {
  pack(weights: Record<string, Uint8Array>): unknown;
  run(args: Readonly<Record<string, unknown>>): TensorArray | Readonly<Record<string, TensorArray>>;
  newCache(capacity: number): KvCache;
  newPagedCache(capacity: number): PagedCache;
  dispose(): void;
}

type BuiltModule = Readonly<Record<string, (options?: object) => Promise<BuiltKernel>>>;

/** Runs every kernel of a build on a tensor of each file it serves. `loaderOf` tells a kernel's function. */
export async function checkBuild(
  out: string,
  jobs: readonly Job[],
  base: string,
  loaderOf: (name: string) => string,
  progress: (line: string) => void,
): Promise<readonly Check[]> {
  // Modules are remembered by their address: the folder may have held another build before.
  const address = `${pathToFileURL(resolve(out, "index.js")).href}?${Date.now()}`;
  const module = (await import(address)) as BuiltModule;
  const checks: Check[] = [];
  for (const job of jobs) {
    progress(`checking ${job.name}`);
    const load = module[loaderOf(job.name)];
    if (load === undefined) throw new QloomError(`${out}: the module has no ${loaderOf(job.name)}; build again`);
    const kernel = await load();
    try {
      if (job.workload.op !== "matmul" || job.workload.quantize !== undefined) checks.push(checkNumbers(job, kernel));
      else
        for (const { tensor, stored } of await weightsOf(job, base))
          checks.push(checkTensor(job, kernel, tensor, stored));
    } finally {
      kernel.dispose();
    }
  }
  return checks;
}

/** The first tensor of each file that the kernel serves, else random weights. */
async function weightsOf(
  { workload, tensors }: Job,
  base: string,
): Promise<readonly { tensor: string; stored: Containers }[]> {
  if (tensors.length === 0)
    return [{ tensor: "random weights", stored: makeProblem({ ...(workload as MatmulWorkload), m: 1 }, 1).weights }];
  const found: { tensor: string; stored: Containers }[] = [];
  for (const { gguf, names } of tensors) {
    await using file = await openGguf(resolve(base, gguf));
    const name = names[0] as string;
    // Of several matrices in one tensor the first.
    const bytes = matrixBytes(workload as MatmulWorkload);
    found.push({ tensor: name, stored: { "w.raw": await file.readRange(name, 0, bytes) } });
  }
  return found;
}

/** Runs a kernel on the numbers that the tuner judges its candidates by. */
function checkNumbers({ name, workload }: Job, kernel: BuiltKernel): Check {
  const rows = "m" in workload ? (workload.m === "any" ? rowsTried : [workload.m].filter((m) => m > 0)) : [0];
  const verdicts = rows.map((m) => {
    const { inputs, weights, sizes, judge } = makeProblem("m" in workload ? { ...workload, m } : workload, 1);
    const w = "w" in workload ? { w: kernel.pack(unprefixed(weights)) } : {};
    const { T: tokens, P: pages } = sizes;
    const cached =
      tokens === undefined
        ? argumentsOf(inputs)
        : pages === undefined
          ? withCache(kernel.newCache(tokens), inputs, tokens)
          : withPages(kernel.newPagedCache(pages), inputs);
    const result = kernel.run({ ...cached, ...w, ...("m" in workload && { m }) });
    return judge((output) => bytesOf(ArrayBuffer.isView(result) ? result : result[shortName(output)]));
  });
  const isRight = verdicts.every(({ fault }) => fault === undefined);
  const maxError = verdicts.reduce((most, { maxError: error }) => Math.max(most, error), 0);
  return { kernel: name, tensor: "random numbers", maxError, ok: isRight };
}

/** The problem's inputs, those that are a cache's tensors written into one. */
function withCache(cache: KvCache, inputs: Readonly<Record<string, TensorArray>>, tokens: number) {
  for (const [name, address] of cache.addresses) cache.runtime.write(address, inputs[name] as TensorArray);
  cache.grow(tokens);
  return { ...without(inputs, (name) => cache.addresses.has(name)), cache };
}

/** The same with pages: sequences of the problem's lengths, their pages filled from those of its pool. */
function withPages(cache: PagedCache, { lengths, pageTable, ...inputs }: Readonly<Record<string, TensorArray>>) {
  const perRow = (pageTable as TensorArray).length / (lengths as TensorArray).length;
  const sequences = Array.from(lengths as TensorArray, (tokens, b) => {
    const sequence = cache.sequence();
    cache.reserve(cache.capacityFor(sequence.missing(tokens)));
    sequence.makeRoom(tokens);
    sequence.grow(tokens);
    for (const [name, address] of cache.addresses) {
      const pool = new Uint8Array((inputs[name] as TensorArray).buffer);
      const page = pool.length / cache.capacity;
      sequence.pages.forEach((own, i) => {
        const from = (pageTable as TensorArray)[b * perRow + i] as number;
        cache.runtime.write(address + own * page, pool.subarray(from * page, (from + 1) * page));
      });
    }
    return sequence;
  });
  return { ...without(inputs, (name) => cache.addresses.has(name)), cache, sequences };
}

const without = (inputs: Readonly<Record<string, TensorArray>>, isLeftOut: (name: string) => boolean) =>
  Object.fromEntries(Object.entries(inputs).filter(([name]) => !isLeftOut(name)));

const unprefixed = (stored: Containers): Record<string, Uint8Array> =>
  Object.fromEntries(Object.entries(stored).map(([name, bytes]) => [name.replace(/^w\./, ""), bytes]));

const bytesOf = (values: TensorArray | undefined): Uint8Array<ArrayBuffer> =>
  new Uint8Array(values?.buffer.slice(0) as ArrayBuffer);

const matrixBytes = ({ w, n, k }: MatmulWorkload): number => containerBytes(formatOf(w), n, k)["w.raw"] ?? 0;

function checkTensor(job: Job, kernel: BuiltKernel, tensor: string, stored: Containers): Check {
  const workload = job.workload as MatmulWorkload;
  const w = kernel.pack(unprefixed(stored));
  const random = splitmix32(1);
  const columns = Array.from({ length: Math.min(workload.n, columnsCompared) }, (_, i) =>
    Math.floor((i * workload.n) / Math.min(workload.n, columnsCompared)),
  );
  let maxError = 0;
  for (const m of workload.m === "any" ? rowsTried : [workload.m]) {
    const x = Float32Array.from({ length: m * workload.k }, () => normal(random));
    const operands = randomOperands(workload, m, random);
    const given = givenActivations(workload.numerics, x, workload.k);
    const y = kernel.run({ x: given, w, m, ...operands }) as Float32Array;
    const reference = referenceMatmul({ ...workload, m }, x, stored, operands, columns).y;
    let [difference, largest] = [0, 0];
    for (let row = 0; row < m; row++)
      columns.forEach((column, i) => {
        const expected = reference[row * columns.length + i] as number;
        difference = Math.max(difference, Math.abs((y[row * workload.n + column] as number) - expected));
        largest = Math.max(largest, Math.abs(expected));
      });
    // A result that is no number fails too.
    maxError = Math.max(maxError, Number.isNaN(difference) ? Infinity : difference / (largest || 1));
  }
  return { kernel: job.name, tensor, maxError, ok: maxError <= largestError };
}
