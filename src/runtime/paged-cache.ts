/**
 * A cache of many sequences, whose keys and values lie in pages of one pool. Sequences take pages as they grow, share those of a common beginning (`fork`), and give them back;
 * whoever writes to a page that others share copies it first.
 */
import type { WasmMemory } from "../../backends/index.ts";
import type { TensorArray } from "./arrays.ts";
import type { CachedTokens } from "./cache.ts";
import { CacheTensors } from "./cache-tensors.ts";
import { ApiError } from "./errors.ts";
import type { TensorSpec } from "./info.ts";
import type { Sizes } from "./size.ts";

/** A pool of pages that grows. */
export class PagedCache {
  /** Tokens that a page holds. */
  readonly pageTokens: number;
  readonly #tensors: CacheTensors;
  /** How many sequences have each page; 0 where it is free. */
  readonly #owners: number[] = [];
  /** Free pages, the next to be taken last. */
  readonly #free: number[] = [];

  /** An empty pool with room for `capacity` pages. */
  constructor(specs: readonly TensorSpec[], pageTokens: number, runtime: WasmMemory, capacity: number) {
    this.pageTokens = pageTokens;
    this.#tensors = new CacheTensors(specs, "P", runtime);
    this.reserve(capacity);
  }

  get layout(): readonly string[] {
    return this.#tensors.layout;
  }

  get runtime(): WasmMemory {
    return this.#tensors.runtime;
  }

  /** Pages that it has room for. */
  get capacity(): number {
    return this.#tensors.capacity;
  }

  /** Pages that some sequence has. */
  get pages(): number {
    return this.#owners.length - this.#free.length;
  }

  /** Addresses of its tensors: they change when it grows. */
  get addresses(): ReadonlyMap<string, number> {
    return this.#tensors.addresses;
  }

  /** Bytes that it takes. */
  get byteLength(): number {
    return this.#tensors.byteLength;
  }

  /** A new sequence, without tokens. */
  sequence(): Sequence {
    this.requireLive();
    return new Sequence(this);
  }

