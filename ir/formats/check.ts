/** Checks of a stored tensor as it enters: lengths, scales and offsets finite, zero points in range. Its codes are always valid. */
import { WorkloadError } from "../errors.ts";
import { checkLengths, rowEntries } from "./containers.ts";
import { type Containers, type Field, type Format, spanOf } from "./format.ts";
import { fieldReader } from "./reference.ts";
import { largestEntry } from "./scan.ts";

const words: Readonly<Record<Field["name"], string>> = {
  v: "value",
  q: "code",
  s: "scale",
  z: "zero point",
  o: "offset",
};

/**
 * Throws a `WorkloadError` unless `containers` hold an n x k tensor of the format: it names the buffer whose length is wrong, or the row and
 * group whose scale or offset is NaN or infinite, or whose zero point is out of range. Plain floats (f32, f16, bf16) may be anything.
 */
export function checkContainers(format: Format, containers: Containers, n: number, k: number): void {
  checkLengths(format, containers, n, k);
  for (const field of format.fields) {
    if (field.name === "v" || field.name === "q" || isSound(format, field, containers)) continue;
    const read = fieldReader(format, field, containers, k);
    const entries = rowEntries(field, k);
    for (let row = 0; row < n; row++)
      for (let entry = 0; entry < entries; entry++) {
        const problem = problemOf(field, read(row, entry));
        if (problem === undefined) continue;
        const [span, group] = [spanOf(field.span, k), Math.floor(entry / field.terms)];
        const where = `row ${row}, group ${group} (k ${group * span}..${(group + 1) * span - 1})`;
        const plane = field.terms === 1 ? "" : ` of plane ${entry % field.terms}`;
        throw new WorkloadError(
          `${where}: the ${words[field.name]}${plane} ${problem}; the tensor is damaged, quantize it again`,
        );
      }
  }
}

/** Whether one pass over the numbers rules every problem out. */
function isSound(format: Format, field: Field, containers: Containers): boolean {
  const largest = largestEntry(format, field, containers);
  const [low, high] = field.range ?? [0, largestFloat];
  return low === 0 && largest <= high;
}

/** The largest finite f32. */
const largestFloat = (2 - 2 ** -23) * 2 ** 127;

function problemOf(field: Field, value: number): string | undefined {
  if (!Number.isFinite(value)) return `is ${Number.isNaN(value) ? "NaN" : "infinite"}`;
  if (field.range === undefined) return undefined;
  const [low, high] = field.range;
  return value < low || value > high ? `is ${value}, expected ${low}..${high}` : undefined;
}
