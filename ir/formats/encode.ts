/**
 * The reference encoder: f32 values to a format's stored bytes, in plain TypeScript, one algorithm over all formats. For formats of one scale
 * level it is ggml's own `quantize_row_*_ref`, equal to the last bit; for two levels (K-quants) it is the plain choice (largest scale sets the
 * outer level, codes from the scales as stored) without ggml's search for a smaller error.
 */
import { WorkloadError } from "../errors.ts";
import { evalOp } from "../scalar-ops.ts";
import { containerBytes, rowEntries } from "./containers.ts";
import { encodeFloats } from "./encode-floats.ts";
import { encodeNearest, rangeScale } from "./encode-nearest.ts";
import { encodePlanes } from "./encode-planes.ts";
import {
  type Codes,
  type Containers,
  containerOf,
  type Field,
  type FieldName,
  type Format,
  fieldOf,
  type Source,
  spanOf,
} from "./format.ts";
import { setFinite, type Writer, writer } from "./writer.ts";

const { fround, abs, floor, sign } = Math;

/** Scale, offset and zero point of a group, as codes are computed from them. */
interface GroupChoice {
  readonly scale: number;
  readonly offset: number;
  readonly zero: number;
}

/**
 * Encodes an n x k row-major tensor. Throws a `WorkloadError` when k does not fit the format, the count of values is wrong, or a value is NaN,
 * infinite or too large for the format's scales.
 */
export function encode(format: Format, values: Float32Array, n: number, k: number): Containers {
  const bytes = containerBytes(format, n, k);
  if (values.length !== n * k)
    throw new WorkloadError(`${values.length} values are not ${n} x ${k}; expected ${n * k}, row-major`);
  const containers = Object.fromEntries(Object.entries(bytes).map(([name, size]) => [name, new Uint8Array(size)]));
  const tensor = writer(format, containers, k);
  if (fieldOf(format, "s") !== undefined)
    for (let i = 0; i < values.length; i++)
      if (!Number.isFinite(values[i]))
        throw new WorkloadError(`row ${floor(i / k)}, k ${i % k}: ${values[i]} has no code`);
  const { codes } = format;
  for (let row = 0; row < n; row++) {
    const x = values.subarray(row * k, (row + 1) * k);
    if (codes === undefined) encodeFloats(format, tensor, x, row);
    else if (format.rule === "planes") encodePlanes(format, tensor, x, row);
    else if (format.rule === "nearest") encodeNearest(format, codes, tensor, x, row);
    else encodeRow(format, codes, tensor, x, row);
  }
  return containers;
}

// ------------------------------------------------------------------------------------------------------------ writing

function encodeRow(format: Format, codes: Codes, tensor: Writer, x: Float32Array, row: number): void {
  const k = x.length;
  const group = spanOf(format.group ?? "row", k);
  const choices: GroupChoice[] = [];
  for (let g = 0; g < k / group; g++) choices.push(choose(format, codes, x.subarray(g * group, (g + 1) * group)));

  const written = new Set<Source>();
  const levels = (name: FieldName, ideal: readonly number[]): readonly number[] => {
    const field = fieldOf(format, name);
    return field === undefined ? ideal : writeLevels(format, field, tensor, row, ideal, written, k);
  };
  const scales = levels(
    "s",
    choices.map((c) => c.scale),
  );
  const offsets = levels(
    "o",
    choices.map((c) => c.offset),
  );
  const zeros = levels(
    "z",
    choices.map((c) => c.zero),
  );

  const [source] = fieldOf(format, "q")?.product ?? [];
  if (source === undefined) throw new Error(`${format.name} has no codes`);
  const out = tensor.of(source);
  x.forEach((value, i) => {
    const g = floor(i / group);
    const [scale = 0, offset = 0, zero = 0] = [scales[g], offsets[g], zeros[g]];
    if (codes.table !== undefined) {
      out.set(row, i, nearestCode(codes.table, scale === 0 ? zero : (value - offset) / scale + zero));
      return;
    }
    const steps = fround(fround(value - offset) * (scale === 0 ? 0 : fround(1 / scale)));
    out.set(row, i, Math.min(codes.high, Math.max(codes.low, roundedBy(format.rule, steps, zero))));
  });
}

function roundedBy(rule: Format["rule"], steps: number, zero: number): number {
  if (rule === "absmax") return sign(steps) * floor(abs(steps) + 0.5) + zero;
  if (rule === "power") return evalOp("nearest", "f32", steps) + zero;
  return floor(fround(steps + fround(zero + 0.5)));
}

