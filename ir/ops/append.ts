/**
 * Operator append: new keys and values join a cache, in its formats. Kernels `keys` and `values`, loops h (kv heads), i (tokens), then those of encoding a row.
 * Where codes of neighbouring tokens share bytes, those that are there stay: so heads are what threads may share, no byte being of two. With groups along tokens a row is a group
 * of one value of a head, and tokens join in whole groups: T and M are multiples of it.
 */
import { type AppendWorkload, cacheBlock } from "../attention.ts";
import { add, buffer, floordiv, kernel, load, loop, mod, mul, store, symbol, variable } from "../build.ts";
import { WorkloadError } from "../errors.ts";
import { encodedRow, type Field } from "../formats/index.ts";
import type { Buffer, Expr, Kernel, Program, Stmt } from "../nodes.ts";
import {
  type Cached,
  type CachedName,
  cachedTensor,
  cachedValue,
  cacheIndex,
  type Token,
  tokensSymbol,
} from "./cache.ts";
import { type Operator, type Tensors, valuesOf } from "./operator.ts";
import { checkSize, rowsOf } from "./shapes.ts";
import { storedRows } from "./stored-rows.ts";

function program(workload: AppendWorkload): Program {
  checkSize("kvHeads", workload.kvHeads);
  checkSize("headSize", workload.headSize);
  const names = ["k", "v"] as const;
  return {
    name: "append",
    kernels: [
      ...names.map((name) => appended(name, workload)),
      ...(workload.decoded ? names.map((name) => decoded(name, workload)) : []),
    ],
  };
}

const kernelNames = { k: "keys", v: "values" } as const;

/** A row that is encoded as one: loops around it, its values, and where an entry of a field stands. */
interface CachedRow {
  readonly loops: readonly (readonly [loop: string, extent: Expr | number])[];
  readonly size: number;
  readonly value: (k: Expr) => Expr;
  /** Token, and entry of its head. */
  readonly at: (field: Field, entry: Expr) => readonly [token: Expr, entry: Expr];
}

const [T, i, h, d] = [variable(tokensSymbol), variable("i"), variable("h"), variable("d")];

/** A token's head. */
const headRow = (x: Buffer, extent: Expr, { headSize }: AppendWorkload): CachedRow => ({
  loops: [["i", extent]],
  size: headSize,
  value: (k) => load(x, [i, h, k]),
  at: (_, entry) => [add(T, i), entry],
});

/** A value of a head at the tokens of a group. */
function tokensRow(x: Buffer, extent: Expr, { headSize }: AppendWorkload, tokens: number): CachedRow {
  const first = mul(i, tokens);
  return {
    loops: [
      ["i", floordiv(extent, tokens)],
      ["d", headSize],
    ],
    size: tokens,
    value: (k) => load(x, [add(first, k), h, d]),
    at: ({ span }, entry) => [add(T, span === 1 ? add(first, entry) : first), d],
  };
}

/** The kernel that appends keys, or values, of M tokens to the T that are there. */
function appended(name: "k" | "v", workload: AppendWorkload): Kernel {
  const { kvHeads, headSize, m } = workload;
  const { extent, symbols } = rowsOf(m);
  const cached: Cached = cachedTensor(name, workload, add(T, extent));
  const { tokens } = cached;
  if (m !== "any" && m % tokens !== 0)
    throw new WorkloadError(`m: ${m} tokens are no whole groups of ${tokens}, in which ${workload.keys} has them`);
  const x = buffer(name, "f32", [extent, kvHeads, headSize], { role: "input" });
  const row = tokens === 1 ? headRow(x, extent, workload) : tokensRow(x, extent, workload, tokens);
  const { registers, body } = encodedRow(cached.format, {
    name: `${name}.new`,
    size: row.size,
    value: row.value,
    store: (field, entry, value) => {
      const [place, own] = row.at(field, entry);
      return store(`${name}.${field.name}`, cacheIndex(cached, field, workload, tokenAt(place), h, own), value);
    },
  });
  const rows = row.loops.reduceRight<readonly Stmt[]>((inner, [of, size]) => [loop(of, size, inner)], body);
  return kernel(kernelNames[name], "main", {
    symbols: [...symbols, symbol(tokensSymbol)].map((s) => (tokens === 1 ? s : { ...s, modulo: tokens })),
    buffers: [x, ...cached.fields, ...registers],
    body: [loop("h", kvHeads, rows)],
  });
}

/** The kernel that reads what has joined. */
function decoded(name: "k" | "v", workload: AppendWorkload): Kernel {
  const { kvHeads, headSize, m } = workload;
  const { extent, symbols } = rowsOf(m);
  const cached = cachedTensor(name, workload, add(T, extent));
  const y = buffer(kernelNames[name], "f32", [extent, kvHeads, headSize], { role: "output" });
  const fill = store(y.name, [i, h, d], cachedValue(cached, workload, tokenAt(add(T, i)), h, d));
  return kernel(`${kernelNames[name]}.decoded`, "main", {
    symbols: [...symbols, symbol(tokensSymbol)],
    buffers: [...cached.fields, y],
    body: [loop("h", kvHeads, [loop("i", extent, [loop("d", headSize, [fill])])])],
  });
}

const tokenAt = (place: Expr): Token => ({ block: floordiv(place, cacheBlock), place: mod(place, cacheBlock) });

/** The new tokens as formats have them. */
function reference({ decoded: isDecoded, ...shape }: AppendWorkload, inputs: Tensors): Tensors {
  if (!isDecoded) return {}; // What it makes is the cache, which is no output.
  const stored = (name: CachedName): Float32Array =>
    storedRows(shape[kernelNames[name]], Float32Array.from(valuesOf(inputs, name)), shape).decoded;
  return { keys: stored("k"), values: stored("v") };
}

export const append: Operator<AppendWorkload> = {
  ...{ program, reference },
  meaning: () => "cache[T + i] = k[i], v[i]",
  bound: () => 0,
};
