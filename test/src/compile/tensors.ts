/**
 * Stored weights and activations that go to the ends of what a format can hold: rows of highest and lowest codes, scales of both signs, zeros, subnormal halves;
 * rows of x whose codes are all 127 or -127. In `exact` data every sum of products is a multiple of 1/2 below 2^23, so that each order of summation in f32
 * gives the same number and equal means ===.
 */
import { type Containers, containerBytes, formatOf } from "../../../ir/index.ts";
import { randomOf } from "../../ir/samples.ts";

export interface Data {
  readonly seed: number;
  readonly exact: boolean;
}

/** Bytes of an n x k tensor of the format, by buffer name. */
export function storedWeights(name: string, n: number, k: number, { seed, exact }: Data): Containers {
  const format = formatOf(name);
  const random = randomOf(seed);
  const below = (limit: number): number => Math.floor(random() * limit);
  const sizes = containerBytes(format, n, k);
  const containers = Object.fromEntries(Object.entries(sizes).map(([key, size]) => [key, new Uint8Array(size)]));
  const bits = format.codes?.bits ?? 0;
  const isFloats = format.fields.some(({ float }) => float !== undefined);
  const scale = (): number => {
    if (exact) return below(2) === 0 ? -0.5 : 1;
    const kind = below(16);
    return kind === 0 ? 0 : kind === 1 ? 2 ** -20 : (random() - 0.4) / 8;
  };
  const numbers: Readonly<Record<string, () => number>> = {
    scales: scale,
    // Integer zero points may lie one past the codes; float ones anywhere near them.
    zeros: () =>
      name.includes("_zf") ? (exact ? below(2 ** bits) : random() * 2 ** bits) : below(Math.min(255, 2 ** bits) + 1),
    minima: () => (exact ? below(7) - 3 : random() - 0.5),
    offsets: () => (exact ? below(7) - 3 : random() - 0.5),
    raw: () => (exact ? below(7) - 3 : random() * 4 - 2),
  };
  /** Scales inside blocks; those of 8 bits are 1/2 or 1 where data are exact, else of any size near that. */
  const floats: Readonly<Record<string, (view: DataView, at: number) => void>> = {
    f16: (view, at) => view.setFloat16(at, scale(), true),
    e8m0: (view, at) => view.setUint8(at, exact ? 127 + below(2) : 115 + below(16)),
    ue4m3: (view, at) => view.setUint8(at, exact ? 0x38 + 8 * below(2) : below(128)),
  };
  for (const { name: part, scalar, per, elements } of format.containers) {
    const bytes = containers[`w.${part}`] as Uint8Array;
    const view = new DataView(bytes.buffer);
    const make = numbers[part] ?? (() => 0);
    const rowBytes = bytes.length / n;
    if (scalar === "u8" && part !== "zeros") {
      // Codes: the first row all ones, the second all zeros, the others anything.
      for (let i = 0; i < bytes.length; i++) {
        const row = Math.floor(i / rowBytes);
        bytes[i] = row === 0 ? 0xff : row === 1 ? 0 : below(256);
        // Floats of 8 bits that are numbers; 0, 1 (or 1/2) and 2 where data are exact.
        if (isFloats) bytes[i] = ((row % 2) << 7) | (exact ? ([0, 0x38, 0x40][below(3)] as number) : below(0x7c));
      }
      const block = per === "row" ? rowBytes : elements;
      for (const source of format.fields.flatMap((f) => f.product)) {
        const write = source.kind === "bits" ? floats[source.as] : undefined;
        if (source.kind !== "bits" || source.container !== part || write === undefined) continue;
        const [plane] = source.planes;
        const [count] = plane?.digits[0] ?? [1];
        for (let at = (plane?.at ?? 0) / 8; at < bytes.length; at += block)
          for (let i = 0; i < count; i++) write(view, at + i);
      }
      continue;
    }
    const width = { u8: 1, f16: 2, bf16: 2, f32: 4 }[scalar as "u8"];
    for (let at = 0; at < bytes.length; at += width) {
      const value = make();
      if (scalar === "u8") view.setUint8(at, value);
      else if (scalar === "f16") view.setFloat16(at, value, true);
      else if (scalar === "f32") view.setFloat32(at, value, true);
      else {
        const wide = new DataView(new ArrayBuffer(4));
        wide.setFloat32(0, value);
        view.setUint16(at, wide.getUint16(0), true);
      }
    }
  }
  return containers;
}

/** `m` rows of x. With `group` (values per activation scale) exact data has a code of `reach` in every group, so that scales are 1. */
export function activations(
  m: number,
  k: number,
  group: number | undefined,
  { seed, exact }: Data,
  reach = 127,
): Float32Array<ArrayBuffer> {
  const random = randomOf(seed + 1);
  const x = new Float32Array(m * k);
  const small = Math.min(3, reach);
  const kinds: readonly ((i: number) => number)[] = exact
    ? [() => Math.floor(random() * (2 * small + 1)) - small]
    : [
        () => random() + random() + random() - 1.5,
        () => 1,
        (i) => (i % 2 === 0 ? -3 : 3),
        () => 0,
        (i) => (i === k >> 1 ? 40 : random() - 0.5),
        () => -(2 ** -70),
      ];
  for (let row = 0; row < m; row++) {
    const value = kinds[(seed + row) % kinds.length] as (i: number) => number;
    for (let i = 0; i < k; i++) x[row * k + i] = value(i);
    if (exact && group !== undefined)
      for (let g = 0; g < k; g += group)
        x[row * k + g + Math.floor(random() * group)] = random() < 0.5 ? reach : -reach;
  }
  return x;
}
