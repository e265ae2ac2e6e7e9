/** What encoders write to: the numbers of a format's sources in the bytes of its containers. */
import { WorkloadError } from "../errors.ts";
import { type Accessor, accessor } from "./bits.ts";
import { bufferName } from "./containers.ts";
import type { Containers, Field, Format, Source } from "./format.ts";

/** Access to the bytes of each source. */
export interface Writer {
  readonly of: (source: Source) => Accessor;
}

export function writer(format: Format, containers: Containers, k: number): Writer {
  const made = new Map<Source, Accessor>();
  for (const field of format.fields)
    for (const source of field.product) made.set(source, accessor(format, field, source, containers, k));
  return { of: (source) => made.get(source) as Accessor };
}

/** Writes an entry that there is one of, or of each plane, per group. Throws a `WorkloadError` where its source can't hold it. */
export function setFinite(
  format: Format,
  field: Field,
  out: Accessor,
  row: number,
  entry: number,
  value: number,
): void {
  out.set(row, entry, value);
  if (!Number.isFinite(out.get(row, entry)))
    throw new WorkloadError(
      `row ${row}, group ${Math.floor(entry / field.terms)}: ${format.name} can't hold ${value} in ${bufferName(field.name)}; scale the values down or use a format with f32 scales`,
    );
}
