/** The encoder of floats: each as its type has it, or as floats of 8 bits, their greatest magnitude scaled to the greatest of those. */
import { type Field, type Format, fieldOf, type Source } from "./format.ts";
import { smallFloatBits, smallFloats } from "./small-float.ts";
import { setFinite, type Writer } from "./writer.ts";

const { fround, abs } = Math;

/** Encodes one row. Throws a `WorkloadError` where its scale can't be stored. */
export function encodeFloats(format: Format, tensor: Writer, x: Float32Array, row: number): void {
  const { float, product } = fieldOf(format, "v") as Field;
  const out = tensor.of(product[0] as Source);
  const inverse = writeScale(format, tensor, x, row);
  x.forEach((value, k) => {
    const scaled = inverse === undefined ? value : fround(value * inverse);
    out.set(row, k, float === undefined ? scaled : smallFloatBits(float, scaled));
  });
}

/** What values are multiplied by; undefined without a scale. */
function writeScale(format: Format, tensor: Writer, x: Float32Array, row: number): number | undefined {
  const [scales, values] = [fieldOf(format, "s"), fieldOf(format, "v")];
  if (scales === undefined || values?.float === undefined) return undefined;
  const amax = x.reduce((most, value) => Math.max(most, abs(value)), 0);
  const scale = fround(amax / smallFloats[values.float].greatest);
  setFinite(format, scales, tensor.of(scales.product[0] as Source), row, 0, scale);
  return scale === 0 ? 0 : fround(1 / scale);
}