/** The code of the nearest integer of a table; of two as near the upper one where they are in order, else the first. */
function nearestCode(table: readonly number[], wanted: number): number {
  const ordered = table.every((value, i) => i === 0 || value > (table[i - 1] as number));
  let best = 0;
  table.forEach((value, code) => {
    const [distance, least] = [abs(value - wanted), abs((table[best] as number) - wanted)];
    if (distance < least || (ordered && distance === least)) best = code;
  });
  return best;
}

/** The group's ideal scale, offset and zero point by the format's rule, in f32 arithmetic. */
function choose(format: Format, codes: Codes, x: Float32Array): GroupChoice {
  let [low, high, extreme] = [x[0] ?? 0, x[0] ?? 0, 0];
  for (const value of x) {
    if (value < low) low = value;
    if (value > high) high = value;
    if (abs(value) > abs(extreme)) extreme = value;
  }
  const { zero } = codes;
  const steps = codes.high - codes.low;
  switch (format.rule) {
    case "cast":
    case "planes":
    case "nearest":
      throw new Error(`${format.name}: a group alone has no scale by the rule ${format.rule}`);
    case "extreme":
      return { scale: fround(extreme / (codes.low - zero)), offset: 0, zero };
    case "absmax": {
      // The symmetric range inside the codes: -127..127 of -128..127; -1..1 of -1..2.
      const reach = Math.min(codes.high - zero, zero - codes.low);
      return { scale: fround(abs(extreme) / reach), offset: 0, zero };
    }
    case "mean":
      return { scale: fround(x.reduce((sum, value) => fround(sum + abs(value)), 0) / x.length), offset: 0, zero };
    case "power": {
      const top = floor(Math.log2(codes.high - zero));
      return { scale: extreme === 0 ? 0 : 2 ** (floor(Math.log2(abs(extreme))) - top), offset: 0, zero };
    }
    case "range": {
      return { scale: rangeScale(format, low, high), offset: low, zero };
    }
    case "range0": {
      const from = Math.min(low, 0);
      const scale = fround(fround(Math.max(high, 0) - from) / steps);
      if (fieldOf(format, "o")) return { scale, offset: from, zero };
      return { scale, offset: 0, zero: scale === 0 ? 0 : Math.min(steps, Math.round(fround(-from / scale))) };
    }
  }
}

/**
 * Writes a field whose entries should be `ideal` into those of its sources that are not written yet: one takes the whole; of two, the first is a
 * float per block and the second its integer multiples. Gives the entries that codes are computed from: with one level the ideal ones (as
 * ggml does) unless it is a float of 8 bits, with two the stored ones.
 */
function writeLevels(
  format: Format,
  field: Field,
  tensor: Writer,
  row: number,
  ideal: readonly number[],
  written: Set<Source>,
  k: number,
): readonly number[] {
  const signed = ideal.map((value) => (field.negate ? -value : value));
  const known = field.product.filter((source) => written.has(source));
  const open = field.product.filter((source) => !written.has(source));
  for (const source of open) written.add(source);
  const [outer, inner] = open;
  if (outer === undefined) throw new Error(`${format.name}: nothing of ${field.name} is left to write`);
  if (inner === undefined) {
    signed.forEach((value, g) => {
      const factor = known.reduce((product, source) => product * tensor.of(source).get(row, g), 1);
      setFinite(format, field, tensor.of(outer), row, g, factor === 0 ? 0 : value / factor);
    });
    const isCoarse = outer.kind === "bits" && outer.as !== "f16";
    return isCoarse ? signed.map((_, g) => tensor.of(outer).get(row, g)) : ideal;
  }
  const perBlock = spanOf(containerOf(format, outer.container).per, k) / spanOf(field.span, k);
  const [low, high] = levelRange(inner);
  const stored: number[] = [];
  for (let first = 0; first < rowEntries(field, k); first += perBlock) {
    const block = signed.slice(first, first + perBlock);
    const extreme = block.reduce((most, value) => (abs(value) > abs(most) ? value : most), 0);
    setFinite(format, field, tensor.of(outer), row, first, extreme / (low < 0 ? low : high));
    const unit = tensor.of(outer).get(row, first);
    block.forEach((value, i) => {
      const level = unit === 0 ? 0 : Math.min(high, Math.max(low, Math.round(value / unit)));
      tensor.of(inner).set(row, first + i, level);
      stored.push((field.negate ? -1 : 1) * fround(unit * level));
    });
  }
  return stored;
}

/** Smallest and largest number that an integer source can hold. */
function levelRange(source: Source): readonly [number, number] {
  if (source.kind !== "bits") return [0, 0];
  const bits = Math.max(...source.planes.map((p) => p.to + p.width));
  const low = (source.as === "sint" ? -(2 ** (bits - 1)) : 0) + source.bias;
  return [low, low + 2 ** bits - 1];
}
