// JSON as a person reads it in a generated file: what fits on a line stands on one.

export interface JsonStyle {
  /** Keys in order, else as given. */
  readonly sorted?: boolean;
  /** Keys without quotes where TypeScript needs none; the text is then no JSON. */
  readonly bareKeys?: boolean;
  /** What the lines after the first begin with. */
  readonly indent?: string;
}

const lineLength = 110;

/** The text of plain JSON. Properties that are undefined are left out. */
export function jsonText(value: unknown, style: JsonStyle = {}): string {
  const { indent = "" } = style;
  const flat = flatText(value, style);
  if (indent.length + flat.length <= lineLength) return flat;
  const inner = `${indent}  `;
  const nested = (item: unknown): string => jsonText(item, { ...style, indent: inner });
  if (Array.isArray(value)) return `[\n${value.map((item) => `${inner}${nested(item)}`).join(",\n")}\n${indent}]`;
  if (value === null || typeof value !== "object") return flat;
  const lines = entriesOf(value, style).map(([key, item]) => `${inner}${key}: ${nested(item)}`);
  return `{\n${lines.join(",\n")}\n${indent}}`;
}

function flatText(value: unknown, style: JsonStyle): string {
  if (Array.isArray(value)) return `[${value.map((item) => flatText(item, style)).join(", ")}]`;
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  const entries = entriesOf(value, style).map(([key, item]) => `${key}: ${flatText(item, style)}`);
  return entries.length === 0 ? "{}" : `{ ${entries.join(", ")} }`;
}

/** Keys as text, and values. */
function entriesOf(
  value: object,
  { sorted = false, bareKeys = false }: JsonStyle,
): readonly (readonly [string, unknown])[] {
  const entries = Object.entries(value).filter(([, item]) => item !== undefined);
  if (sorted) entries.sort(([a], [b]) => (a < b ? -1 : 1));
  return entries.map(([key, item]) => [bareKeys && /^[a-z_]\w*$/i.test(key) ? key : JSON.stringify(key), item]);
}
