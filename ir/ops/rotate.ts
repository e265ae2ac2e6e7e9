/**
 * Operator rotate: keys of a cache turned where they lie. Kernels `decode` (loops m, b with pages, h, d), those of `turning.ts` (`angles`, `turn`, `rest`), and `keys`, which encodes what they
 * give.
 */
import type { Paged, RotateWorkload } from "../attention.ts";
import { buffer, kernel, loop, store, symbol, variable } from "../build.ts";
import { WorkloadError } from "../errors.ts";
import type { Buffer, Kernel, Program } from "../nodes.ts";
import { encodingKernel, tokenAt } from "./append.ts";
import { batchOf } from "./batch.ts";
import { type CacheShape, cachedTensor, cachedValue } from "./cache.ts";
import type { Operator } from "./operator.ts";
import { checkSize, rowsOf } from "./shapes.ts";
import { checkRotation, turningKernels } from "./turning.ts";

/** Name of the symbol that stands for the first token that is turned. */
const firstSymbol = "F";

function program(workload: RotateWorkload): Program {
  const { m, kvHeads: heads, headSize: d } = workload;
  checkSize("kvHeads", heads);
  checkSize("headSize", d);
  checkRotation(workload, d, { rotary: "rotary", d: "headSize" });
  // Of values nothing is known, and nothing asked.
  const shape: CacheShape & Paged = { ...workload, values: workload.keys };
  const { extent, symbols } = rowsOf(m);
  const batch = batchOf(workload, { first: variable(firstSymbol), count: extent });
  const perRun = [...symbols, symbol(firstSymbol), ...batch.symbols];
  const cached = cachedTensor("k", shape, batch.capacity);
  if (cached.tokens > 1)
    throw new WorkloadError(
      `keys: ${workload.keys} has groups of ${cached.tokens} tokens, of which some may be turned; use ${cached.format.name}, or turn keys before they join`,
    );
  const keys = (name: string): Buffer => buffer(name, "f32", [...batch.axes, extent, heads, d], { role: "workspace" });
  const [x, y] = [keys("k.before"), keys("k.turned")];
  const [i, h, of] = [variable("m"), variable("h"), variable("d")];
  const decoded = store(x.name, [...batch.at, i, h, of], cachedValue(cached, shape, tokenAt(batch, i), h, of));
  const decode: Kernel = kernel("decode", "prologue", {
    symbols: perRun,
    buffers: [...batch.inputs, ...cached.fields, x],
    body: [loop("m", extent, batch.each([loop("h", heads, [loop("d", d, [decoded])])]))],
  });
  const turning = turningKernels({
    ...{ m, heads, d, rotation: { ...workload, scale: 1 }, x, y, positions: "deltas", stage: "prologue", batch },
    kernels: { turn: "turn", rest: "rest" },
  });
  return {
    name: "rotate",
    kernels: [decode, ...turning, encodingKernel(cached, y, shape, { extent, batch, symbols: perRun })],
  };
}

export const rotate: Operator<RotateWorkload> = {
  program,
  // What it changes is the cache, which is no output.
  reference: () => ({}),
  meaning: ({ pages }) => {
    const of = pages === undefined ? "" : "b, ";
    return `cache[${of}first + i] = its key, pairs turned by deltas[${of}i] * frequencies`;
  },
  bound: () => 0,
};
