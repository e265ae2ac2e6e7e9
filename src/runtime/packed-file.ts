/**
 * Packed tensors as a file: the 8 bytes `qlpack01`, a u32 header length, the header (JSON: layout, tensors with name and byte length), padding to 64 bytes, then
 * the tensors' bytes in order, each padded to 64. Little-endian. The same for every backend: one layout is one file.
 */
import { ApiError } from "./errors.ts";
import type { TensorSpec } from "./info.ts";
import { evaluate } from "./size.ts";

const magic = new TextEncoder().encode("qlpack01");
const align = (bytes: number): number => Math.ceil(bytes / 64) * 64;

/** Bytes of tensors by name. */
export type TensorSizes = ReadonlyMap<string, number>;

/** The bytes that packed tensors take. */
export const packedSizes = (specs: readonly TensorSpec[]): TensorSizes =>
  new Map(specs.map((s) => [s.name, evaluate(s.bytes, {})]));

/** Bytes of all tensors. */
export const totalBytes = (sizes: TensorSizes): number => [...sizes.values()].reduce((sum, bytes) => sum + bytes, 0);

const headerOf = (layout: string, sizes: TensorSizes): string =>
  JSON.stringify({ layout, tensors: [...sizes].map(([name, bytes]) => ({ name, bytes })) });

/** Bytes of the tensors in a file. */
const bodyBytes = (sizes: TensorSizes): number => [...sizes.values()].reduce((sum, bytes) => sum + align(bytes), 0);

/** A file with its header, and where the bytes of each tensor go. */
export function packedFile(
  layout: string,
  sizes: TensorSizes,
): { readonly file: Uint8Array<ArrayBuffer>; readonly places: ReadonlyMap<string, Uint8Array<ArrayBuffer>> } {
  const header = new TextEncoder().encode(headerOf(layout, sizes));
  const start = align(12 + header.length);
  const file = new Uint8Array(start + bodyBytes(sizes));
  file.set(magic);
  new DataView(file.buffer).setUint32(8, header.length, true);
  file.set(header, 12);
  return { file, places: placesIn(file, start, sizes) };
}

/**
 * The tensors in a file. Throws an `ApiError` for another file, another layout, a header or sizes that are damaged; the bytes of the tensors themselves
 * carry no checksum.
 */
export function tensorsInFile(file: Uint8Array, layout: string, sizes: TensorSizes): ReadonlyMap<string, Uint8Array> {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const known = file.byteLength >= 12 && magic.every((byte, i) => file[i] === byte);
  if (!known) throw new ApiError("packed tensors: the bytes do not begin with qlpack01; pass what toBytes() gave");
  const headerEnd = 12 + view.getUint32(8, true);
  if (headerEnd > file.byteLength) throw new ApiError("packed tensors: the file ends inside its header; pack again");
  const header = new TextDecoder().decode(file.subarray(12, headerEnd));
  const found = layoutIn(header);
  if (found !== layout)
    throw new ApiError(
      `packed tensors: layout ${found.slice(0, 12)} is not the kernel's ${layout.slice(0, 12)}; pack again with this kernel`,
    );
  const start = align(headerEnd);
  const end = start + bodyBytes(sizes);
  const fault =
    header !== headerOf(layout, sizes)
      ? "the header does not list the tensors of its layout"
      : file.byteLength !== end
        ? `${file.byteLength} bytes are not the ${end} of this layout`
        : undefined;
  if (fault !== undefined) throw new ApiError(`packed tensors: ${fault}; the file is damaged, pack again`);
  return placesIn(file, start, sizes);
}

function placesIn<B extends Uint8Array>(file: B, start: number, sizes: TensorSizes): ReadonlyMap<string, B> {
  let at = start;
  const places = new Map<string, B>();
  for (const [name, bytes] of sizes) {
    places.set(name, file.subarray(at, at + bytes) as B);
    at += align(bytes);
  }
  return places;
}

/** The layout that a file's header names. */
function layoutIn(header: string): string {
  let value: unknown;
  try {
    value = JSON.parse(header);
  } catch {}
  if (typeof value === "object" && value !== null && "layout" in value && typeof value.layout === "string")
    return value.layout;
  throw new ApiError("packed tensors: the header is not readable; the file is damaged, pack again");
}
