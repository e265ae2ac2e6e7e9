// JSON as a person reads it in a generated file: what fits on a line stands on one. Valid as TypeScript too.

const lineLength = 110;

/** The text of plain JSON; `sorted` puts keys in order, else they stand as given. Properties that are undefined are left out. */
export function jsonText(value: unknown, sorted: boolean = false, indent: string = ""): string {
  const flat = flatText(value, sorted);
  if (indent.length + flat.length <= lineLength) return flat;
  const inner = `${indent}  `;
  const nested = (item: unknown): string => jsonText(item, sorted, inner);
  if (Array.isArray(value)) return `[\n${value.map((item) => `${inner}${nested(item)}`).join(",\n")}\n${indent}]`;
  if (value === null || typeof value !== "object") return flat;
  const lines = entriesOf(value, sorted).map(([key, item]) => `${inner}${JSON.stringify(key)}: ${nested(item)}`);
  return `{\n${lines.join(",\n")}\n${indent}}`;
}

function flatText(value: unknown, sorted: boolean): string {
  if (Array.isArray(value)) return `[${value.map((item) => flatText(item, sorted)).join(", ")}]`;
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  const entries = entriesOf(value, sorted).map(([key, item]) => `${JSON.stringify(key)}: ${flatText(item, sorted)}`);
  return entries.length === 0 ? "{}" : `{ ${entries.join(", ")} }`;
}

function entriesOf(value: object, sorted: boolean): readonly (readonly [string, unknown])[] {
  const entries = Object.entries(value).filter(([, item]) => item !== undefined);
  return sorted ? entries.sort(([a], [b]) => (a < b ? -1 : 1)) : entries;
}
