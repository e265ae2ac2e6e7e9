/**
 * What a GPU could do at most, measured by kernels of our own pipeline: the rate at which it reads memory, and the rates of multiply-add loops on registers. Several
 * variants of each kernel are checked and timed; the fastest is the limit. Loads in browsers. Not here: each of them (read-limit.ts, rate-limit.ts).
 */
import type { GpuRuntime } from "../../../backends/index.ts";
import type { Feature, MatmulWorkload } from "../../../ir/index.ts";
import type { ContestOptions, Limit } from "./contest.ts";
import type { Arithmetic } from "./rate-kernels.ts";
import { rateLimit } from "./rate-limit.ts";
import { type ReadLimit, readLimit } from "./read-limit.ts";

/** What a GPU could do at most. */
export interface GpuLimits {
  /** Bytes read, by how many are read again and again: of few, from caches, the launch included. */
  readonly read: readonly ReadLimit[];
  /** Multiplications and additions; only what the device has. */
  readonly rates: Readonly<Partial<Record<Arithmetic, Limit>>>;
}

export interface LimitOptions extends ContestOptions {
  /** Sizes to read: powers of two from 2^16 on. What the device has no room for is halved. */
  readonly bytes: readonly number[];
  /** Told what is measured, a line each. */
  readonly progress?: (line: string) => void;
}

/** Measures the limits of a device; takes some seconds. @throws BenchError where no variant computes what it must */
export async function measureGpuLimits(runtime: GpuRuntime, options: LimitOptions): Promise<GpuLimits> {
  const { progress = () => {} } = options;
  const read: ReadLimit[] = [];
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
