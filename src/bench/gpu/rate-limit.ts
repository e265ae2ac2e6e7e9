/** The rate of multiplications and additions on registers, by the best variant of the loop. Not here: the kernels (rate-kernels.ts). */
import type { GpuLaunch, GpuRuntime, GpuTensor } from "../../../backends/index.ts";
import { bytesOfTensor } from "../../../ir/index.ts";
import { type ContestOptions, contest, type Entrant, type Limit, requireSame, shaderOf } from "./contest.ts";
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

/** Lanes and chains worth trying: enough sums to hide what an operation waits for, few enough for the registers. The first is for adapters that take long to compile much. */
const rateShapes: Readonly<Record<Arithmetic, readonly (readonly [lanes: number, chains: number])[]>> = {
  f32: [
    [4, 2],
    [4, 4],
    [4, 8],
    [1, 8],
    [1, 16],
  ],
  f16: [
    [2, 4],
    [2, 8],
    [4, 4],
    [4, 8],
  ],
  i8: [
    [1, 4],
    [1, 8],
    [1, 16],
  ],
};
/** Workgroups: a processor has no use for many. */
const rateGroups = (software: boolean): readonly number[] => (software ? [256] : [16384, 4096]);
/** A run is to last about so long: far less than drivers allow. */
const runMs = 4;

/** The rate of a kind of arithmetic that the device has. */
export async function rateLimit(runtime: GpuRuntime, arithmetic: Arithmetic, options: ContestOptions): Promise<Limit> {
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
      requireSame(arithmetic, values, rateResult(arithmetic, variant, inputs, rounds));
    },
  };
}
