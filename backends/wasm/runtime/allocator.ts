/**
 * A free-list allocator over byte addresses: first fit, neighbours merged when freed. It knows nothing of a WebAssembly.Memory; its owner
 * grows the memory and then calls `extend`.
 */
import { WasmRuntimeError } from "./errors.ts";

interface Block {
  start: number;
  end: number;
}

/** Every block starts at a multiple of this and is a multiple of it long. */
export const alignment = 64;

const roundUp = (value: number): number => Math.ceil(value / alignment) * alignment;

export class Allocator {
  /** In order of address, never touching each other. */
  readonly #free: Block[] = [];
  readonly #sizes = new Map<number, number>();
  #end: number;

  /** Hands out addresses from `start` (so that 0 is never one) up to `end`. */
  constructor(start: number, end: number) {
    this.#end = Math.floor(end / alignment) * alignment;
    const first = roundUp(start);
    if (first < this.#end) this.#free.push({ start: first, end: this.#end });
  }

  /** Bytes handed out. */
  get used(): number {
    return [...this.#sizes.values()].reduce((sum, size) => sum + size, 0);
  }

  /** The address of `bytes` bytes, a multiple of 64; undefined where no free block is large enough. */
  allocate(bytes: number): number | undefined {
    const size = Math.max(alignment, roundUp(bytes));
    const at = this.#free.findIndex((block) => block.end - block.start >= size);
    const block = this.#free[at];
    if (block === undefined) return undefined;
    const address = block.start;
    block.start += size;
    if (block.start === block.end) this.#free.splice(at, 1);
    this.#sizes.set(address, size);
    return address;
  }

  /** How far the end has to move before `bytes` bytes fit behind what is handed out. */
  missing(bytes: number): number {
    const last = this.#free.at(-1);
    const tail = last?.end === this.#end ? last.end - last.start : 0;
    return Math.max(0, Math.max(alignment, roundUp(bytes)) - tail);
  }

  /** Moves the end. */
  extend(end: number): void {
    const to = Math.floor(end / alignment) * alignment;
    if (to <= this.#end) return;
    this.#release({ start: this.#end, end: to });
    this.#end = to;
  }

  /** Gives a block back. Throws a WasmRuntimeError where the address is none that was handed out. */
  free(address: number): void {
    const size = this.#sizes.get(address);
    if (size === undefined) throw new WasmRuntimeError(`free of address ${address}: nothing is allocated there`);
    this.#sizes.delete(address);
    this.#release({ start: address, end: address + size });
  }

  #release(block: Block): void {
    const after = this.#free.findIndex((other) => other.start > block.start);
    const at = after < 0 ? this.#free.length : after;
    const [before, next] = [this.#free[at - 1], this.#free[at]];
    const joinsBefore = before?.end === block.start;
    const joinsNext = next?.start === block.end;
    if (joinsBefore && joinsNext) {
      before.end = next.end;
      this.#free.splice(at, 1);
    } else if (joinsBefore) before.end = block.end;
    else if (joinsNext) next.start = block.start;
    else this.#free.splice(at, 0, block);
  }
}
