// Vectors as lanes: the shapes that the tests' reference semantics read and write.

export type LaneType = "i8" | "u8" | "i16" | "u16" | "i32" | "u32" | "i64" | "u64" | "f32" | "f64";

const bitsOf = (type: LaneType): number => Number(type.slice(1));

/** The lanes as bigints (integers); lane 0 first. */
export function integers(vector: Uint8Array, type: LaneType): bigint[] {
  const bits = bitsOf(type);
  return Array.from({ length: 128 / bits }, (_, lane) => {
    let value = 0n;
    for (let byte = bits / 8 - 1; byte >= 0; byte--) value = (value << 8n) | BigInt(vector[(lane * bits) / 8 + byte]!);
    return type.startsWith("i") ? BigInt.asIntN(bits, value) : value;
  });
}

/** A vector from integers, which wrap to the lane's width; missing lanes are zero. */
export function fromIntegers(type: LaneType, values: readonly bigint[]): Uint8Array {
  const bits = bitsOf(type);
  const vector = new Uint8Array(16);
  for (const [lane, value] of values.entries()) {
    for (let byte = 0; byte < bits / 8; byte++) {
      vector[(lane * bits) / 8 + byte] = Number((value >> BigInt(8 * byte)) & 0xffn);
    }
  }
  return vector;
}

/** The lanes as floats. */
export function floats(vector: Uint8Array, type: "f32" | "f64"): number[] {
  const { buffer } = Uint8Array.from(vector);
  return [...(type === "f32" ? new Float32Array(buffer) : new Float64Array(buffer))];
}

/** A vector from floats, rounded to the lane's type; missing lanes are zero. */
export function fromFloats(type: "f32" | "f64", values: readonly number[]): Uint8Array {
  const lanes = type === "f32" ? new Float32Array(4) : new Float64Array(2);
  lanes.set(values);
  return new Uint8Array(lanes.buffer);
}
