// Metadata values: their types in TypeScript, and the table of their ids and encodings in the file.
// Reading and writing whole values is in header.ts and write.ts.

/** Numbers that a JavaScript number holds exactly. */
export type GgufNumberType = "u8" | "i8" | "u16" | "i16" | "u32" | "i32" | "f32" | "f64";

/** Integers that may need a bigint. */
export type GgufBigType = "u64" | "i64";

export type GgufValueType = GgufNumberType | GgufBigType | "bool" | "string" | "array";

/** An array of metadata. What is read holds typed arrays for numbers (`BigUint64Array`, `BigInt64Array` for u64, i64). */
export type GgufArray =
  | { readonly type: "array"; readonly items: GgufNumberType; readonly value: ArrayLike<number> }
  | { readonly type: "array"; readonly items: GgufBigType; readonly value: ArrayLike<number | bigint> }
  | { readonly type: "array"; readonly items: "bool"; readonly value: readonly boolean[] }
  | { readonly type: "array"; readonly items: "string"; readonly value: readonly string[] }
  | { readonly type: "array"; readonly items: "array"; readonly value: readonly GgufArray[] };

/** A metadata value with the type it has in the file. A u64 or i64 is a number where that is exact, else a bigint. */
export type GgufValue =
  | { readonly type: GgufNumberType; readonly value: number }
  | { readonly type: GgufBigType; readonly value: number | bigint }
  | { readonly type: "bool"; readonly value: boolean }
  | { readonly type: "string"; readonly value: string }
  | GgufArray;

type NumberRow = {
  readonly bytes: number;
  /** The integers that fit, both ends included; undefined for floats, where every number does (rounded). */
  readonly range: readonly [min: number, max: number] | undefined;
  readonly get: (view: DataView, at: number) => number;
  readonly set: (view: DataView, at: number, value: number) => void;
  readonly array: (length: number) => { [index: number]: number; readonly length: number };
};

// Explicitly little-endian, so that the host's byte order doesn't matter.
export const NUMBERS: Readonly<Record<GgufNumberType, NumberRow>> = {
  u8: {
    bytes: 1,
    range: [0, 0xff],
    get: (view, at) => view.getUint8(at),
    set: (view, at, value) => view.setUint8(at, value),
    array: (length) => new Uint8Array(length),
  },
  i8: {
    bytes: 1,
    range: [-0x80, 0x7f],
    get: (view, at) => view.getInt8(at),
    set: (view, at, value) => view.setInt8(at, value),
    array: (length) => new Int8Array(length),
  },
  u16: {
    bytes: 2,
    range: [0, 0xffff],
    get: (view, at) => view.getUint16(at, true),
    set: (view, at, value) => view.setUint16(at, value, true),
    array: (length) => new Uint16Array(length),
  },
  i16: {
    bytes: 2,
    range: [-0x8000, 0x7fff],
    get: (view, at) => view.getInt16(at, true),
    set: (view, at, value) => view.setInt16(at, value, true),
    array: (length) => new Int16Array(length),
  },
  u32: {
    bytes: 4,
    range: [0, 0xffffffff],
    get: (view, at) => view.getUint32(at, true),
    set: (view, at, value) => view.setUint32(at, value, true),
    array: (length) => new Uint32Array(length),
  },
  i32: {
    bytes: 4,
    range: [-0x80000000, 0x7fffffff],
    get: (view, at) => view.getInt32(at, true),
    set: (view, at, value) => view.setInt32(at, value, true),
    array: (length) => new Int32Array(length),
  },
  f32: {
    bytes: 4,
    range: undefined,
    get: (view, at) => view.getFloat32(at, true),
    set: (view, at, value) => view.setFloat32(at, value, true),
    array: (length) => new Float32Array(length),
  },
  f64: {
    bytes: 8,
    range: undefined,
    get: (view, at) => view.getFloat64(at, true),
    set: (view, at, value) => view.setFloat64(at, value, true),
    array: (length) => new Float64Array(length),
  },
};

type BigRow = {
  readonly range: readonly [min: bigint, max: bigint];
  readonly get: (view: DataView, at: number) => bigint;
  readonly set: (view: DataView, at: number, value: bigint) => void;
  readonly array: (length: number) => { [index: number]: bigint; readonly length: number };
};

export const BIGS: Readonly<Record<GgufBigType, BigRow>> = {
  u64: {
    range: [0n, (1n << 64n) - 1n],
    get: (view, at) => view.getBigUint64(at, true),
    set: (view, at, value) => view.setBigUint64(at, value, true),
    array: (length) => new BigUint64Array(length),
  },
  i64: {
    range: [-(1n << 63n), (1n << 63n) - 1n],
    get: (view, at) => view.getBigInt64(at, true),
    set: (view, at, value) => view.setBigInt64(at, value, true),
    array: (length) => new BigInt64Array(length),
  },
};

/** Ids in the file, and the least number of bytes that a value takes there (a string: its length; an array: item type and count). */
export const VALUE_TYPES: Readonly<Record<GgufValueType, { readonly id: number; readonly leastBytes: number }>> = {
  u8: { id: 0, leastBytes: 1 },
  i8: { id: 1, leastBytes: 1 },
  u16: { id: 2, leastBytes: 2 },
  i16: { id: 3, leastBytes: 2 },
  u32: { id: 4, leastBytes: 4 },
  i32: { id: 5, leastBytes: 4 },
  f32: { id: 6, leastBytes: 4 },
  bool: { id: 7, leastBytes: 1 },
  string: { id: 8, leastBytes: 8 },
  array: { id: 9, leastBytes: 12 },
  u64: { id: 10, leastBytes: 8 },
  i64: { id: 11, leastBytes: 8 },
  f64: { id: 12, leastBytes: 8 },
};

const TYPE_BY_ID: ReadonlyMap<number, GgufValueType> = new Map(
  (Object.keys(VALUE_TYPES) as GgufValueType[]).map((type) => [VALUE_TYPES[type].id, type]),
);

/** The value type with this id in a file, or undefined where the format has none. */
export function valueTypeOf(id: number): GgufValueType | undefined {
  return TYPE_BY_ID.get(id);
}

/** A number where it is exact, else the bigint itself. */
export function narrow(value: bigint): number | bigint {
  return value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value;
}