  /** Makes room for so many pages. Throws an `ApiError` for no number of pages, and when the memory is full: the pool is as it was then. */
  reserve(capacity: number): void {
    this.#tensors.reserve(capacity, "pages");
    const added = Array.from({ length: this.capacity - this.#owners.length }, (_, i) => this.#owners.length + i);
    this.#owners.push(...added.map(() => 0));
    this.#free.unshift(...added.reverse());
  }

  /** Sees to it that so many pages are free: to twice as many in all when it grows. */
  require(free: number): void {
    const missing = free - this.#free.length;
    if (missing > 0) this.reserve(Math.max(this.capacity + missing, 2 * this.capacity));
  }

  /** A free page, which has one owner now. There must be one (`require`). */
  take(): number {
    const page = this.#free.pop() as number;
    this.#owners[page] = 1;
    return page;
  }

  /** Another owner of a page. */
  share(page: number): void {
    (this.#owners[page] as number)++;
  }

  /** One owner less: without any the page is free. */
  release(page: number): void {
    (this.#owners[page] as number)--;
    if (this.#owners[page] === 0) this.#free.push(page);
  }

  isShared(page: number): boolean {
    return (this.#owners[page] as number) > 1;
  }

  /** A page of its own with what is in a shared one. */
  copy(page: number): number {
    const own = this.take();
    this.#tensors.copy(page, own);
    this.release(page);
    return own;
  }

  /** Throws an `ApiError` once disposed, or once the memory is. */
  requireLive(): void {
    this.#tensors.requireLive();
  }

  /** Frees the memory; its sequences are gone with it. */
  dispose(): void {
    this.#tensors.dispose();
  }
}

/** Tokens of one sequence in a paged cache. */
export class Sequence {
  readonly cache: PagedCache;
  readonly #pages: number[] = [];
  #tokens = 0;
  #disposed = false;

  constructor(cache: PagedCache) {
    this.cache = cache;
  }

  /** Tokens that it holds. */
  get tokens(): number {
    return this.#tokens;
  }

  /** Its pages, in the order of its tokens. */
  get pages(): readonly number[] {
    return this.#pages;
  }

  /** A sequence with the same tokens, in the same pages: what either writes is its own. */
  fork(): Sequence {
    this.requireLive();
    const twin = new Sequence(this.cache);
    for (const page of this.#pages.slice(0, this.#pagesFor(this.#tokens))) {
      this.cache.share(page);
      twin.#pages.push(page);
    }
    twin.#tokens = this.#tokens;
    return twin;
  }

  /** Forgets all tokens but the first `tokens`, and gives back the pages of none. Throws an `ApiError` when there are not so many. */
  truncate(tokens: number): void {
    this.requireLive();
    if (!Number.isInteger(tokens) || tokens < 0 || tokens > this.#tokens)
      throw new ApiError(`tokens = ${tokens}: the sequence holds ${this.#tokens}`);
    this.#tokens = tokens;
    this.#keep(this.#pagesFor(tokens));
  }

  /** Pages that must be free for `count` tokens to be written, from the `first` on: new ones, and one for a copy of each that others have too. */
  missing(count: number, first: number = this.#tokens): number {
    const added = Math.max(0, this.#pagesFor(first + count) - this.#pages.length);
    return added + this.#shared(count, first).length;
  }

  /** Takes those pages. */
  makeRoom(count: number, first: number = this.#tokens): void {
    for (const i of this.#shared(count, first)) this.#pages[i] = this.cache.copy(this.#pages[i] as number);
    while (this.#pages.length < this.#pagesFor(first + count)) this.#pages.push(this.cache.take());
  }

  /** Says that so many tokens have joined. */
  grow(count: number): void {
    this.#tokens += count;
  }

  /** Throws an `ApiError` once disposed, or once its cache is. */
  requireLive(): void {
    this.cache.requireLive();
    if (this.#disposed) throw new ApiError("the sequence is disposed; make another");
  }

  /** Gives its pages back. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#keep(0);
  }

  /** Which of its pages so many tokens would be written to, and others have too. */
  #shared(count: number, first: number): readonly number[] {
    const begin = Math.floor(first / this.cache.pageTokens);
    const end = count > 0 ? this.#pagesFor(first + count) : begin;
    return this.#pages.slice(begin, end).flatMap((page, i) => (this.cache.isShared(page) ? [begin + i] : []));
  }

  #pagesFor(tokens: number): number {
    return Math.ceil(tokens / this.cache.pageTokens);
  }

  #keep(count: number): void {
    for (const page of this.#pages.splice(count)) this.cache.release(page);
  }
}

/** The inputs of a kernel that a batch gives. */
export const pagedInputs: readonly string[] = ["lengths", "pageTable"];

/** The sequences of a run, in their order. */
export class SequenceBatch implements CachedTokens {
  readonly #cache: PagedCache;
  readonly #sequences: readonly Sequence[];

  constructor(cache: PagedCache, sequences: readonly Sequence[]) {
    this.#cache = cache;
    this.#sequences = sequences;
  }

  /** `B` sequences, `T` tokens of the longest, `P` pages of the pool. */
  get sizes(): Sizes {
    return { B: this.#sequences.length, T: Math.max(0, ...this.lengths), P: this.#cache.capacity };
  }

  get addresses(): ReadonlyMap<string, number> {
    return this.#cache.addresses;
  }

  get lengths(): readonly number[] {
    return this.#sequences.map(({ tokens }) => tokens);
  }

  makeRoom(count: number, first?: number): void {
    this.#cache.require(this.#sequences.reduce((sum, sequence) => sum + sequence.missing(count, first), 0));
    for (const sequence of this.#sequences) sequence.makeRoom(count, first);
  }

  /** The tokens that each holds, and the pages of so many: a row per sequence, 0 where it has no more. */
  inputs(tokens: number): Readonly<Record<string, TensorArray>> {
    const perRow = Math.ceil(tokens / this.#cache.pageTokens);
    const pageTable = new Int32Array(this.#sequences.length * perRow);
    this.#sequences.forEach(({ pages }, b) => {
      pageTable.set(pages.slice(0, perRow), b * perRow);
    });
    return { lengths: Int32Array.from(this.lengths), pageTable };
  }

  grow(count: number): void {
    for (const sequence of this.#sequences) sequence.grow(count);
  }
}
