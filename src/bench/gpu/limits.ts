/**
 * What a GPU could do at most, measured by kernels of our own pipeline: the rate at which it reads memory, and the rates of multiply-add loops on registers. Several
 * variants of each kernel are checked and timed; the fastest is the limit. Loads in browsers. Not here: the kernels (read-kernel.ts, rate-kernels.ts).
 */
import { compileShaders, GpuError, type GpuLaunch, type GpuRuntime, type GpuTensor } from "../../../backends/index.ts";
import { bytesOfTensor, type Feature, type Kernel, lower, type MatmulWorkload } from "../../../ir/index.ts";
import { BenchError } from "../errors.ts";
import { type Figure, perTime, sample, timedOn } from "./figure.ts";
import {
  type Arithmetic,
  local,
  mostRounds,
  operationsOf,
  type RateVariant,
  rateInputs,
  rateKernel,
  rateResult,
} from "./rate-kernels.ts";
import { fillKernel, type ReadVariant, readKernel, readResult, roundsOf } from "./read-kernel.ts";

/** A rate, and the variant of the kernel that reached it. */
export interface Limit {
  /** 10^9 per second. */
  readonly rate: Figure;
  readonly variant: Readonly<Record<string, number | string>>;
  /** Variants timed. */
  readonly tried: number;
}

/** What a GPU could do at most. */
export interface GpuLimits {
  /** Bytes read, by how many are read again and again: of few, from caches, the launch included. */
  readonly read: readonly { readonly bytes: number; readonly limit: Limit }[];
  /** Multiplications and additions; only what the device has. */
  readonly rates: Readonly<Partial<Record<Arithmetic, Limit>>>;
}

export interface LimitOptions {
  /** Sizes to read: powers of two from 2^16 on. What the device has no room for is halved. */
  readonly bytes: readonly number[];
  /** Fewer variants and samples, for adapters that are the processor. */
  readonly quick?: boolean;
  readonly signal?: AbortSignal | undefined;
  /** Told what is measured, a line each. */
  readonly progress?: (line: string) => void;
}

/** Variants that are sampled at length after a glance at all. */
const finalists = 3;
const sampling = { seconds: 0.2, minSamples: 9 };
const glance = { seconds: 0, minSamples: 2 };

/** Measures the limits of a device; takes some seconds. @throws BenchError where no variant computes what it must */
export async function measureGpuLimits(runtime: GpuRuntime, options: LimitOptions): Promise<GpuLimits> {
  const { progress = () => {} } = options;
  const read: GpuLimits["read"][number][] = [];
  for (const bytes of options.bytes) {
    const measured = await readLimit(runtime, bytes, options);
    progress(`reading ${measured.bytes / 2 ** 20} MiB: ${measured.limit.rate.median.toPrecision(3)} GB/s`);
    read.push(measured);
  }
  const rates: Partial<Record<Arithmetic, Limit>> = {};
  for (const arithmetic of arithmeticsOf(runtime.device.features)) {
    rates[arithmetic] = await rateLimit(runtime, arithmetic, options);
    progress(`${arithmetic} on registers: ${rates[arithmetic].rate.median.toPrecision(3)} GOP/s`);
  }
  return { read, rates };
}

/** What each kind of arithmetic needs. */
const needs: Readonly<Record<Arithmetic, Feature | undefined>> = { f32: undefined, f16: "f16", i8: "packed-dot" };

const arithmeticsOf = (features: readonly Feature[]): readonly Arithmetic[] =>
  (Object.keys(needs) as Arithmetic[]).filter((a) => needs[a] === undefined || features.includes(needs[a]));

/** The kind of arithmetic that a matmul is measured against: products of bytes only where the device has them. */
export const arithmeticOf = ({ numerics }: MatmulWorkload, { rates }: GpuLimits): Arithmetic => {
  const wanted: Arithmetic = numerics.compute;
  return rates[wanted] === undefined ? "f32" : wanted;
};

// ------------------------------------------------------------------------------------------------------------ contest

interface Entrant<V> {
  readonly variant: V;
  readonly launches: readonly GpuLaunch[];
  /** Bytes or operations of a run. */
  readonly amount: number;
  /** Throws where the results are not what they must be. */
  readonly check: () => Promise<void>;
}

