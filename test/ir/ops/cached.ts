/** Caches for tests: rows encoded in a format, as the tensors of its fields, with poison after the last token. */
import {
  cacheBlock,
  decodeReference,
  encode,
  type Format,
  fieldReader,
  formatOf,
  isFloat,
  rowEntries,
  type Tensor,
  tensor,
} from "../../../ir/index.ts";

/** What lies where no token is: whatever it may be, no result may depend on it. */
const poison = (format: Format, name: string): number =>
  isFloat(format.fields.find((field) => field.name === name)?.scalar ?? "f32") ? Number.NaN : 1;

/** A cache of `tokens` rows of heads: its fields by buffer name (`k.q`, ..), and what they decode to (tokens x heads x size). */
export function cacheOf(
  prefix: "k" | "v",
  name: string,
  values: Float32Array,
  [heads, size]: readonly [number, number],
): { readonly fields: Map<string, Tensor>; readonly decoded: Float32Array } {
  const format = formatOf(name);
  const rows = values.length / size;
  const tokens = rows / heads;
  const whole = Math.ceil(tokens / cacheBlock) * cacheBlock;
  const containers = encode(format, values, rows, size);
  const fields = format.fields.map((field): [string, Tensor] => {
    const read = fieldReader(format, field, containers, size);
    const entries = rowEntries(field.span, size);
    const list = Array.from({ length: whole * heads * entries }, (_, i) =>
      i < rows * entries ? read(Math.floor(i / entries), i % entries) : poison(format, field.name),
    );
    return [`${prefix}.${field.name}`, tensor(field.scalar, [whole, heads, entries], list)];
  });
  return { fields: new Map(fields), decoded: decodeReference(format, containers, rows, size) };
}
