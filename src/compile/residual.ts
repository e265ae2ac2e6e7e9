/**
 * Attention over a quantized cache whose newest tokens are held as they are (KIVI, arXiv:2402.02750): keys of few bits with scales per value and group of tokens can be stored only
 * when a group is whole, and what was said last is what is attended to most. Of t tokens that have joined in the steps before
 *
 *     keys      [0, floor(t / R) * R) are stored: R at once, when so many are held
 *     values    [0, max(0, t - R)) are stored: one by one, the R newest being held
 *
 * and what joins in a step is held while it is attended over, be it a prompt. Two parts, one cache each, are split at one token, the first whose value is held:
 *
 *     stored    [0, max(0, t - R)), in the formats
 *     held      [max(0, t - R), ..), in f32; of the keys those that are stored already, as they decode
 *
 * so that what is computed is, number for number, what the rules say. A value is encoded with the keys that are stored with it, up to R tokens before it is read from there: what
 * it is stored as depends on nothing but itself. Each part gives the logarithm of its divisor, and `merge` puts them together.
 */
import { WasmMemory } from "../../backends/index.ts";
import { type AttentionNumerics, type AttentionWorkload, cacheBlock, cacheFormatOf } from "../../ir/index.ts";
import { ApiError, type KvCache } from "../runtime/index.ts";
import { type CompileOptions, compile } from "./compile.ts";

/** What is attended over: as of an attention workload, causal, the queries being the newest tokens. */
export interface ResidualAttention
  extends Pick<AttentionWorkload, "heads" | "kvHeads" | "headSize" | "keys" | "values" | "scale" | "softcap"> {
  /** What the stored part is computed in; the other is in f32. @default f32 */
  readonly numerics?: AttentionNumerics;
}

/** Compiled: what all caches of the workload share. */
export interface ResidualKernel {
  /**
   * An empty cache that holds the newest `residual` tokens (R), a multiple of the tokens that share a scale. Throws an `ApiError` for other numbers.
   * @param residual 128 unless given
   */
  newCache(residual?: number): ResidualCache;
  /** Frees the kernels, and the memory where it is their own. */
  dispose(): void;
}

/** Compiles what such attention takes: kernels that share one memory. Throws a `WorkloadError` where the formats or sizes can't be. */
export async function compileResidual(
  workload: ResidualAttention,
  options: CompileOptions = {},
): Promise<ResidualKernel> {
  const { heads, kvHeads, headSize, keys, values, scale, softcap, numerics = plain } = workload;
  const { runtime = new WasmMemory({ shared: (options.threads ?? 1) > 1 }) } = options;
  const own = { ...options, runtime };
  const sizes = { m: "any", kvHeads, headSize } as const;
  const common = { ...({ op: "attention", heads, ...sizes, lse: true } as const), scale, softcap };
  const [store, hold, attendStored, attendHeld, merge] = await Promise.all([
    compile({ op: "append", ...sizes, keys, values, decoded: true }, own),
    compile({ op: "append", ...sizes, keys: "f32", values: "f32" }, own),
    compile({ ...common, keys, values, causal: false, numerics }, own),
    compile({ ...common, keys: "f32", values: "f32", causal: true, bias: true, numerics: plain }, own),
    compile({ op: "merge", m: "any", parts: 2, heads, headSize }, own),
  ]);
  const parts: Parts = {
    row: kvHeads * headSize,
    newCaches: () => ({ stored: store.newCache(), held: hold.newCache() }),
    store: (args) => store.run(args),
    hold: (args) => hold.run(args),
    attendStored: (args) => attendStored.run(args),
    attendHeld: (args) => attendHeld.run(args),
    merge: (far, near, m) => merge.run({ o: joined(far.y, near.y), l: joined(far.lse, near.lse), m }).y,
  };
  const group = cacheFormatOf(keys).tokens;
  return {
    newCache(residual = 128) {
      if (!Number.isInteger(residual) || residual < 1 || residual % group !== 0)
        throw new ApiError(`residual = ${residual}: a number of tokens, a multiple of ${group}`);
      return new ResidualCache(parts, residual);
    },
    dispose() {
      for (const kernel of [store, hold, attendStored, attendHeld, merge]) kernel.dispose();
      if (options.runtime === undefined) runtime.dispose();
    },
  };
}

const plain: AttentionNumerics = { scores: "f32", weights: "f32" };

interface Added {
  readonly cache: KvCache;
  readonly k: Float32Array;
  readonly v: Float32Array;
  readonly m: number;
}

interface Attended {
  readonly y: Float32Array;
  readonly lse: Float32Array;
}

interface Queries {
  readonly cache: KvCache;
  readonly q: Float32Array;
  readonly m: number;
}

/** The kernels as a cache runs them. */
interface Parts {
  /** Values of a token. */
  readonly row: number;
  readonly newCaches: () => { readonly stored: KvCache; readonly held: KvCache };
  readonly store: (added: Added) => { readonly keys: Float32Array };
  readonly hold: (added: Added) => void;
  readonly attendStored: (queries: Queries) => Attended;
  readonly attendHeld: (queries: Queries & { readonly bias: Float32Array }) => Attended;
  readonly merge: (far: Attended, near: Attended, m: number) => Float32Array;
}

