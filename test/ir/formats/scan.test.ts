// The check's fast pass against a look at every entry: it must never pass what the slow one refuses.

import { describe, expect, test } from "vitest";
import { type Containers, checkContainers, encode, type Field, fieldReader, formatOf } from "../../../ir/index.ts";
import { normals, randomOf, typicalFormats } from "../samples.ts";

const n = 3;

/** Whether every entry of a field is a number that may be. */
function sound(name: string, field: Field, containers: Containers, k: number): boolean {
  const format = formatOf(name);
  const read = fieldReader(format, field, containers, k);
  const entries = (field.span === "row" ? 1 : k / field.span) * field.terms;
  const [low, high] = field.range ?? [-Infinity, Infinity];
  for (let row = 0; row < n; row++)
    for (let g = 0; g < entries; g++) {
      const value = read(row, g);
      if (!Number.isFinite(value) || value < low || value > high) return false;
    }
  return true;
}

describe.each(typicalFormats.filter((name) => formatOf(name).codes !== undefined))("%s", (name) => {
  test("random bytes are refused exactly where an entry can't be", () => {
    const format = formatOf(name);
    const k = format.block === 1 ? 32 : format.block;
    const random = randomOf(1);
    const verdicts = new Set<boolean>();
    for (let round = 0; round < 60; round++) {
      const containers = encode(format, normals(n * k, round), n, k);
      const names = Object.keys(containers);
      for (let changes = round % 4; changes > 0; changes--) {
        const bytes = containers[names[Math.floor(random() * names.length)] as string] as Uint8Array;
        // Bytes of all ones make NaN, infinite and largest numbers frequent.
        bytes[Math.floor(random() * bytes.length)] = random() < 0.7 ? 0xff : random() * 256;
        bytes[Math.floor(random() * bytes.length)] = random() < 0.7 ? 0x7f : random() * 256;
      }
      const good = format.fields.every((field) => field.name === "q" || sound(name, field, containers, k));
      const check = (): void => checkContainers(format, containers, n, k);
      if (good) check();
      else expect(check).toThrow("the tensor is damaged");
      verdicts.add(good);
    }
    expect(verdicts.has(true)).toBe(true);
  });
});

test("both verdicts occur", () => {
  const format = formatOf("q4_0");
  const containers = encode(format, normals(n * 32, 1), n, 32);
  checkContainers(format, containers, n, 32);
  new DataView((containers["w.raw"] as Uint8Array).buffer).setUint16(18, 0x7c00, true);
  expect(() => checkContainers(format, containers, n, 32)).toThrow("row 1, group 0 (k 0..31): the scale is infinite");
});
