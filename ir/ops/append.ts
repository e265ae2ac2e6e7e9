/**
 * Operator append: new keys and values join a cache, in its formats. Kernels `keys` and `values`, loops h (kv heads), b (sequences, with pages), i (tokens), then those of encoding
 * a row; before them those of `turning.ts` (`angles`, `turn`, `rest`), where keys are turned.
 * Where codes of neighbouring tokens share bytes, those that are there stay: so heads are what threads may share, no byte being of two.
 */
import { type AppendWorkload, cacheBlock } from "../attention.ts";
import { add, buffer, floordiv, kernel, load, loop, mod, store, symbol, variable } from "../build.ts";
import { encodedRow } from "../formats/index.ts";
import type { Buffer, Expr, Kernel, Program, SizeSymbol } from "../nodes.ts";
import { type Batch, batchOf } from "./batch.ts";
import { type Cached, type CacheShape, cachedTensor, cacheIndex, tokensSymbol } from "./cache.ts";
import type { Operator } from "./operator.ts";
import { checkSize, rowsOf } from "./shapes.ts";
import { checkRotation, turningKernels } from "./turning.ts";

function program(workload: AppendWorkload): Program {
  checkSize("kvHeads", workload.kvHeads);
  checkSize("headSize", workload.headSize);
  const { m, kvHeads: heads, headSize: d, rope: rotation } = workload;
  const [k, v] = [joining("k", workload), joining("v", workload)];
  if (rotation === undefined)
    return { name: "append", kernels: [appended("k", k, workload), appended("v", v, workload)] };
  checkRotation(rotation, d, { rotary: "rope.rotary", d: "headSize" });
  const y = buffer("k.turned", "f32", k.shape, { role: "workspace" });
  const names = { turn: "turn", rest: "rest" };
  const turning = turningKernels({
    ...{ m, heads, d, rotation, x: k, y, kernels: names, stage: "prologue" },
    batch: batchOf(workload),
  });
  return { name: "append", kernels: [...turning, appended("k", y, workload), appended("v", v, workload)] };
}

/** The kernel that appends rows of M tokens to those that are there: of every sequence, where there are several. */
function appended(name: "k" | "v", x: Buffer, workload: AppendWorkload): Kernel {
  const { extent, symbols } = rowsOf(workload.m);
  const batch = batchOf(workload, extent);
  const cached = cachedTensor(name, workload, batch.capacity);
  return encodingKernel(cached, x, workload, {
    ...{ first: batch.tokens, extent, batch },
    symbols: [...symbols, symbol(tokensSymbol), ...batch.symbols],
  });
}

/** Keys, or values, of the tokens that join. */
const joining = (name: "k" | "v", workload: AppendWorkload): Buffer => {
  const { axes } = batchOf(workload);
  return buffer(name, "f32", [...axes, rowsOf(workload.m).extent, workload.kvHeads, workload.headSize], {
    role: "input",
  });
};

/** Where rows go in a cache: the first token's place, how many there are (of each sequence), and the symbols of a run. */
interface Destination {
  readonly first: Expr;
  readonly extent: Expr;
  readonly batch: Batch;
  readonly symbols: readonly SizeSymbol[];
}

/** The kernel that encodes rows `x` (tokens x kv heads x head size, of every sequence) into the cache, one token after the other. */
export function encodingKernel(cached: Cached, x: Buffer, shape: CacheShape, into: Destination): Kernel {
  const { name } = cached;
  const { first, extent, batch, symbols } = into;
  const [i, h] = [variable("i"), variable("h")];
  const place = add(first, i);
  const token = { block: batch.place(floordiv(place, cacheBlock)), place: mod(place, cacheBlock) };
  const { registers, body } = encodedRow(cached.format, {
    name: `${name}.new`,
    size: shape.headSize,
    value: (k) => load(x, [...batch.at, i, h, k]),
    store: (field, entry, value) =>
      store(`${name}.${field.name}`, cacheIndex(cached, field, shape, token, h, entry), value),
  });
  return kernel(name === "k" ? "keys" : "values", "main", {
    symbols,
    buffers: [x, ...batch.inputs, ...cached.fields, ...registers],
    body: [loop("h", shape.kvHeads, batch.each([loop("i", extent, body)]))],
  });
}

export const append: Operator<AppendWorkload> = {
  program,
  // What it makes is the cache, which is no output.
  reference: () => ({}),
  meaning: ({ pages, rope }) => {
    const [at, of] = pages === undefined ? ["T + i", "i"] : ["b, lengths[b] + i", "b,i"];
    return `cache[${at}] = k[${of}]${rope ? ` turned by positions[${of}] * frequencies` : ""}, v[${of}]`;
  },
  bound: () => 0,
};
