/**
 * How large the numbers of a stored tensor are, in one pass over its floats that is fast enough for every packing. It gives a bound, never a place: what it can't
 * rule out is looked for entry by entry (`check.ts`).
 */
import { castBits } from "../scalar-ops.ts";
import { bufferName } from "./containers.ts";
import { type Containers, containerOf, type Field, type Format, type Source } from "./format.ts";

/** A bound of the magnitude of a field's entries; infinite where one may be NaN or infinite, or where only a look at each can tell. */
export function largestEntry(format: Format, field: Field, containers: Containers): number {
  return field.product.reduce((bound, source) => bound * largestNumber(format, source, containers), 1);
}

function largestNumber(format: Format, source: Source, containers: Containers): number {
  const container = containerOf(format, source.container);
  const bytes = containers[bufferName(container.name)] as Uint8Array;
  if (source.kind === "element") return largestElement[container.scalar]?.(bytes) ?? Number.POSITIVE_INFINITY;
  if (source.kind === "trits") return 2;
  const [plane, ...others] = source.planes;
  if (source.as === "e8m0") return 2 ** (255 + source.bias);
  if (source.as === "ue4m3") return 2 ** (16 + source.bias);
  if (source.as !== "f16") return 2 ** Math.max(...source.planes.map((p) => p.to + p.width)) + Math.abs(source.bias);
  const perBlock = plane !== undefined && others.length === 0 && plane.digits.length === 0 && plane.at % 8 === 0;
  return perBlock ? largestHalf(bytes, plane.at / 8, container.elements) : Number.POSITIVE_INFINITY;
}

/** Bits of floats, their sign taken off, are in the order of their magnitudes; above those of infinity are the NaNs. */
const largestElement: Readonly<Record<string, (bytes: Uint8Array) => number>> = {
  u8: (bytes) => {
    let most = 0;
    for (let i = 0; i < bytes.length; i++) most = Math.max(most, bytes[i] as number);
    return most;
  },
  f16: (bytes) => largestHalf(bytes, 0, 2),
  f32: (bytes) => {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    let most = 0;
    for (let at = 0; at < bytes.length; at += 4) most = Math.max(most, view.getUint32(at, true) & 0x7fff_ffff);
    return finite(castBits(most, "u32", "f32"));
  },
};

/** Of the halves at byte `from`, `from + step`, .. */
function largestHalf(bytes: Uint8Array, from: number, step: number): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let most = 0;
  for (let at = from; at < bytes.length; at += step) most = Math.max(most, view.getUint16(at, true) & 0x7fff);
  return finite(castBits(most, "u16", "f16"));
}

const finite = (value: number): number => (Number.isFinite(value) ? value : Number.POSITIVE_INFINITY);
