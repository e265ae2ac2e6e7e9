/**
 * The encoder by the rule `nearest`: scale and offset as they are stored decide the codes, each in f32.
 *
 *     s = f16((max - min) / steps)
 *     the offset a minimum:              m = f16(min)                      q = rne((x - m) / s)         KIVI, QuaRot, FlatQuant
 *     the offset in units of the scale:  z = f16(-min / unrounded s)       q = rne(x / s + z)           QServe
 *
 * Codes stay in their range: by an offset of few bits a value may lie outside it. |z| stays within 2^11, beyond which halves don't tell codes apart: the scale of values that
 * are so close together, or equal, is larger, and is never 0.
 */
import { evalOp } from "../scalar-ops.ts";
import { type Codes, containerOf, type Field, type Format, fieldOf, type Source, spanOf } from "./format.ts";
import { setFinite, type Writer } from "./writer.ts";

const { abs, fround } = Math;

/** Encodes one row. Throws a `WorkloadError` where a scale or an offset can't be stored. */
export function encodeNearest(format: Format, codes: Codes, tensor: Writer, x: Float32Array, row: number): void {
  const [q, s, o] = (["q", "s", "o"] as const).map((name) => fieldOf(format, name)) as [Field, Field, Field];
  const [scales, offsets, out] = [s, o, q].map(({ product }) => tensor.of(product.at(-1) as Source)) as [
    ReturnType<Writer["of"]>,
    ReturnType<Writer["of"]>,
    ReturnType<Writer["of"]>,
  ];
  const inScales = o.product.length > 1;
  const span = spanOf(format.group ?? "row", x.length);
  for (let g = 0; g < x.length / span; g++) {
    const values = x.subarray(g * span, (g + 1) * span);
    const [low, high] = [Math.min(...values), Math.max(...values)];
    const scale = rangeScale(format, low, high);
    setFinite(format, s, scales, row, g, scale);
    setFinite(format, o, offsets, row, g, inScales ? fround(-low / scale) : low);
    const [stored, offset] = [scales.get(row, g), offsets.get(row, g)];
    const divisor = stored === 0 ? Number.POSITIVE_INFINITY : stored;
    values.forEach((value, i) => {
      const steps = inScales ? fround(fround(value / divisor) + offset) : fround(fround(value - offset) / divisor);
      const code = Math.min(codes.high, Math.max(codes.low, evalOp("nearest", "f32", steps)));
      out.set(row, g * span + i, code);
    });
  }
}

/** The scale by which a range of values is that of the codes. */
export function rangeScale(format: Format, low: number, high: number): number {
  const { low: first, high: last } = format.codes as Codes;
  return Math.max(fround(fround(high - low) / (last - first)), smallestScale(format, low));
}

/** Where the offset is stored in units of the scale (float zero points), the smallest scale for which that quotient is finite and precise. */
function smallestScale(format: Format, offset: number): number {
  const [scale] = fieldOf(format, "s")?.product ?? [];
  if (scale === undefined || !fieldOf(format, "o")?.product.includes(scale)) return 0;
  const half = containerOf(format, scale.container).scalar === "f16";
  return half ? Math.max(2 ** -24, abs(offset) / largestZero(format)) : abs(offset) * 2 ** -24;
}

/** The largest zero point in f16. */
export const largestZero = ({ rule }: Format): number => (rule === "nearest" ? 2 ** 11 : 2 ** 15);
