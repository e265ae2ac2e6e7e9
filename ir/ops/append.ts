/**
 * Operator append: new keys and values join a cache, in its formats. Kernels `keys` and `values`, loops h (kv heads), b (sequences, with pages), i (tokens), then those of encoding a row.
 * Where codes of neighbouring tokens share bytes, those that are there stay: so heads are what threads may share, no byte being of two.
 */
import { type AppendWorkload, cacheBlock } from "../attention.ts";
import { add, buffer, floordiv, kernel, load, loop, mod, store, symbol, variable } from "../build.ts";
import { encodedRow } from "../formats/index.ts";
import type { Kernel, Program } from "../nodes.ts";
import { batchOf } from "./batch.ts";
import { type Cached, cachedTensor, cacheIndex, tokensSymbol } from "./cache.ts";
import type { Operator } from "./operator.ts";
import { checkSize, rowsOf } from "./shapes.ts";

function program(workload: AppendWorkload): Program {
  checkSize("kvHeads", workload.kvHeads);
  checkSize("headSize", workload.headSize);
  return { name: "append", kernels: [appended("k", workload), appended("v", workload)] };
}

/** The kernel that appends keys, or values, of M tokens to those that are there: of every sequence, where there are several. */
function appended(name: "k" | "v", workload: AppendWorkload): Kernel {
  const { kvHeads, headSize } = workload;
  const { extent, symbols } = rowsOf(workload.m);
  const batch = batchOf(workload, extent);
  const cached: Cached = cachedTensor(name, workload, batch.capacity);
  const x = buffer(name, "f32", [...batch.axes, extent, kvHeads, headSize], { role: "input" });
  const [i, h] = [variable("i"), variable("h")];
  const place = add(batch.tokens, i);
  const token = { block: batch.place(floordiv(place, cacheBlock)), place: mod(place, cacheBlock) };
  const { registers, body } = encodedRow(cached.format, {
    name: `${name}.new`,
    size: headSize,
    value: (k) => load(x, [...batch.at, i, h, k]),
    store: (field, entry, value) =>
      store(`${name}.${field.name}`, cacheIndex(cached, field, workload, token, h, entry), value),
  });
  return kernel(name === "k" ? "keys" : "values", "main", {
    symbols: [...symbols, symbol(tokensSymbol), ...batch.symbols],
    buffers: [x, ...batch.inputs, ...cached.fields, ...registers],
    body: [loop("h", kvHeads, batch.each([loop("i", extent, body)]))],
  });
}

export const append: Operator<AppendWorkload> = {
  program,
  // What it makes is the cache, which is no output.
  reference: () => ({}),
  meaning: ({ pages }) =>
    pages === undefined ? "cache[T + i] = k[i], v[i]" : "cache[b, lengths[b] + i] = k[b,i], v[b,i]",
  bound: () => 0,
};
