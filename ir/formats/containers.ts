/** The stored form of an N x K tensor as IR buffers and byte counts, and the checks that need no look at the numbers. */
import { buffer } from "../build.ts";
import { WorkloadError } from "../errors.ts";
import type { Buffer } from "../nodes.ts";
import { storageBits } from "../types.ts";
import { type Container, type Containers, type Field, type Format, rowElements, spanOf } from "./format.ts";

/** The name of a container's or field's buffer. */
export const bufferName = (part: string): string => `w.${part}`;

/** Throws a `WorkloadError` naming the nearest valid K unless rows of `k` values can be stored in the format. */
export function checkRow(format: Format, k: number): void {
  checkMultiple(k, format.block, `${format.name}'s block of ${format.block}`);
}

/** Throws a `WorkloadError` naming the nearest multiples unless `k`, or what `name` says, is a positive multiple of `of`, which `what` describes. */
export function checkMultiple(k: number, of: number, what: string, name = "k"): void {
  if (!Number.isInteger(k) || k < 1) throw new WorkloadError(`${name}: ${k} is not a positive integer`);
  if (k % of === 0) return;
  const below = Math.floor(k / of) * of;
  const near = below === 0 ? `nearest is ${of}` : `nearest are ${below} and ${below + of}`;
  throw new WorkloadError(`${name}: ${k} is not a multiple of ${what}; the ${near}`);
}

/** The stored tensor's buffers (role `weight`), in the order of the format's containers: `[n, elements of a row]`. */
export function containerBuffers(format: Format, n: number, k: number): readonly Buffer[] {
  checkRow(format, k);
  return format.containers.map((c) => buffer(bufferName(c.name), c.scalar, [n, rowElements(c, k)], { role: "weight" }));
}

/** Bytes of a row of one container. */
export const rowBytes = (c: Container, k: number): number => (rowElements(c, k) * storageBits(c.scalar)) / 8;

/** Bytes of each container of an n x k tensor, by buffer name. */
export function containerBytes(format: Format, n: number, k: number): Readonly<Record<string, number>> {
  checkRow(format, k);
  return Object.fromEntries(format.containers.map((c) => [bufferName(c.name), n * rowBytes(c, k)]));
}

/** Throws a `WorkloadError` unless exactly the format's containers are there, each with its length. */
export function checkLengths(format: Format, containers: Containers, n: number, k: number): void {
  const wanted = containerBytes(format, n, k);
  const names = Object.keys(wanted);
  for (const name of Object.keys(containers))
    if (!(name in wanted))
      throw new WorkloadError(`${name} is no part of ${format.name}, which is stored as ${names.join(", ")}`);
  for (const c of format.containers) {
    const name = bufferName(c.name);
    const bytes = containers[name];
    if (bytes === undefined)
      throw new WorkloadError(`${name} is missing: ${format.name} is stored as ${names.join(", ")}`);
    if (bytes.byteLength !== wanted[name])
      throw new WorkloadError(
        `${name} has ${bytes.byteLength} bytes, but ${format.name} of ${n} x ${k} takes ${wanted[name]} (${n} rows of ${rowBytes(c, k)})`,
      );
  }
}

/** Spans in a row: K over its span. */
export const rowSpans = (span: Format["group"], k: number): number => (span === undefined ? 0 : k / spanOf(span, k));

/** Entries of a field in a row. */
export const rowEntries = ({ span, terms }: Pick<Field, "span" | "terms">, k: number): number =>
  rowSpans(span, k) * terms;
