/**
 * Operator append: new keys and values join a cache, in its formats. Kernels `keys` and `values`, loops h (kv heads), b (sequences, with pages), i (tokens), then those of encoding
 * a row; before them those of `turning.ts` (`angles`, `turn`, `rest`), where keys are turned.
 * Where codes of neighbouring tokens share bytes, those that are there stay: so heads are what threads may share, no byte being of two. With groups along tokens a row is a group
 * of one value of a head, and tokens join in whole groups: T and M are multiples of it.
 */
import { type AppendWorkload, cacheBlock } from "../attention.ts";
import { add, buffer, floordiv, kernel, load, loop, mod, mul, store, symbol, variable } from "../build.ts";
import { WorkloadError } from "../errors.ts";
import { encodedRow, type Field } from "../formats/index.ts";
import type { Buffer, Expr, Kernel, Program, SizeSymbol, Stmt } from "../nodes.ts";
import { type Batch, batchOf } from "./batch.ts";
import {
  type Cached,
  type CachedName,
  type CacheShape,
  cachedTensor,
  cachedValue,
  cacheIndex,
  type Token,
  tokensSymbol,
} from "./cache.ts";
import { type Operator, type Tensors, valuesOf } from "./operator.ts";
import { checkSize, rowsOf } from "./shapes.ts";
import { storedRows } from "./stored-rows.ts";
import { checkRotation, turningKernels } from "./turning.ts";

function program(workload: AppendWorkload): Program {
  checkSize("kvHeads", workload.kvHeads);
  checkSize("headSize", workload.headSize);
  const { m, kvHeads: heads, headSize: d, rope: rotation } = workload;
  const [k, v] = [joining("k", workload), joining("v", workload)];
  const read = workload.decoded ? names.map((name) => decoded(name, workload)) : [];
  if (rotation === undefined)
    return { name: "append", kernels: [appended("k", k, workload), appended("v", v, workload), ...read] };
  checkRotation(rotation, d, { rotary: "rope.rotary", d: "headSize" });
  const y = buffer("k.turned", "f32", k.shape, { role: "workspace" });
  const turning = turningKernels({
    ...{ m, heads, d, rotation, x: k, y, kernels: { turn: "turn", rest: "rest" }, stage: "prologue" },
    batch: batchOf(workload),
  });
  return { name: "append", kernels: [...turning, appended("k", y, workload), appended("v", v, workload), ...read] };
}

const names = ["k", "v"] as const;
const kernelNames = { k: "keys", v: "values" } as const;

/** The kernel that appends rows of M tokens to those that are there: of every sequence, where there are several. */
function appended(name: CachedName, x: Buffer, workload: AppendWorkload): Kernel {
  const { m } = workload;
  const { extent, symbols } = rowsOf(m);
  const batch = batchOf(workload, { count: extent });
  const cached = cachedTensor(name, workload, batch.capacity);
  const { tokens } = cached;
  if (m !== "any" && m % tokens !== 0)
    throw new WorkloadError(`m: ${m} tokens are no whole groups of ${tokens}, in which ${workload.keys} has them`);
  const perRun = [...symbols, symbol(tokensSymbol)].map((s) => (tokens === 1 ? s : { ...s, modulo: tokens }));
  return encodingKernel(cached, x, workload, {
    ...{ extent, batch },
    symbols: [...perRun, ...batch.symbols],
  });
}

/** Keys, or values, of the tokens that join. */
const joining = (name: CachedName, workload: AppendWorkload): Buffer => {
  const { axes } = batchOf(workload);
  return buffer(name, "f32", [...axes, rowsOf(workload.m).extent, workload.kvHeads, workload.headSize], {
    role: "input",
  });
};

/** Where rows go in a cache: the sequences, after whose `tokens` they come, how many there are (of each sequence), and the symbols of a run. */
interface Destination {
  readonly extent: Expr;
  readonly batch: Batch;
  readonly symbols: readonly SizeSymbol[];
}

/** A row that is encoded as one: loops around it, its values, and where an entry of a field stands. */
interface CachedRow {
  readonly loops: readonly (readonly [loop: string, extent: Expr | number])[];
  readonly size: number;
  readonly value: (k: Expr) => Expr;
  /** Token among those that are encoded, and entry of its head. */
  readonly at: (field: Field, entry: Expr) => readonly [token: Expr, entry: Expr];
}

