// Tensors and their bytes: little-endian, codes below a byte dense.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  byteSize,
  bytesOfTensor,
  emptyTensor,
  type Scalar,
  scalarRange,
  scalars,
  tensor,
  tensorOfBytes,
} from "../../ir/index.ts";

describe("bytes of tensors", () => {
  test("of standard types are those of typed arrays", () => {
    const typed = {
      i8: Int8Array,
      u8: Uint8Array,
      i16: Int16Array,
      u16: Uint16Array,
      i32: Int32Array,
      u32: Uint32Array,
      f16: Float16Array,
      f32: Float32Array,
      f64: Float64Array,
    } as const;
    for (const scalar of Object.keys(typed) as (keyof typeof typed)[]) {
      const array = new typed[scalar]([1, 2, 100, scalar.startsWith("u") ? 3 : -3]);
      const of = tensor(scalar, [2, 2], array);
      expect(bytesOfTensor(of)).toEqual(new Uint8Array(array.buffer));
      expect([...tensorOfBytes(scalar, [2, 2], array).values]).toEqual([...array]);
    }
  });

  test("of codes are dense, least significant bits first", () => {
    expect([...bytesOfTensor(tensor("u4", [3], [1, 2, 15]))]).toEqual([0x21, 0x0f]);
    expect([...bytesOfTensor(tensor("u2", [5], [1, 2, 3, 0, 2]))]).toEqual([0b00111001, 2]);
    expect([...bytesOfTensor(tensor("u1", [9], [1, 0, 0, 0, 0, 0, 0, 1, 1]))]).toEqual([0x81, 1]);
    expect([...bytesOfTensor(tensor("bool", [3], [1, 0, 1]))]).toEqual([5]);
    expect([...bytesOfTensor(tensor("u3", [3], [1, 7, 2]))]).toEqual([1, 7, 2]);
    expect([...bytesOfTensor(tensor("bf16", [2], [1, -2.5]))]).toEqual([0x80, 0x3f, 0x20, 0xc0]);
  });

  test("read back equal, from any place in a buffer", () => {
    const names = Object.keys(scalars) as Scalar[];
    fc.assert(
      fc.property(
        fc.constantFrom(...names),
        fc.array(fc.nat(2 ** 16), { maxLength: 20 }),
        fc.nat(7),
        (scalar, numbers, offset) => {
          const [low, high] = scalarRange(scalar).map((end) => Math.max(-99, Math.min(99, end))) as [number, number];
          const values = numbers.map((v) => low + (v % (high - low + 1)));
          const bytes = bytesOfTensor(tensor(scalar, [values.length], values));
          expect(bytes.length).toBe(byteSize(scalar, values.length));
          const room = new Uint8Array(bytes.length + offset);
          room.set(bytes, offset);
          expect([...tensorOfBytes(scalar, [values.length], room.subarray(offset)).values]).toEqual(values);
        },
      ),
      { numRuns: 200 },
    );
  });

  test("of elements that were never written are 0", () => {
    expect([...bytesOfTensor(emptyTensor("f32", [2]))]).toEqual([0, 0, 0, 0, 0, 0, 0, 0]);
    expect(emptyTensor("u4", [3]).written).toEqual(new Uint8Array(3));
  });
});
