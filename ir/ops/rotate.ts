/**
 * Operator rotate: keys of a cache turned where they lie. Kernels `decode` (loops m, h, d), those of `turning.ts` (`angles`, `turn`, `rest`), and `keys`, which encodes what they
 * give.
 */
import { cacheBlock, type RotateWorkload } from "../attention.ts";
import { add, buffer, floordiv, kernel, loop, mod, store, symbol, variable } from "../build.ts";
import { WorkloadError } from "../errors.ts";
import type { Buffer, Kernel, Program } from "../nodes.ts";
import { encodingKernel } from "./append.ts";
import { batchOf } from "./batch.ts";
import { blocksOf, type CacheShape, cachedTensor, cachedValue } from "./cache.ts";
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
  const shape: CacheShape = { ...workload, values: workload.keys };
  const [first, { extent, symbols }] = [variable(firstSymbol), rowsOf(m)];
  const perRun = [...symbols, symbol(firstSymbol)];
  const cached = cachedTensor("k", shape, blocksOf(add(first, extent)));
  if (cached.tokens > 1)
    throw new WorkloadError(
      `keys: ${workload.keys} has groups of ${cached.tokens} tokens, of which some may be turned; use ${cached.format.name}, or turn keys before they join`,
    );
  const keys = (name: string): Buffer => buffer(name, "f32", [extent, heads, d], { role: "workspace" });
  const [x, y] = [keys("k.before"), keys("k.turned")];
  const [i, h, of] = [variable("m"), variable("h"), variable("d")];
  const token = add(first, i);
  const place = { block: floordiv(token, cacheBlock), place: mod(token, cacheBlock) };
  const decoded = store(x.name, [i, h, of], cachedValue(cached, shape, place, h, of));
  const decode: Kernel = kernel("decode", "prologue", {
    symbols: perRun,
    buffers: [...cached.fields, x],
    body: [loop("m", extent, [loop("h", heads, [loop("d", d, [decoded])])])],
  });
  const turning = turningKernels({
    ...{ m, heads, d, rotation: { ...workload, scale: 1 }, x, y, positions: "deltas", stage: "prologue" },
    kernels: { turn: "turn", rest: "rest" },
  });
  return {
    name: "rotate",
    kernels: [
      decode,
      ...turning,
      encodingKernel(cached, y, shape, { first, extent, batch: batchOf({}), symbols: perRun }),
    ],
  };
}

export const rotate: Operator<RotateWorkload> = {
  program,
  // What it changes is the cache, which is no output.
  reference: () => ({}),
  meaning: () => "cache[first + i] = its key, pairs turned by deltas[i] * frequencies[i]",
  bound: () => 0,
};
