/**
 * Matmul data for which every order of summation is exact in f32: integers times powers of two, so that two programs of one meaning agree to the
 * last bit. Weights are made as stored bytes, so that packing is part of what is compared.
 */
import {
  type Containers,
  containerBuffers,
  type Format,
  formatOf,
  givenActivations,
  type MatmulWorkload,
  operandsOf,
  type Tensor,
  tensor,
  tensorOfBytes,
} from "../../ir/index.ts";
import { randomOf } from "../ir/samples.ts";

type Random = () => number;

const pick = <T>(random: Random, ...items: readonly T[]): T => items[Math.floor(random() * items.length)] as T;

/** Powers of two near 1 as they are stored in each kind of float, and the bytes that they take. */
const powers: Readonly<Record<string, { readonly stored: readonly number[]; readonly bytes: 1 | 2 }>> = {
  f16: { stored: [0x3400, 0x3800, 0x3c00], bytes: 2 },
  e8m0: { stored: [126, 127, 128], bytes: 1 },
  ue4m3: { stored: [0x30, 0x38, 0x40], bytes: 1 },
};

/** Floats of 8 bits: zeros, 1 (or 1/2) and 2, of both signs. */
const smallFloats = [0, 0x38, 0x40, 0x80, 0xb8, 0xc0];

/** Stored bytes of random codes, whose scales are powers of two. */
function weightBytes(format: Format, n: number, k: number, random: Random): Containers {
  const buffers = containerBuffers(format, n, k);
  const zeros = format.fields.find((field) => field.name === "z");
  const entries = buffers.map(({ name, scalar, shape }) => {
    const [rows, width] = shape.map((e) => (e.kind === "const" ? e.value : 0)) as [number, number];
    const count = rows * width;
    if (format.fields.some(({ float }) => float !== undefined) && scalar === "u8")
      return [name, Uint8Array.from({ length: count }, () => pick(random, ...smallFloats))] as const;
    if (name === "w.codes" || (name === "w.raw" && scalar === "u8"))
      return [name, Uint8Array.from({ length: count }, () => random() * 256)] as const;
    if (name === "w.zeros" && scalar === "u8")
      return [name, Uint8Array.from({ length: count }, () => random() * ((zeros?.range?.[1] ?? 0) + 1))] as const;
    const values = Array.from({ length: count }, () =>
      name === "w.scales" ? pick(random, 0.5, 1, 2) : Math.floor(random() * 17) - 8,
    );
    return [name, bytesOf(scalar, values)] as const;
  });
  const bytes = Object.fromEntries(entries);
  for (const field of format.fields)
    for (const source of field.product) {
      const float = source.kind === "bits" ? powers[source.as] : undefined;
      if (source.kind !== "bits" || float === undefined) continue;
      const { block } = format;
      const container = bytes[`w.${source.container}`] as Uint8Array;
      const size = container.length / ((n * k) / block);
      const [plane] = source.planes;
      const [count] = plane?.digits[0] ?? [1];
      for (let start = (plane?.at ?? 0) / 8; start < container.length; start += size)
        for (let i = 0; i < count; i++) {
          const value = pick(random, ...float.stored);
          const view = new DataView(container.buffer);
          if (float.bytes === 2) view.setUint16(start + i, value, true);
          else view.setUint8(start + i, value);
        }
    }
  return bytes;
}

function bytesOf(scalar: string, values: readonly number[]): Uint8Array {
  if (scalar === "u8") return new Uint8Array(values.length);
  if (scalar === "f32") return new Uint8Array(Float32Array.from(values).buffer);
  if (scalar === "f16") return new Uint8Array(Float16Array.from(values).buffer);
  const upper = new Uint16Array(Float32Array.from(values).buffer);
  return new Uint8Array(upper.filter((_, i) => i % 2 === 1).buffer);
}

/** Activations of which each run of 32 values has one that is not 0, a power of two: whatever is summed in f16 is exact. */
function sparse(rows: number, k: number, random: Random): Float32Array {
  const x = new Float32Array(rows * k);
  for (let row = 0; row < rows; row++)
    for (let start = 0; start < k; start += 32) {
      const at = start + Math.floor(random() * Math.min(32, k - start));
      x[row * k + at] = pick(random, 1, 2, 4, -1, -2, -4);
    }
  return x;
}

/** Activations: in every group one value is ±`reach` and the others are small, all times a power of two, so that the scale is that power. Some groups are 0. */
function activations(rows: number, k: number, group: number, reach: number, random: Random): Float32Array {
  const x = new Float32Array(rows * k);
  for (let start = 0; start < x.length; start += group) {
    const scale = pick(random, 1, 2, 4);
    const small = Math.min(6, reach);
    for (let i = 0; i < group; i++) x[start + i] = scale * (Math.floor(random() * (2 * small + 1)) - small);
    if (random() < 0.1) x.fill(0, start, start + group);
    else x[start + Math.floor(random() * group)] = scale * pick(random, reach, -reach);
  }
  return x;
}

/** The inputs of a matmul of `rows` rows. */
export function exactInputs(workload: MatmulWorkload, rows: number, seed: number): Map<string, Tensor> {
  const { n, k, numerics } = workload;
  const random = randomOf(seed);
  const format = formatOf(workload.w);
  const bytes = weightBytes(format, n, k, random);
  const group = numerics.compute === "i8" && numerics.xGroup !== "row" ? numerics.xGroup : k;
  const reach = 2 ** (((numerics.compute === "i8" && numerics.xBits) || 8) - 1) - 1;
  const inputs = new Map<string, Tensor>();
  for (const { name, scalar, shape } of containerBuffers(format, n, k)) {
    const sizes = shape.map((e) => (e.kind === "const" ? e.value : 0));
    inputs.set(name, tensorOfBytes(scalar, sizes, bytes[name] as Uint8Array));
  }
  const x = numerics.compute === "f16" ? sparse(rows, k, random) : activations(rows, k, group, reach, random);
  const given = givenActivations(numerics, x, k);
  if ("q" in given) {
    inputs.set("x.q", tensor("i8", [rows, k], given.q));
    inputs.set("x.s", tensor("f32", [rows, k / group], given.s));
  } else inputs.set("x", tensor("f32", [rows, k], given));
  for (const { name, per } of operandsOf(workload)) {
    const shape = per === "column" ? [n] : [rows, n];
    const length = shape.reduce((a, b) => a * b);
    inputs.set(
      name,
      tensor(
        "f32",
        shape,
        Array.from({ length }, () => Math.floor(random() * 100) - 50),
      ),
    );
  }
  return inputs;
}

/** The same inputs with the first `rows` rows of `x`, or of its codes and scales. */
export function firstRows(inputs: ReadonlyMap<string, Tensor>, rows: number): Map<string, Tensor> {
  const ofX = [...inputs].filter(([name]) => name === "x" || name.startsWith("x."));
  const few = ofX.map(([name, { scalar, shape, values }]): readonly [string, Tensor] => {
    const columns = shape[1] as number;
    return [name, tensor(scalar, [rows, columns], values.slice(0, rows * columns))];
  });
  return new Map([...inputs, ...few]);
}
