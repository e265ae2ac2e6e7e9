/** Caches for tests: rows encoded in a format, as the tensors of its fields, with poison where there is no token. */
import {
  type CacheShape,
  cacheBlock,
  cacheFormatOf,
  decodeReference,
  encode,
  type Field,
  type Format,
  fieldReader,
  isFloat,
  rowEntries,
  scalars,
  type Tensor,
  tensor,
} from "../../../ir/index.ts";
import { randomOf } from "../samples.ts";

/** An index as digits, each with its extent. */
type Digits = readonly (readonly [digit: number, extent: number])[];

/** Where an entry stands after its block and head: the order of `ir/ops/cache.ts`, written down a second time. */
function digitsOf(name: "k" | "v", { span, scalar, float }: Field, size: number, place: number, entry: number): Digits {
  const div = (a: number, b: number): number => Math.floor(a / b);
  if (span !== 1)
    return [
      [entry, rowEntries({ span, terms: 1 }, size)],
      [place, 64],
    ];
  if (isFloat(scalar) || float)
    return name === "k"
      ? [
          [div(place, 4), 16],
          [entry, size],
          [place % 4, 4],
        ]
      : [
          [place, 64],
          [entry, Math.ceil(size / 4) * 4],
        ];
  const { bits } = scalars[scalar];
  const pieces = 8 % bits === 0 ? 8 / bits : 1;
  const [long, across] = name === "k" ? [entry, place] : [place, entry];
  const [longEnd, acrossEnd] = name === "k" ? [size, 64] : [64, size];
  const quads: Digits = [
    [across % 4, 4],
    [long % 4, 4],
    [div(long, 4) % pieces, pieces],
  ];
  const outer: readonly [number, number] = [div(long, 4 * pieces), Math.ceil(Math.ceil(longEnd / 4) / pieces)];
  const other: readonly [number, number] = [div(across, 4), Math.ceil(acrossEnd / 4)];
  return name === "k" ? [other, outer, ...quads] : [outer, other, ...quads];
}

/** A field's values in the order of a cache, `poison` elsewhere. */
export function orderedField(
  name: "k" | "v",
  field: Field,
  { kvHeads, headSize }: Pick<CacheShape, "kvHeads" | "headSize">,
  rows: number,
  read: (row: number, entry: number) => number,
  poison: number,
  isThere: (token: number) => boolean = () => true,
): { readonly values: Float64Array; readonly shape: readonly number[] } {
  const blocks = Math.ceil(rows / kvHeads / cacheBlock);
  const inner = digitsOf(name, field, headSize, 0, 0).map(([, extent]) => extent);
  const shape = [blocks, kvHeads, ...inner];
  const values = new Float64Array(shape.reduce((a, b) => a * b, 1)).fill(poison);
  const entries = rowEntries(field, headSize);
  for (let row = 0; row < rows; row++) {
    const [token, head] = [Math.floor(row / kvHeads), row % kvHeads];
    if (!isThere(token)) continue;
    for (let entry = 0; entry < entries; entry++) {
      let at = Math.floor(token / cacheBlock) * kvHeads + head;
      for (const [digit, extent] of digitsOf(name, field, headSize, token % cacheBlock, entry))
        at = at * extent + digit;
      values[at] = read(row, entry);
    }
  }
  return { values, shape };
}

/** A cache of rows (token, head): its fields by buffer name (`k.q`, ..), and what they decode to (tokens x heads x size). Tokens of a pool that are not there are poison. */
export function cacheOf(
  prefix: "k" | "v",
  name: string,
  values: Float32Array,
  [kvHeads, headSize]: readonly [number, number],
  isThere?: (token: number) => boolean,
): { readonly fields: Map<string, Tensor>; readonly decoded: Float32Array } {
  const { format, tokens: group } = cacheFormatOf(name);
  if (group > 1) return alongTokens(prefix, format, group, values, [kvHeads, headSize]);
  const rows = values.length / headSize;
  const containers = encode(format, values, rows, headSize);
  const fields = format.fields.map((field): [string, Tensor] => {
    const read = fieldReader(format, field, containers, headSize);
    const ordered = orderedField(prefix, field, { kvHeads, headSize }, rows, read, poisonOf(field), isThere);
    return [`${prefix}.${field.name}`, tensor(field.scalar, ordered.shape, ordered.values)];
  });
  return { fields: new Map(fields), decoded: decodeReference(format, containers, rows, headSize) };
}

