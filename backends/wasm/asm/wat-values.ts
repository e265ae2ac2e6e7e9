// Names, strings, floats and vectors as the WebAssembly text format spells them (core specification, sections 6.3 and 6.5).

const idCharacters = /^[0-9A-Za-z!#$%&'*+\-./:<=>?@\\^_`|~]+$/;

/** A name with its `$`; quoted where it has characters that a bare one must not have. */
export function identifier(name: string): string {
  return idCharacters.test(name) ? `$${name}` : `$${stringText(name)}`;
}

/** A string in quotes. */
export function stringText(value: string): string {
  return `"${value.replace(/["\\\p{Cc}]/gu, (character) => [...new TextEncoder().encode(character)].map(escapeByte).join(""))}"`;
}

/** Bytes as a string in quotes: printable ASCII as it is, the others as `\hh`. */
export function bytesText(bytes: Uint8Array): string {
  const parts: string[] = [];
  for (const byte of bytes) {
    const isPlain = byte >= 0x20 && byte < 0x7f && byte !== 0x22 && byte !== 0x5c;
    parts.push(isPlain ? String.fromCharCode(byte) : escapeByte(byte));
  }
  return `"${parts.join("")}"`;
}

const escapeByte = (byte: number): string => `\\${byte.toString(16).padStart(2, "0")}`;

/** A float in the fewest decimal digits that give it back. */
export function floatText(value: number, type: "f32" | "f64"): string {
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value < 0 ? "-inf" : "inf";
  if (Object.is(value, -0)) return "-0";
  if (type === "f64") return String(value);
  const rounded = Math.fround(value);
  for (let digits = 1; digits < 9; digits++) {
    const short = Number(rounded.toPrecision(digits));
    if (Math.fround(short) === rounded) return String(short);
  }
  return String(rounded);
}

/**
 * The immediate of `v128.const`. Bytes do not say what they are, so the shape is a guess for the reader's sake: equal
 * bytes or equal 16-bit lanes first, then floats of ordinary size, small 32-bit and 16-bit numbers, at last the bytes.
 */
export function vectorText(bytes: readonly number[]): string {
  const view = new DataView(Uint8Array.from(bytes).buffer);
  const i16 = Array.from({ length: 8 }, (_, lane) => view.getInt16(2 * lane, true));
  const i32 = Array.from({ length: 4 }, (_, lane) => view.getInt32(4 * lane, true));
  const f32 = Array.from({ length: 4 }, (_, lane) => view.getFloat32(4 * lane, true));
  const [text] = [
    isUniform(bytes) && `i8x16 ${bytes.join(" ")}`,
    isUniform(i16) && `i16x8 ${i16.join(" ")}`,
    f32.every(isOrdinary) && `f32x4 ${f32.map((value) => floatText(value, "f32")).join(" ")}`,
    (isUniform(i32) || i32.every(isSmall)) && `i32x4 ${i32.join(" ")}`,
    i16.every(isSmall) && `i16x8 ${i16.join(" ")}`,
    `i8x16 ${bytes.join(" ")}`,
  ].filter((candidate) => candidate !== false);
  return text!;
}

const isUniform = (lanes: readonly number[]): boolean => lanes.every((lane) => lane === lanes[0]);
const isSmall = (value: number): boolean => Math.abs(value) < 256;
const isOrdinary = (value: number): boolean =>
  Object.is(value, 0) || (Math.abs(value) > 2 ** -32 && Math.abs(value) < 2 ** 32);