/** The tokens of one sequence. */
export class ResidualCache {
  readonly #parts: Parts;
  readonly #residual: number;
  readonly #stored: KvCache;
  readonly #held: KvCache;
  #tokens = 0;
  /** Those that joined before the last did. */
  #before = 0;
  /** Tokens whose keys are stored. */
  #flushed = 0;
  /** Tokens whose values are read as they are stored: where the parts are split. */
  #split = 0;
  /** The first token in the cache of what is held. */
  #base = 0;
  /** What joined after those whose keys are stored, with room for more. */
  #pending = { k: new Float32Array(), v: new Float32Array() };

  constructor(parts: Parts, residual: number) {
    this.#parts = parts;
    this.#residual = residual;
    const { stored, held } = parts.newCaches();
    this.#stored = stored;
    this.#held = held;
  }

  /** Tokens that have joined. */
  get tokens(): number {
    return this.#tokens;
  }

  /** Those of them that queries read as they are stored. */
  get stored(): number {
    return this.#split;
  }

  /** m more tokens join: k and v, m x kvHeads x headSize. Throws an `ApiError` for arrays of another length. */
  append({ k, v, m }: Omit<Added, "cache">): void {
    const size = m * this.#parts.row;
    if (k.length !== size || v.length !== size)
      throw new ApiError(`k has ${k.length} values and v ${v.length}, expected ${size} each (m = ${m})`);
    this.#flush();
    this.#slide();
    this.#before = this.#tokens;
    this.#parts.hold({ cache: this.#held, k, v, m });
    const { row } = this.#parts;
    const at = (this.#tokens - this.#flushed) * row;
    this.#pending = { k: placed(this.#pending.k, k, at), v: placed(this.#pending.v, v, at) };
    this.#tokens += m;
  }

  /** Attention of the m newest tokens, all that joined last or fewer: q and the result are m x heads x headSize. */
  run({ q, m }: Omit<Queries, "cache">): Float32Array {
    const [held, split] = [this.#held, this.#split];
    const bias = new Float32Array(m * held.tokens);
    for (let i = 0; i < m; i++)
      bias.fill(Number.NEGATIVE_INFINITY, i * held.tokens, i * held.tokens + split - this.#base);
    const near = this.#parts.attendHeld({ cache: held, q, bias, m });
    if (split === 0) return near.y;
    this.#stored.truncate(split);
    const far = this.#parts.attendStored({ cache: this.#stored, q, m });
    this.#stored.grow(this.#flushed - split);
    return this.#parts.merge(far, near, m);
  }

  /** Takes back tokens that joined last (speculative decoding keeps what was accepted). Throws an `ApiError` where more would go than joined at once. */
  truncate(tokens: number): void {
    if (!Number.isInteger(tokens) || tokens < this.#before || tokens > this.#tokens)
      throw new ApiError(
        `tokens = ${tokens}: from ${this.#before} to ${this.#tokens}, of which the last joined together`,
      );
    this.#held.truncate(tokens - this.#base);
    this.#tokens = tokens;
  }

  /** Frees the memory. */
  dispose(): void {
    this.#stored.dispose();
    this.#held.dispose();
  }

  /** Stores the keys of whole windows, and puts what they decode to in the place of what they were. */
  #flush(): void {
    const { row, store, hold } = this.#parts;
    const pending = this.#tokens - this.#flushed;
    const count = Math.floor(pending / this.#residual) * this.#residual;
    if (count === 0) return;
    const size = count * row;
    const [k, v] = [this.#pending.k.subarray(0, pending * row), this.#pending.v.subarray(0, pending * row)];
    const { keys } = store({ cache: this.#stored, k: k.subarray(0, size), v: v.subarray(0, size), m: count });
    this.#held.truncate(this.#flushed - this.#base);
    hold({ cache: this.#held, k: joined(keys, k.subarray(size)), v, m: pending });
    this.#flushed += count;
    for (const rows of [k, v]) rows.copyWithin(0, size);
  }

  /** The window moves on; whole blocks of what is held that no query reads any more go. */
  #slide(): void {
    this.#split = Math.max(0, this.#tokens - this.#residual);
    const blocks = Math.floor((this.#split - this.#base) / cacheBlock);
    if (blocks === 0) return;
    dropBlocks(this.#held, blocks, cacheBlock * this.#parts.row * Float32Array.BYTES_PER_ELEMENT);
    this.#base += blocks * cacheBlock;
  }
}

/** An array with others put at a place: the same one while it has room, else one that has twice as much as it needs. */
function placed(whole: Float32Array<ArrayBuffer>, others: Float32Array, at: number): Float32Array<ArrayBuffer> {
  const needed = at + others.length;
  const roomy = needed <= whole.length ? whole : new Float32Array(2 * needed);
  if (roomy !== whole) roomy.set(whole.subarray(0, at));
  roomy.set(others, at);
  return roomy;
}

function joined(a: Float32Array, b: Float32Array): Float32Array<ArrayBuffer> {
  const whole = new Float32Array(a.length + b.length);
  whole.set(a);
  whole.set(b, a.length);
  return whole;
}

/** Forgets the first blocks of a cache; those after them move to its front. Blocks are the slowest digit of every tensor. */
function dropBlocks(cache: KvCache, count: number, blockBytes: number): void {
  const bytes = Math.ceil(cache.tokens / cacheBlock) * blockBytes;
  for (const address of cache.addresses.values()) cache.runtime.bytes(address, bytes).copyWithin(0, count * blockBytes);
  cache.truncate(cache.tokens - count * cacheBlock);
}
