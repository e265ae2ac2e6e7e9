// A WebAssembly module as plain data: what an emitter builds, `encodeModule` writes and `decodeModule` reads back.
// There is one way to say each thing (no defaults left out, references by name), so that decoding gives equal data.
// Not here: short constructors (build.ts), the binary format (encode.ts, decode.ts), typing rules (check.ts).

import type { ImmediateKind, NameWithImmediates } from "./instructions.ts";
import type { AddressType, ValueType } from "./types.ts";

/** Where a load or store goes, relative to the address on the stack. */
export interface Memarg {
  /** Bytes added to the address, 0 to 2^32 - 1 (whatever its type), without wrapping. */
  readonly offset: number;
  /** A promise about the address, in bytes: a power of two up to the natural alignment. Speed only, never meaning. */
  readonly align: number;
}

/** What an instruction carries besides its name, for each kind of immediates. */
export interface ImmediateData {
  readonly none: object;
  readonly memory: object;
  readonly "memory memory": object;
  readonly memarg: Memarg;
  readonly "memarg lane": Memarg & { readonly lane: number };
  readonly lane: { readonly lane: number };
  /** 16 lane numbers: 0 to 15 choose from the first operand, 16 to 31 from the second. */
  readonly shuffle: { readonly lanes: readonly number[] };
  /** -2^31 to 2^31 - 1. */
  readonly i32: { readonly value: number };
  /** -2^63 to 2^63 - 1. */
  readonly i64: { readonly value: bigint };
  /** Rounded to the nearest f32 when written; any NaN is written as the canonical one. */
  readonly f32: { readonly value: number };
  readonly f64: { readonly value: number };
  /** The 16 bytes of the vector, lane 0 and its lowest byte first. */
  readonly v128: { readonly bytes: readonly number[] };
  readonly local: { readonly local: string };
  readonly global: { readonly global: string };
  readonly function: { readonly function: string };
  /** The innermost enclosing block, loop or if of that label. */
  readonly label: { readonly label: string };
  readonly block: Labelled;
  /** The body runs where the condition is not zero, `else` otherwise. */
  readonly if: Labelled & { readonly else?: readonly Instr[] };
}

/** Block, loop or if. They take nothing from the stack: values enter and meet in locals. */
export interface Labelled {
  /** Needed only where something branches to it. */
  readonly label?: string;
  /** The type of the one value that is left on the stack, if any. */
  readonly result?: ValueType;
  readonly body: readonly Instr[];
}

type InstrWith<K extends ImmediateKind> = { readonly op: NameWithImmediates<K> } & ImmediateData[K];

/** An instruction whose immediates are of kind `K`. */
export type InstrOf<K extends ImmediateKind> = K extends ImmediateKind ? InstrWith<K> : never;

/** An instruction; blocks hold their bodies. */
export type Instr = InstrOf<ImmediateKind>;

/** The name of an instruction that is complete without further data, e.g. `i32x4.add`. */
export type PlainName = NameWithImmediates<"none" | "memory" | "memory memory">;

/** A parameter or local variable. Names are unique within a function. */
export interface Variable {
  readonly name: string;
  readonly type: ValueType;
}

/** A function of the module. Locals start as zero. Names are unique among functions, imported ones included. */
export interface WasmFunction {
  readonly name: string;
  readonly params: readonly Variable[];
  readonly results: readonly ValueType[];
  readonly locals: readonly Variable[];
  readonly body: readonly Instr[];
}

/** The memory that the module works in; a module has at most one. */
export interface MemoryImport {
  readonly kind: "memory";
  readonly module: string;
  readonly field: string;
  readonly name: string;
  readonly address: AddressType;
  /** In pages of 64 KiB, up to 65536; with addresses of 64 bits up to 2^32 - 1. */
  readonly min: number;
  /** In pages; a shared memory must have it. */
  readonly max?: number;
  readonly shared: boolean;
}

/** A function of the host. */
export interface FunctionImport {
  readonly kind: "function";
  readonly module: string;
  readonly field: string;
  readonly name: string;
  readonly params: readonly ValueType[];
  readonly results: readonly ValueType[];
}

/** A global variable with its first value. */
export interface Global {
  readonly name: string;
  readonly type: ValueType;
  readonly mutable: boolean;
  readonly init: ConstInstr;
}

/** An instruction that yields a constant. */
export type ConstInstr = InstrOf<"i32" | "i64" | "f32" | "f64" | "v128">;

/** Makes an item of the module visible to the host as `name`. */
export interface Export {
  readonly name: string;
  readonly kind: "function" | "global" | "memory";
  /** The name that the item has in the module. */
  readonly item: string;
}

/** Bytes copied into the memory at each instantiation (also into a shared memory that is in use). */
export interface Data {
  readonly name: string;
  /** Address, 0 to 2^32 - 1. */
  readonly offset: number;
  readonly bytes: Uint8Array;
}

/** A module. Function types are derived from the functions; the order of every list is the order in the binary. */
export interface WasmModule {
  readonly imports: readonly (MemoryImport | FunctionImport)[];
  readonly globals: readonly Global[];
  readonly functions: readonly WasmFunction[];
  readonly exports: readonly Export[];
  readonly data: readonly Data[];
}
