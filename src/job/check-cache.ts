/** The tuner's problems on caches as users have them: what a built kernel reads or changes is written into one, and read back. */
import { WasmMemory } from "../../backends/index.ts";
import type { RotateWorkload } from "../../ir/index.ts";
import { compile } from "../compile/index.ts";
import { argumentsOf, type KvCache, type PagedCache, type TensorArray } from "../runtime/index.ts";
import type { Problem } from "../tuner/index.ts";

/** What makes caches. */
export interface CacheMaker {
  newCache(capacity: number): KvCache;
  newPagedCache(capacity: number): PagedCache;
}

/** A kernel that makes the caches of one that knows keys alone, in a memory for both. */
export async function cacheMakerFor({ kvHeads, headSize, keys, pages }: RotateWorkload): Promise<{
  readonly kernel: CacheMaker;
  readonly memory: WasmMemory;
  readonly dispose: () => void;
}> {
  const memory = new WasmMemory({ shared: false });
  const workload = { op: "append", m: "any", kvHeads, headSize, keys, values: keys, pages } as const;
  const kernel = await compile(workload, { runtime: memory, db: false });
  const dispose = (): void => {
    kernel.dispose();
    memory.dispose();
  };
  return { kernel, memory, dispose };
}

/** A cache with what a problem has in its, and the arguments of a run. */
export interface Cached {
  readonly args: Readonly<Record<string, unknown>>;
  /** The bytes of one of the cache's tensors, in the problem's order; undefined for other names. */
  readonly read: (name: string) => Uint8Array<ArrayBuffer> | undefined;
}

export function cachedFor(problem: Problem, caches: CacheMaker): Cached {
  const { sizes, workload } = problem;
  const joining = workload.op === "append" ? (sizes["M"] ?? 0) : 0;
  const made =
    sizes["P"] === undefined
      ? inCache(problem, caches.newCache((sizes["T"] as number) + joining))
      : inPages(problem, caches.newPagedCache(sizes["P"]), joining);
  return sizes["F"] === undefined ? made : { ...made, args: { ...made.args, first: sizes["F"] } };
}

const bytesOf = (values: ArrayBufferView): Uint8Array =>
  new Uint8Array(values.buffer, values.byteOffset, values.byteLength);

/** The problem's tensors of a cache: those that stay as they are among its inputs. */
function tensorsIn({ inputs, changed = {} }: Problem, cache: KvCache | PagedCache) {
  const isCached = (name: string): boolean => cache.addresses.has(name);
  const entries = Object.entries({ ...inputs, ...changed });
  return {
    tensors: new Map(entries.filter(([name]) => isCached(name)).map(([name, data]) => [name, bytesOf(data)])),
    inputs: Object.fromEntries(Object.entries(inputs).filter(([name]) => !isCached(name))),
  };
}

const addressIn = (cache: KvCache | PagedCache, name: string): number => cache.addresses.get(name) as number;

function inCache(problem: Problem, cache: KvCache): Cached {
  const { tensors, inputs } = tensorsIn(problem, cache);
  for (const [name, data] of tensors) cache.runtime.write(addressIn(cache, name), data);
  cache.grow(problem.sizes["T"] as number);
  return {
    args: { ...argumentsOf(inputs), cache },
    read: (name) => {
      const data = tensors.get(name);
      return data && cache.runtime.read(addressIn(cache, name), data.byteLength);
    },
  };
}

/** With pages: sequences of the problem's lengths, their pages filled from those of its pool. */
function inPages(problem: Problem, cache: PagedCache, joining: number): Cached {
  const { tensors, inputs } = tensorsIn(problem, cache);
  const { lengths, pageTable, ...others } = inputs as Readonly<Record<string, TensorArray>>;
  const { B = 0, T = 0 } = problem.sizes;
  const perRow = (pageTable as TensorArray).length / B;
  /** Pages of the cache, and of the problem's pool, with the same tokens. */
  const same: (readonly [own: number, of: number])[] = [];
  const sequences = Array.from({ length: B }, (_, b) => {
    const tokens = lengths?.[b] ?? T;
    const sequence = cache.sequence();
    cache.reserve(cache.capacityFor(sequence.missing(tokens + joining)));
    sequence.makeRoom(tokens + joining);
    sequence.grow(tokens);
    sequence.pages.forEach((own, i) => void same.push([own, pageTable?.[b * perRow + i] as number]));
    return sequence;
  });
  const pageBytes = (pool: Uint8Array): number => pool.length / cache.capacity;
  for (const [name, pool] of tensors)
    for (const [own, of] of same) {
      const size = pageBytes(pool);
      cache.runtime.write(addressIn(cache, name) + own * size, pool.subarray(of * size, (of + 1) * size));
    }
  return {
    args: { ...argumentsOf(others), cache, sequences },
    read: (name) => {
      const pool = tensors.get(name)?.slice();
      if (pool === undefined) return undefined;
      const size = pageBytes(pool);
      for (const [own, of] of same) pool.set(cache.runtime.read(addressIn(cache, name) + own * size, size), of * size);
      return pool;
    },
  };
}
