/**
 * Packed tensors of one layout as candidates read them: each followed and preceded by poison, checked to be unchanged, in as many copies as runs take turns on.
 * Contestants of equal layout share them.
 */
import type { WasmMemory } from "../../../backends/index.ts";
import type { PackedTensors } from "../../compile/index.ts";
import { checksum } from "./checksum.ts";

/** Poison on either side: 0xff is NaN in every float type and no code of a narrow integer. More than the longest vector. */
const margin = 1024;
const poison = 0xff;

interface Region {
  readonly name: string;
  readonly start: number;
  readonly bytes: number;
  readonly sum: number;
}

export class PackedCopies {
  readonly #runtime: WasmMemory;
  readonly #copies: readonly (readonly Region[])[];

  /** Takes over what was packed: the tensors are copied to their places and disposed of. */
  constructor(packed: PackedTensors, sizes: ReadonlyMap<string, number>, copies: number) {
    this.#runtime = packed.runtime;
    this.#copies = Array.from({ length: copies }, () =>
      [...packed.addresses].map(([name, address]) => this.#place(name, address, sizes.get(name) as number)),
    );
    packed.dispose();
  }

  #place(name: string, from: number, bytes: number): Region {
    const start = this.#runtime.allocate(bytes + 2 * margin);
    const place = this.#runtime.bytes(start, bytes + 2 * margin);
    place.fill(poison, 0, margin);
    place.set(this.#runtime.bytes(from, bytes), margin);
    place.fill(poison, margin + bytes);
    return { name, start, bytes, sum: checksum(this.#runtime.bytes(from, bytes)) };
  }

  /** Bytes of all copies. */
  get bytes(): number {
    return this.#copies.flat().reduce((sum, region) => sum + region.bytes, 0);
  }

  /** The tensors' addresses, a map per copy. */
  addresses(): readonly ReadonlyMap<string, number>[] {
    return this.#copies.map((regions) => new Map(regions.map(({ name, start }) => [name, start + margin])));
  }

  /** Undefined while nothing was written to the tensors or around them. */
  violation(): string | undefined {
    for (const { name, start, bytes, sum } of this.#copies.flat()) {
      const around = [start, start + margin + bytes].map((at) => this.#runtime.bytes(at, margin));
      if (around.some((side) => side.some((byte) => byte !== poison)))
        return `a byte next to the packed tensor ${name} was overwritten`;
      if (checksum(this.#runtime.bytes(start + margin, bytes)) !== sum)
        return `the packed tensor ${name} was overwritten`;
    }
    return undefined;
  }

  free(): void {
    for (const { start } of this.#copies.flat()) this.#runtime.free(start);
  }
}