/** Where the tokens of sequences lie in a pool: pages at random places of it, one of them nobody's; what a row of the table has beyond a sequence's pages is any page. */
export interface Pages {
  /** Tokens of the longest sequence. */
  readonly tokens: number;
  /** Pages of the pool. */
  readonly count: number;
  readonly table: readonly number[];
  /** A row per token of the pool: the sequence and its token, or undefined. */
  readonly tokenAt: readonly (readonly [b: number, t: number] | undefined)[];
}

export function pagesOf(lengths: readonly number[], size: number, seed: number): Pages {
  const random = randomOf(seed);
  const tokens = Math.max(0, ...lengths);
  const perRow = Math.ceil(tokens / size);
  const used = lengths.map((length) => Math.ceil(length / size));
  const count = used.reduce((a, b) => a + b, 1);
  const free = Array.from({ length: count }, (_, i) => i);
  const take = (): number => free.splice(Math.floor(random() * free.length), 1)[0] as number;
  const table = used.flatMap((own) =>
    Array.from({ length: perRow }, (_, i) => (i < own ? take() : Math.floor(random() * count))),
  );
  const tokenAt: (readonly [number, number] | undefined)[] = Array.from({ length: count * size });
  lengths.forEach((length, b) => {
    for (let t = 0; t < length; t++)
      tokenAt[(table[b * perRow + Math.floor(t / size)] as number) * size + (t % size)] = [b, t];
  });
  return { tokens, count, table, tokenAt };
}

/** Rows of a pool: those of each sequence (tokens x row) in its pages, elsewhere zeros. */
export function pooled({ tokenAt }: Pages, rows: readonly Float32Array[], row: number): Float32Array {
  const pool = new Float32Array(tokenAt.length * row);
  tokenAt.forEach((token, at) => {
    if (token === undefined) return;
    const [b, t] = token;
    pool.set((rows[b] as Float32Array).subarray(t * row, (t + 1) * row), at * row);
  });
  return pool;
}

/** Whatever lies where no token is, no result may depend on it. */
const poisonOf = ({ scalar, float }: Field): number => (isFloat(scalar) ? Number.NaN : float ? 0xff : 1);

/** The same where a row is one value of a head at all tokens. */
function alongTokens(
  prefix: "k" | "v",
  format: Format,
  group: number,
  values: Float32Array,
  [kvHeads, headSize]: readonly [number, number],
): ReturnType<typeof cacheOf> {
  const width = kvHeads * headSize;
  const tokens = values.length / width;
  // A group that is not whole is filled up with zeros, which nobody sees.
  const whole = Math.max(1, Math.ceil(tokens / group)) * group;
  const turned = Float32Array.from(
    { length: width * whole },
    (_, i) => values[(i % whole) * width + Math.floor(i / whole)] ?? 0,
  );
  const containers = encode(format, turned, width, whole);
  const back = decodeReference(format, containers, width, whole);
  const blocks = Math.ceil(tokens / cacheBlock);
  const fields = format.fields.map((field): [string, Tensor] => {
    const read = fieldReader(format, field, containers, whole);
    const at = (row: number, d: number): number =>
      read((row % kvHeads) * headSize + d, Math.floor(Math.floor(row / kvHeads) / (field.span === 1 ? 1 : group)));
    if (field.span === 1) {
      const ordered = orderedField(prefix, field, { kvHeads, headSize }, tokens * kvHeads, at, poisonOf(field));
      return [`${prefix}.${field.name}`, tensor(field.scalar, ordered.shape, ordered.values)];
    }
    const shape = [blocks, kvHeads, cacheBlock / group, headSize];
    const entries = new Float64Array(shape.reduce((a, b) => a * b)).fill(Number.NaN);
    for (let t = 0; t < tokens; t += group)
      for (let h = 0; h < kvHeads; h++)
        for (let d = 0; d < headSize; d++) {
          const place = (Math.floor(t / cacheBlock) * kvHeads + h) * (cacheBlock / group) + (t % cacheBlock) / group;
          entries[place * headSize + d] = at(t * kvHeads + h, d);
        }
    return [`${prefix}.${field.name}`, tensor(field.scalar, shape, entries)];
  });
  return {
    fields: new Map(fields),
    decoded: values.map((_, i) => back[(i % width) * whole + Math.floor(i / width)] as number),
  };
}
