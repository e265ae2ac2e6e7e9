/** The list of formats and the look-up by name. Adding a format is an entry in one of these lists, or a new list. */
import { WorkloadError } from "../errors.ts";
import { bcqNames, parseBcq } from "./bcq.ts";
import { cacheFormats } from "./cache.ts";
import { floatFormats } from "./float.ts";
import type { Format } from "./format.ts";
import { ggufFormats } from "./gguf.ts";
import { integerNames, parseInteger } from "./integer.ts";

/** A list of formats: its names, and the format of a name. */
interface Family {
  readonly names: readonly string[];
  readonly find: (name: string) => Format | undefined;
}

const listed = (formats: readonly Format[]): Family => ({
  names: formats.map((format) => format.name),
  find: (name) => formats.find((format) => format.name === name),
});

const families: readonly Family[] = [
  listed(floatFormats),
  listed(ggufFormats),
  listed(cacheFormats),
  { names: integerNames, find: parseInteger },
  { names: bcqNames, find: parseBcq },
];

const found = new Map<string, Format>();

/** The format of this name (one object per name). Throws a `WorkloadError` that lists the names nearest to an unknown one. */
export function formatOf(name: string): Format {
  let format = found.get(name);
  if (format === undefined) {
    for (const family of families) format ??= family.find(name);
    if (format === undefined)
      throw new WorkloadError(`unknown format ${JSON.stringify(name)}; near it are ${nearest(name).join(", ")}`);
    found.set(name, format);
  }
  return format;
}

/** The names of all formats. */
export function formatNames(): readonly string[] {
  return families.flatMap((family) => family.names);
}

function nearest(name: string): readonly string[] {
  const typed = name.slice(0, 40).toLowerCase();
  const distances = formatNames().map((known) => [distance(typed, known.toLowerCase()), known] as const);
  distances.sort(([a], [b]) => a - b); // stable: equal distances stay in the list's order
  return distances.slice(0, 4).map(([, known]) => known);
}

/** Edits (insert, delete, replace a character) from one text to the other. */
function distance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, i) => i);
  for (let i = 1; i <= from.length; i++) {
    const next = [i];
    for (let j = 1; j <= to.length; j++)
      next.push(
        Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, (row[j - 1] ?? 0) + (from[i - 1] === to[j - 1] ? 0 : 1)),
      );
    row = next;
  }
  return row[to.length] ?? 0;
}
