/**
 * Numbers in stored bytes, read and written in plain TypeScript straight from the format's records, without the IR: what the oracle, the
 * encoder and the checks stand on. Nothing here is fast enough for packing; that is compiled (`unpack.ts`).
 */
import { castBits, wrap } from "../scalar-ops.ts";
import { readers, writers } from "../tensor.ts";
import { type Scalar, storageBits } from "../types.ts";
import { bufferName, rowBytes } from "./containers.ts";
import {
  type BitsSource,
  type Containers,
  containerOf,
  type Field,
  type Format,
  type Source,
  spanOf,
  type TritsSource,
} from "./format.ts";

/** Access to one number per (row, entry). */
export interface Accessor {
  readonly get: (row: number, entry: number) => number;
  readonly set: (row: number, entry: number, value: number) => void;
}

/** Access to the numbers of one of a field's sources in the given bytes. */
export function accessor(format: Format, field: Field, source: Source, containers: Containers, k: number): Accessor {
  const container = containerOf(format, source.container);
  const bytes = containers[bufferName(container.name)];
  if (bytes === undefined) throw new Error(`no bytes of ${container.name}`);
  const row = rowBytes(container, k);
  if (source.kind === "element") return elements(bytes, container.scalar, row);
  const blockValues = spanOf(container.per, k);
  const entries = Math.max(1, blockValues / spanOf(field.span, k)) * field.terms;
  if (source.kind === "trits") return trits(source, bytes, row, entries, container.elements);
  return bitFields(source, bytes, row, entries, container.elements);
}

function elements(bytes: Uint8Array, scalar: Scalar, row: number): Accessor {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const [read, write] = [readers[scalar], writers[scalar]];
  const width = storageBits(scalar) / 8;
  return {
    get: (r, entry) => read(view, r * row + entry * width),
    set: (r, entry, value) => write(view, r * row + entry * width, wrap(value, scalar)),
  };
}

/** Bit positions, from the block's start, of each entry of a plane. */
function positions(digits: BitsSource["planes"][number]["digits"], at: number, entries: number): Int32Array {
  const found = new Int32Array(entries);
  for (let e = 0; e < entries; e++) {
    let rest = e;
    let position = at;
    for (let i = digits.length - 1; i >= 0; i--) {
      const [size, stride] = digits[i] as readonly [number, number];
      position += (rest % size) * stride;
      rest = Math.floor(rest / size);
    }
    found[e] = position;
  }
  return found;
}

function bitFields(source: BitsSource, bytes: Uint8Array, row: number, entries: number, blockBytes: number): Accessor {
  const planes = source.planes.map((p) => ({ ...p, from: positions(p.digits, p.at, entries), mask: 2 ** p.width - 1 }));
  const total = Math.max(...source.planes.map((p) => p.to + p.width));
  const start = (r: number, entry: number): number => 8 * (r * row + Math.floor(entry / entries) * blockBytes);
  const [first, ...others] = planes;
  if (first === undefined) throw new Error("a number of no bits");
  const float = source.as === "uint" || source.as === "sint" ? undefined : floats[source.as];
  const negative = source.as === "sint" ? 2 ** (total - 1) : 2 ** total;
  return {
    get: (r, entry) => {
      const block = start(r, entry);
      const e = entry % entries;
      let value = readBits(bytes, block + (first.from[e] as number), first.mask) << first.to;
      for (let i = 0; i < others.length; i++) {
        const plane = others[i] as (typeof planes)[number];
        value |= readBits(bytes, block + (plane.from[e] as number), plane.mask) << plane.to;
      }
      if (float) return float.get(value, source.bias);
      return (value >= negative ? value - 2 * negative : value) + source.bias;
    },
    set: (r, entry, value) => {
      const block = start(r, entry);
      const word = float ? float.set(value, source.bias) : value - source.bias;
      for (const p of planes) writeBits(bytes, block + (p.from[entry % entries] ?? 0), p.width, word >> p.to);
    },
  };
}

/** Floats of few bits (see `NumberKind`): the value of bits, and the bits of the nearest value (of the largest one above it). */
const floats: Readonly<
  Record<"f16" | "e8m0" | "ue4m3", Readonly<Record<"get" | "set", (from: number, bias: number) => number>>>
> = {
  f16: {
    get: (bits) => castBits(bits, "u16", "f16"),
    set: (value) => castBits(Math.f16round(value), "f16", "u16"),
  },
  e8m0: {
    get: (bits, bias) => 2 ** (bits + bias),
    set: (value, bias) => Math.min(254, Math.max(0, Math.round(Math.log2(value)) - bias)),
  },
  ue4m3: {
    get: (bits, bias) => ue4m3(bits) * 2 ** bias,
    set: (value, bias) => {
      const wanted = value / 2 ** bias;
      let above = 0;
      while (above < 0x7e && ue4m3(above) < wanted) above++;
      const below = Math.max(0, above - 1);
      const [up, down] = [ue4m3(above) - wanted, wanted - ue4m3(below)];
      return down < up || (down === up && below % 2 === 0) ? below : above;
    },
  },
};

/** With an exponent without a bias. */
function ue4m3(bits: number): number {
  const [exponent, fraction] = [(bits >> 3) & 15, bits & 7];
  if (bits === 0x7f) return 0;
  return exponent === 0 ? fraction / 4 : (1 + fraction / 8) * 2 ** exponent;
}

/** Base-3 digits; writing one makes its byte anew from all five. */
function trits({ runs }: TritsSource, bytes: Uint8Array, row: number, entries: number, blockBytes: number): Accessor {
  const places = runs.flatMap(({ at, bytes: count, trits: digits }) =>
    Array.from({ length: count * digits }, (_, i) => ({ byte: at + (i % count), digit: Math.floor(i / count) })),
  );
  const find = (r: number, entry: number): { byte: number; digit: number } => {
    const { byte, digit } = places[entry % entries] as { byte: number; digit: number };
    return { byte: r * row + Math.floor(entry / entries) * blockBytes + byte, digit };
  };
  const digitOf = (byte: number, digit: number): number => (((byte * 3 ** digit) & 255) * 3) >> 8;
  return {
    get: (r, entry) => {
      const { byte, digit } = find(r, entry);
      return digitOf(bytes[byte] as number, digit);
    },
    set: (r, entry, value) => {
      const { byte, digit } = find(r, entry);
      const digits = [0, 1, 2, 3, 4].map((i) => (i === digit ? value : digitOf(bytes[byte] as number, i)));
      bytes[byte] = Math.ceil((digits.reduce((sum, d) => 3 * sum + d) * 256) / 243);
    },
  };
}

/** At most 16 bits (those of `mask`) from bit `at` on of a little-endian bit string. */
function readBits(bytes: Uint8Array, at: number, mask: number): number {
  const byte = Math.floor(at / 8);
  const window = (bytes[byte] ?? 0) | ((bytes[byte + 1] ?? 0) << 8) | ((bytes[byte + 2] ?? 0) << 16);
  return (window >>> (at & 7)) & mask;
}

function writeBits(bytes: Uint8Array, at: number, width: number, value: number): void {
  for (let i = 0; i < width; i++) {
    const byte = Math.floor((at + i) / 8);
    const bit = 1 << ((at + i) & 7);
    bytes[byte] = ((bytes[byte] ?? 0) & ~bit) | ((value >> i) & 1 ? bit : 0);
  }
}