/** Checks all, times all at a glance and the best at length. */
async function contest<V extends Limit["variant"]>(
  runtime: GpuRuntime,
  what: string,
  entrants: readonly Entrant<V>[],
  { signal, quick = false }: LimitOptions,
): Promise<Limit> {
  const right: Entrant<V>[] = [];
  let fault = "there is no variant";
  for (const entrant of entrants) {
    signal?.throwIfAborted();
    try {
      await runtime.launch(entrant.launches);
      await entrant.check();
      right.push(entrant);
    } catch (error) {
      if (!(error instanceof BenchError)) throw error;
      fault = error.message;
    }
  }
  if (right.length === 0) throw new BenchError(`${what}: no variant of the kernel is right on this device: ${fault}`);
  const runs = await Promise.all(right.map(async (e) => timedOn(runtime, [await runtime.prepare(e.launches)])));
  const amounts = right.map(({ amount }) => amount);
  const order = await ranking(runs, amounts, signal);
  const best = order.slice(0, quick ? 1 : finalists);
  const figures = await sample(
    best.map((i) => runs[i]!),
    { ...(quick ? { ...sampling, seconds: 0 } : sampling), signal },
  );
  const rates = best.map((i, at) => ({ variant: right[i]!.variant, rate: perTime(amounts[i]! / 1e6, figures[at]!) }));
  const top = rates.reduce((a, c) => (c.rate.median > a.rate.median ? c : a));
  return { ...top, tried: right.length };
}

/** Indices, the fastest first. */
async function ranking(
  runs: Parameters<typeof sample>[0],
  amounts: readonly number[],
  signal: AbortSignal | undefined,
): Promise<readonly number[]> {
  if (runs.length === 1) return [0];
  const figures = await sample(runs, { ...glance, signal });
  const rate = (i: number): number => amounts[i]! / figures[i]!.median;
  return runs.map((_, i) => i).sort((a, c) => rate(c) - rate(a));
}

function shaderOf(runtime: GpuRuntime, kernel: Kernel): GpuLaunch["shader"] {
  const [shader] = compileShaders([lower(kernel, "wgsl")], runtime.device.features);
  return shader!;
}

const sameWords = (what: string, actual: ArrayLike<number>, wanted: ArrayLike<number>): void => {
  for (let i = 0; i < wanted.length; i++)
    if (actual[i] !== wanted[i]) throw new BenchError(`${what}: result ${i} is ${actual[i]}, not ${wanted[i]}`);
};

// ------------------------------------------------------------------------------------------------------------ reading

const readVariants: readonly ReadVariant[] = (["swept", "apart"] as const).flatMap((order) =>
  [256, 64].flatMap((of) =>
    [4, 8, 2].flatMap((unrolled) => [4096, 16384, 1024].map((groups) => ({ groups, local: of, unrolled, order }))),
  ),
);
/** For few bytes, and for a glance. */
const smallVariants: readonly ReadVariant[] = [64, 256, 1024].flatMap((groups) =>
  [1, 4].map((unrolled) => ({ groups, local: 64, unrolled, order: "swept" as const })),
);

/** Rates of as many bytes, or half of them as often as the device has no room. */
async function readLimit(
  runtime: GpuRuntime,
  wanted: number,
  options: LimitOptions,
): Promise<GpuLimits["read"][number]> {
  for (let bytes = wanted; ; bytes /= 2) {
    try {
      return { bytes, limit: await readBytes(runtime, bytes, options) };
    } catch (error) {
      const noRoom = error instanceof GpuError && (error.fault === "memory" || error.fault === "limit");
      if (!noRoom || bytes <= 2 ** 20) throw error;
    }
  }
}

