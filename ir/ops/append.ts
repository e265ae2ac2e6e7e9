/**
 * Operator append: new keys and values join a cache, in its formats. Kernels `keys` and `values`, loops h (kv heads), i (tokens), then those of encoding a row.
 * Where codes of neighbouring tokens share bytes, those that are there stay: so heads are what threads may share, no byte being of two.
 */
import { type AppendWorkload, cacheBlock } from "../attention.ts";
import { add, buffer, floordiv, kernel, load, loop, mod, store, symbol, variable } from "../build.ts";
import { encodedRow } from "../formats/index.ts";
import type { Kernel, Program } from "../nodes.ts";
import { type Cached, cachedTensor, cacheIndex, tokensSymbol } from "./cache.ts";
import type { Operator } from "./operator.ts";
import { checkSize, rowsOf } from "./shapes.ts";

function program(workload: AppendWorkload): Program {
  checkSize("kvHeads", workload.kvHeads);
  checkSize("headSize", workload.headSize);
  return { name: "append", kernels: [appended("k", workload), appended("v", workload)] };
}

/** The kernel that appends keys, or values, of M tokens to the T that are there. */
function appended(name: "k" | "v", workload: AppendWorkload): Kernel {
  const { kvHeads, headSize } = workload;
  const { extent, symbols } = rowsOf(workload.m);
  const T = variable(tokensSymbol);
  const cached: Cached = cachedTensor(name, workload, add(T, extent));
  const x = buffer(name, "f32", [extent, kvHeads, headSize], { role: "input" });
  const [i, h] = [variable("i"), variable("h")];
  const place = add(T, i);
  const token = { block: floordiv(place, cacheBlock), place: mod(place, cacheBlock) };
  const { registers, body } = encodedRow(cached.format, {
    name: `${name}.new`,
    size: headSize,
    value: (k) => load(x, [i, h, k]),
    store: (field, entry, value) =>
      store(`${name}.${field.name}`, cacheIndex(cached, field, workload, token, h, entry), value),
  });
  return kernel(name === "k" ? "keys" : "values", "main", {
    symbols: [...symbols, symbol(tokensSymbol)],
    buffers: [x, ...cached.fields, ...registers],
    body: [loop("h", kvHeads, [loop("i", extent, body)])],
  });
}

export const append: Operator<AppendWorkload> = {
  program,
  // What it makes is the cache, which is no output.
  reference: () => ({}),
  meaning: () => "cache[T + i] = k[i], v[i]",
  bound: () => 0,
};
