// Value types of WebAssembly: their names, their codes in the binary format, and what stands for an address.

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

/** The type of a memory's addresses and sizes: i64 where it may pass 4 GiB (memory64). */
export type AddressType = "i32" | "i64";

/** A type in an instruction's signature: `addr` is the memory's address type. */
export type OperandType = ValueType | "addr";

/** The type of an operand in a module whose memory has such addresses. */
export const operandType = (type: OperandType, address: AddressType): ValueType => (type === "addr" ? address : type);