async function readBytes(runtime: GpuRuntime, bytes: number, options: LimitOptions): Promise<Limit> {
  const { maxBinding, maxBuffer } = runtime.sizeLimits;
  const chunk = Math.min(bytes, 2 ** Math.floor(Math.log2(Math.min(maxBinding, maxBuffer))));
  const suits = (v: ReadVariant): boolean => Number.isInteger(roundsOf(chunk, v));
  const large = readVariants.filter((v) => suits(v) && (options.quick !== true || v.groups === 1024));
  const variants = chunk >= 2 ** 25 ? large : smallVariants.filter(suits);
  const results = Math.max(...variants.map(({ groups, local: of }) => groups * of));
  const tensors: GpuTensor[] = [];
  const allocate = async (size: number, label: string): Promise<GpuTensor> => {
    const made = await runtime.allocate(size, { label });
    tensors.push(made);
    return made;
  };
  try {
    // Each part has results of its own, so that none waits for another.
    const parts: { readonly x: GpuTensor; readonly y: GpuTensor }[] = [];
    for (let at = 0; at < bytes; at += chunk)
      parts.push({ x: await allocate(chunk, "words to read"), y: await allocate(4 * results, "sums") });
    const fill = shaderOf(runtime, fillKernel(chunk));
    await runtime.launch(parts.map(({ x }) => ({ shader: fill, buffers: { x } })));
    const entrants = variants.map((variant): Entrant<ReadVariant & Limit["variant"]> => {
      const shader = shaderOf(runtime, readKernel(chunk, variant));
      return {
        variant: { ...variant },
        launches: parts.map((buffers) => ({ shader, buffers: { ...buffers } })),
        amount: bytes,
        check: async () => {
          const sums = readResult(chunk, variant);
          for (const { y } of parts) {
            const data = await runtime.read(y, 0, sums.byteLength);
            sameWords("read", new Int32Array(data.buffer), sums);
          }
        },
      };
    });
    return await contest(runtime, "reading", entrants, options);
  } finally {
    for (const tensor of tensors) tensor.free();
  }
}

// -------------------------------------------------------------------------------------------------------------- rates

/** Lanes and chains worth trying: enough sums to hide what an operation waits for, few enough for the registers. */
const rateShapes: Readonly<Record<Arithmetic, readonly (readonly [lanes: number, chains: number])[]>> = {
  f32: [
    [4, 4],
    [1, 8],
    [1, 16],
    [4, 2],
    [4, 8],
  ],
  f16: [
    [2, 8],
    [4, 4],
    [2, 4],
    [4, 8],
  ],
  i8: [
    [1, 16],
    [1, 8],
    [1, 4],
  ],
};
/** Workgroups: a processor has no use for many. */
const rateGroups = (software: boolean): readonly number[] => (software ? [256] : [16384, 4096]);
/** A run is to last about so long: far less than drivers allow. */
const runMs = 4;

async function rateLimit(runtime: GpuRuntime, arithmetic: Arithmetic, options: LimitOptions): Promise<Limit> {
  const shapes = options.quick === true ? rateShapes[arithmetic].slice(0, 1) : rateShapes[arithmetic];
  const tensors = new Map<string, GpuTensor>();
  try {
    const entrants: Entrant<RateVariant & Limit["variant"]>[] = [];
    for (const groups of rateGroups(runtime.software))
      for (const [lanes, chains] of shapes)
        entrants.push(await rateEntrant(runtime, arithmetic, { groups, lanes, chains }, tensors));
    return await contest(runtime, arithmetic, entrants, options);
  } finally {
    for (const tensor of tensors.values()) tensor.free();
  }
}

async function rateEntrant(
  runtime: GpuRuntime,
  arithmetic: Arithmetic,
  variant: RateVariant,
  tensors: Map<string, GpuTensor>,
): Promise<Entrant<RateVariant & Limit["variant"]>> {
  const inputs = rateInputs(arithmetic, variant);
  const buffers: Record<string, GpuTensor> = {};
  const place = async (name: string, bytes: number): Promise<GpuTensor> => {
    const key = `${name} ${bytes}`;
    const made = tensors.get(key) ?? (await runtime.allocate(bytes, { label: name }));
    tensors.set(key, made);
    buffers[name] = made;
    return made;
  };
  for (const [name, input] of Object.entries(inputs)) {
    const bytes = bytesOfTensor(input);
    await runtime.write(await place(name, bytes.length), bytes);
  }
  const y = await place("y", 4 * local * variant.groups);
  const shader = shaderOf(runtime, rateKernel(arithmetic, variant));
  const launchOf = (rounds: number): GpuLaunch => ({ shader, buffers, symbols: { rounds } });
  const timer = await runtime.timer();
  const one = await runtime.prepare([launchOf(1)]);
  await timer.time(one);
  const rounds = Math.min(mostRounds, Math.max(1, Math.round(runMs / Math.max(1e-6, await timer.time(one)))));
  return {
    variant: { ...variant, rounds },
    launches: [launchOf(rounds)],
    amount: operationsOf(arithmetic, variant, rounds),
    check: async () => {
      const data = (await runtime.read(y)).buffer;
      const values = arithmetic === "i8" ? new Int32Array(data) : new Float32Array(data);
      sameWords(arithmetic, values, rateResult(arithmetic, variant, inputs, rounds));
    },
  };
}
