// Value types of WebAssembly: their names, their codes in the binary format, and the type of an address.

/** The value types used here (no reference types: kernels hold numbers only). */
export type ValueType = "i32" | "i64" | "f32" | "f64" | "v128";

/** The byte of each value type in the binary format (core specification, section 5.3.1). */
export const valueTypeCodes: Readonly<Record<ValueType, number>> = {
  i32: 0x7f,
  i64: 0x7e,
  f32: 0x7d,
  f64: 0x7c,
  v128: 0x7b,
};

/**
 * The type of a memory address, which instruction signatures write as `addr`. With memory64 this becomes a property of
 * the memory import: the signatures are then resolved per module instead of once, and offsets may pass 2^32.
 */
export const addressType: ValueType = "i32";