const [i, h, d] = [variable("i"), variable("h"), variable("d")];

/** A token's head. */
const headRow = (x: Buffer, { headSize }: CacheShape, { extent, batch }: Destination): CachedRow => ({
  loops: [["i", extent]],
  size: headSize,
  value: (k) => load(x, [...batch.at, i, h, k]),
  at: (_, entry) => [i, entry],
});

/** A value of a head at the tokens of a group. */
function tokensRow(x: Buffer, { headSize }: CacheShape, { extent, batch }: Destination, tokens: number): CachedRow {
  const first = mul(i, tokens);
  return {
    loops: [
      ["i", floordiv(extent, tokens)],
      ["d", headSize],
    ],
    size: tokens,
    value: (k) => load(x, [...batch.at, add(first, k), h, d]),
    at: ({ span }, entry) => [span === 1 ? add(first, entry) : first, d],
  };
}

/** The kernel that encodes rows `x` (tokens x kv heads x head size, of every sequence) into the cache, one token or group of tokens after the other. */
export function encodingKernel(cached: Cached, x: Buffer, shape: CacheShape, into: Destination): Kernel {
  const { name, tokens } = cached;
  const { batch, symbols } = into;
  const row = tokens === 1 ? headRow(x, shape, into) : tokensRow(x, shape, into, tokens);
  const { registers, body } = encodedRow(cached.format, {
    name: `${name}.new`,
    size: row.size,
    value: row.value,
    store: (field, entry, value) => {
      const [token, own] = row.at(field, entry);
      return store(`${name}.${field.name}`, cacheIndex(cached, field, shape, tokenAt(batch, token), h, own), value);
    },
  });
  const rows = row.loops.reduceRight<readonly Stmt[]>((inner, [of, size]) => [loop(of, size, inner)], body);
  return kernel(kernelNames[name], "main", {
    symbols,
    buffers: [x, ...batch.inputs, ...cached.fields, ...registers],
    body: [loop("h", shape.kvHeads, batch.each(rows))],
  });
}

/** The kernel that reads what has joined. */
function decoded(name: CachedName, workload: AppendWorkload): Kernel {
  const { kvHeads, headSize, m } = workload;
  const { extent, symbols } = rowsOf(m);
  const batch = batchOf(workload, { count: extent });
  const cached = cachedTensor(name, workload, batch.capacity);
  const y = buffer(kernelNames[name], "f32", [...batch.axes, extent, kvHeads, headSize], { role: "output" });
  const value = cachedValue(cached, workload, tokenAt(batch, i), h, d);
  const fill = store(y.name, [...batch.at, i, h, d], value);
  return kernel(`${kernelNames[name]}.decoded`, "main", {
    symbols: [...symbols, symbol(tokensSymbol), ...batch.symbols],
    buffers: [...batch.inputs, ...cached.fields, y],
    body: [loop("h", kvHeads, batch.each([loop("i", extent, [loop("d", headSize, [fill])])]))],
  });
}

/** The token that is so many after those before (`Batch.tokens`). */
export function tokenAt({ tokens, place }: Batch, after: Expr): Token {
  const token = add(tokens, after);
  return { block: place(floordiv(token, cacheBlock)), place: mod(token, cacheBlock) };
}

/** The new tokens as formats have them. */
function reference({ decoded: isDecoded, ...shape }: AppendWorkload, inputs: Tensors): Tensors {
  if (!isDecoded) return {}; // What it makes is the cache, which is no output.
  const stored = (name: CachedName): Float32Array =>
    storedRows(shape[kernelNames[name]], Float32Array.from(valuesOf(inputs, name)), shape).decoded;
  return { keys: stored("k"), values: stored("v") };
}

export const append: Operator<AppendWorkload> = {
  ...{ program, reference },
  meaning: ({ pages, rope }) => {
    const [at, of] = pages === undefined ? ["T + i", "i"] : ["b, lengths[b] + i", "b,i"];
    return `cache[${at}] = k[${of}]${rope ? ` turned by positions[${of}] * frequencies` : ""}, v[${of}]`;
  },
  bound: () => 0,
};
