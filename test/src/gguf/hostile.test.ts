// What a user sees of files that are damaged, cut short or made to harm: one line each, and never more memory than the file has.

import { describe, expect, test } from "vitest";
import { concat, entry, gguf, info, openFailure, text, u32, u64 } from "./bytes.ts";

const u8Array = (length: bigint | number, ...items: readonly number[]): Uint8Array =>
  concat(u32(0), u64(length), items);

describe("the fixed header", () => {
  test("no file of any kind of GGUF", async () => {
    expect(await openFailure(new Uint8Array(0))).toMatchInlineSnapshot(
      `"t.gguf: byte 0: the file ends inside the fixed header: 4 bytes are needed here, 0 are left; download or copy the file again"`,
    );
    expect(await openFailure(concat("version https://git-lfs.github.com/spec/v1"))).toMatchInlineSnapshot(
      `"t.gguf: byte 0: the file starts with the bytes 76 65 72 73, not with 47 47 55 46 ("GGUF"); pass a GGUF file (a Git LFS pointer or a web page may have been saved in its place)"`,
    );
    expect(await openFailure(gguf({ magic: "GGML" }))).toMatchInlineSnapshot(
      `"t.gguf: byte 0: the file starts with the bytes 47 47 4d 4c, not with 47 47 55 46 ("GGUF"); pass a GGUF file (a Git LFS pointer or a web page may have been saved in its place)"`,
    );
  });

  test("versions", async () => {
    expect(await openFailure(gguf({ version: 1 }))).toMatchInlineSnapshot(
      `"t.gguf: byte 4: GGUF version 1 is not one of those that are read (2, 3); convert the model again with a current llama.cpp"`,
    );
    expect(await openFailure(gguf({ version: 4 }))).toMatchInlineSnapshot(
      `"t.gguf: byte 4: GGUF version 4 is not one of those that are read (2, 3); convert the model again with a current llama.cpp"`,
    );
    expect(await openFailure(gguf({ version: 0 }))).toMatchInlineSnapshot(
      `"t.gguf: byte 4: GGUF version 0 is not one of those that are read (2, 3); convert the model again with a current llama.cpp"`,
    );
    expect(await openFailure(gguf({ version: 0x03000000 }))).toMatchInlineSnapshot(
      `"t.gguf: byte 4: the file is big-endian; convert the model for little-endian machines"`,
    );
    expect(await openFailure(gguf({ version: 2 }))).toBe("nothing was thrown");
  });

  test("huge counts", async () => {
    expect(await openFailure(gguf({ tensorCount: 2n ** 60n }))).toMatchInlineSnapshot(
      `"t.gguf: byte 8: the tensor count is 1152921504606846976, more than the 80 bytes that follow can hold; the file is damaged or cut short: download or copy it again"`,
    );
    expect(await openFailure(gguf({ tensorCount: 2n ** 64n - 1n }))).toMatchInlineSnapshot(
      `"t.gguf: byte 8: the tensor count is 18446744073709551615, more than the 80 bytes that follow can hold; the file is damaged or cut short: download or copy it again"`,
    );
    expect(await openFailure(gguf({ metadataCount: 2n ** 60n }))).toMatchInlineSnapshot(
      `"t.gguf: byte 16: the metadata count is 1152921504606846976, more than the 72 bytes that follow can hold; the file is damaged or cut short: download or copy it again"`,
    );
    expect(await openFailure(gguf({ metadataCount: 2 }))).toMatchInlineSnapshot(
      `"t.gguf: byte 38: the key of metadata entry 2 of 2 is empty; the file is damaged or no GGUF file: download or convert it again"`,
    );
  });
});

describe("metadata", () => {
  const fails = (...entries: Uint8Array[]): Promise<string> => openFailure(gguf({ entries }));

  test("huge lengths", async () => {
    const key = concat(u64(2n ** 63n), "key");
    expect(await fails(concat(key, u32(0), [1], new Uint8Array(8)))).toMatchInlineSnapshot(
      `"t.gguf: byte 24: the length of the key of metadata entry 1 of 1 is 9223372036854775808, more than the 96 bytes that follow can hold; the file is damaged or cut short: download or copy it again"`,
    );
    expect(await fails(entry("s", 8, u64(2n ** 63n)))).toMatchInlineSnapshot(
      `"t.gguf: byte 37: the length of a string of metadata key "s" is 9223372036854775808, more than the 83 bytes that follow can hold; the file is damaged or cut short: download or copy it again"`,
    );
    expect(await fails(entry("a", 9, u8Array(2n ** 50n, 1, 2, 3)))).toMatchInlineSnapshot(
      `"t.gguf: byte 41: the array length of metadata key "a" is 1125899906842624, more than the 79 bytes that follow can hold; the file is damaged or cut short: download or copy it again"`,
    );
    expect(await fails(entry("a", 9, u32(8), u64(2n ** 50n)))).toMatchInlineSnapshot(
      `"t.gguf: byte 41: the array length of metadata key "a" is 1125899906842624, more than the 79 bytes that follow can hold; the file is damaged or cut short: download or copy it again"`,
    );
  });

  test("nested arrays", async () => {
    const nested = (depth: number): Uint8Array =>
      depth === 1 ? u8Array(1, 7) : concat(u32(9), u64(1), nested(depth - 1));
    expect(await fails(entry("deep", 9, nested(8)))).toBe("nothing was thrown");
    expect(await fails(entry("deep", 9, nested(9)))).toMatchInlineSnapshot(
      `"t.gguf: byte 136: metadata key "deep" nests arrays more than 8 deep; the file is damaged or no GGUF file: download or convert it again"`,
    );
    expect(await fails(entry("deep", 9, nested(2000)))).toMatchInlineSnapshot(
      `"t.gguf: byte 136: metadata key "deep" nests arrays more than 8 deep; the file is damaged or no GGUF file: download or convert it again"`,
    );
    expect(await fails(entry("wide", 9, u32(9), u64(2n ** 59n)))).toMatchInlineSnapshot(
      `"t.gguf: byte 44: the array length of metadata key "wide" is 576460752303423488, more than the 76 bytes that follow can hold; the file is damaged or cut short: download or copy it again"`,
    );
    // 7.5 MiB of empty arrays, each of which would be an object
    const bomb = Buffer.alloc(12 * 600_000, u8Array(0));
    expect(await fails(entry("bomb", 9, u32(9), u64(600_000), bomb))).toMatchInlineSnapshot(
      `"t.gguf: byte 6291472: the header holds more values than the 4194304 units that are read of one (metadata entry 1 of 1); check where the file comes from; no known model needs so many"`,
    );
  });

  test("unknown value types, bools that are none", async () => {
    expect(await fails(entry("k", 13, [0]))).toMatchInlineSnapshot(
      `"t.gguf: byte 33: metadata key "k" has the unknown value type 13; the file is damaged or no GGUF file: download or convert it again"`,
    );
    expect(await fails(entry("k", 9, u32(99), u64(0)))).toMatchInlineSnapshot(
      `"t.gguf: byte 37: metadata key "k" has the unknown value type 99; the file is damaged or no GGUF file: download or convert it again"`,
    );
    expect(await fails(entry("k", 7, [2]))).toMatchInlineSnapshot(
      `"t.gguf: byte 37: metadata key "k" is 2 where a bool is 0 or 1; the file is damaged or no GGUF file: download or convert it again"`,
    );
    expect(await fails(entry("k", 9, u32(7), u64(3), [0, 1, 255]))).toMatchInlineSnapshot(
      `"t.gguf: byte 51: metadata key "k" is 255 where a bool is 0 or 1; the file is damaged or no GGUF file: download or convert it again"`,
    );
  });

  test("keys", async () => {
    const one = entry("same", 0, [1]);
    expect(await fails(one, one)).toMatchInlineSnapshot(
      `"t.gguf: byte 41: metadata key "same" is there twice; the file is damaged or no GGUF file: download or convert it again"`,
    );
    expect(await fails(entry("", 0, [1]))).toMatchInlineSnapshot(
      `"t.gguf: byte 24: the key of metadata entry 1 of 1 is empty; the file is damaged or no GGUF file: download or convert it again"`,
    );
    expect(await fails(entry([0xff, 0x41], 0, [1]))).toMatchInlineSnapshot(
      `"t.gguf: byte 24: the key of metadata entry 1 of 1 is not UTF-8: "�A"; the file is damaged or no GGUF file: download or convert it again"`,
    );
    expect(await fails(entry("a\n\u001b[31m", 13, [1]))).toMatchInlineSnapshot(
      `"t.gguf: byte 39: metadata key "a\\n\\u001b[31m" has the unknown value type 13; the file is damaged or no GGUF file: download or convert it again"`,
    );
    expect(await fails(entry("k".repeat(5000), 13, [1]))).toMatchInlineSnapshot(
      `"t.gguf: byte 5032: metadata key "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk…" has the unknown value type 13; the file is damaged or no GGUF file: download or convert it again"`,
    );
  });

  test("keys that qloom relies on", async () => {
    expect(await fails(entry("general.alignment", 4, u32(48)))).toMatchInlineSnapshot(
      `"t.gguf: byte 24: metadata key "general.alignment" is 48 (u32), not a u32 that is a power of two up to 1048576; mend the key where the file was made"`,
    );
    expect(await fails(entry("general.alignment", 4, u32(0)))).toMatchInlineSnapshot(
      `"t.gguf: byte 24: metadata key "general.alignment" is 0 (u32), not a u32 that is a power of two up to 1048576; mend the key where the file was made"`,
    );
    expect(await fails(entry("general.alignment", 4, u32(2 ** 31)))).toMatchInlineSnapshot(
      `"t.gguf: byte 24: metadata key "general.alignment" is 2147483648 (u32), not a u32 that is a power of two up to 1048576; mend the key where the file was made"`,
    );
    expect(await fails(entry("general.alignment", 8, text("32")))).toMatchInlineSnapshot(
      `"t.gguf: byte 24: metadata key "general.alignment" is "32" (string), not a u32 that is a power of two up to 1048576; mend the key where the file was made"`,
    );
    expect(await fails(entry("general.architecture", 9, u8Array(2, 1, 2)))).toMatchInlineSnapshot(
      `"t.gguf: byte 24: metadata key "general.architecture" is an array of 2 u8, not a string that isn't empty; mend the key where the file was made"`,
    );
    expect(await fails(entry("split.count", 3, [0xff, 0xff]))).toMatchInlineSnapshot(
      `"t.gguf: byte 24: metadata key "split.count" is -1 (i16), not an integer from 0; mend the key where the file was made"`,
    );
  });
});

describe("tensor infos", () => {
  const fails = (...infos: Uint8Array[]): Promise<string> => openFailure(gguf({ infos, data: 96 }));

  test("names", async () => {
    expect(await fails(info(), info({ offset: 32 }))).toMatchInlineSnapshot(
      `"t.gguf: byte 57: two tensors are named "t"; the file is damaged or no GGUF file: download or convert it again"`,
    );
    expect(await fails(info({ name: "" }))).toMatchInlineSnapshot(
      `"t.gguf: byte 24: the name of tensor info 1 of 1 is empty; the file is damaged or no GGUF file: download or convert it again"`,
    );
    expect(await fails(info({ name: [0xc3, 0x28] }))).toMatchInlineSnapshot(
      `"t.gguf: byte 24: the name of tensor info 1 of 1 is not UTF-8: "�("; the file is damaged or no GGUF file: download or convert it again"`,
    );
  });

  test("dimensions", async () => {
    expect(await fails(info({ shape: [1, 1, 1, 1, 1] }))).toMatchInlineSnapshot(
      `"t.gguf: byte 33: tensor "t" has 5 dimensions, more than 4; the file is damaged or no GGUF file: download or convert it again"`,
    );
    expect(await fails(concat(text("t"), u32(0xffffffff), new Uint8Array(64)))).toMatchInlineSnapshot(
      `"t.gguf: byte 33: tensor "t" has 4294967295 dimensions, more than 4; the file is damaged or no GGUF file: download or convert it again"`,
    );
    expect(await fails(info({ shape: [8, 0] }))).toMatchInlineSnapshot(
      `"t.gguf: byte 37: tensor "t" has a dimension of 0 in [8, 0]; the file is damaged or no GGUF file: download or convert it again"`,
    );
    expect(await fails(info({ shape: [2n ** 32n, 2n ** 32n, 2n ** 32n, 2n ** 32n] }))).toMatchInlineSnapshot(
      `"t.gguf: byte 37: the dimensions [4294967296, 4294967296, 4294967296, 4294967296] of tensor "t" multiply to 2^53 or more; the file is damaged or no GGUF file: download or convert it again"`,
    );
    expect(await fails(info({ shape: [2n ** 53n] }))).toMatchInlineSnapshot(
      `"t.gguf: byte 37: the dimensions [9007199254740992] of tensor "t" multiply to 2^53 or more; the file is damaged or no GGUF file: download or convert it again"`,
    );
    expect(await fails(info({ shape: [2n ** 63n, 2] }))).toMatchInlineSnapshot(
      `"t.gguf: byte 37: the dimensions [9223372036854775808, 2] of tensor "t" multiply to 2^53 or more; the file is damaged or no GGUF file: download or convert it again"`,
    );
    expect(await fails(info({ shape: [] }))).toBe("nothing was thrown");
  });

  test("rows that are not whole blocks", async () => {
    expect(await fails(info({ shape: [48, 2], typeId: 2 }))).toMatchInlineSnapshot(
      `"t.gguf: byte 24: tensor "t" has rows of 48 elements, not a multiple of the 32 of a q4_0 block; the file is damaged: download or convert it again"`,
    );
    expect(await fails(info({ shape: [128], typeId: 12 }))).toMatchInlineSnapshot(
      `"t.gguf: byte 24: tensor "t" has rows of 128 elements, not a multiple of the 256 of a q4_K block; the file is damaged: download or convert it again"`,
    );
    expect(await fails(info({ shape: [], typeId: 8 }))).toMatchInlineSnapshot(
      `"t.gguf: byte 24: tensor "t" has rows of 1 elements, not a multiple of the 32 of a q8_0 block; the file is damaged: download or convert it again"`,
    );
  });

  test("tensors that are not aligned, not apart, not in the file", async () => {
    expect(await fails(info({ offset: 16 }))).toMatchInlineSnapshot(
      `"t.gguf: byte 24: tensor "t" has the data offset 16, not a multiple of the alignment 32; the file is damaged: download or convert it again"`,
    );
    expect(await fails(info({ shape: [9] }), info({ name: "u", offset: 32 }))).toMatchInlineSnapshot(
      `"t.gguf: byte 57: tensor "u" starts at byte 128, inside tensor "t" (bytes 96 to 131); the file is damaged: download or convert it again"`,
    );
    expect(await fails(info({ offset: 32 }), info({ name: "u", offset: 32 }))).toMatchInlineSnapshot(
      `"t.gguf: byte 57: tensor "u" starts at byte 128, inside tensor "t" (bytes 128 to 159); the file is damaged: download or convert it again"`,
    );
    expect(await fails(info({ shape: [24] }), info({ name: "u", shape: [1], offset: 64 }))).toMatchInlineSnapshot(
      `"t.gguf: byte 57: tensor "u" starts at byte 160, inside tensor "t" (bytes 96 to 191); the file is damaged: download or convert it again"`,
    );
    expect(await fails(info({ shape: [25] }))).toMatchInlineSnapshot(
      `"t.gguf: byte 24: tensor "t" f32 [25] takes bytes 64 to 163, but the file ends at byte 160; download or copy the file again"`,
    );
    expect(await fails(info({ offset: 96 }))).toMatchInlineSnapshot(
      `"t.gguf: byte 24: tensor "t" f32 [8] takes bytes 160 to 191, but the file ends at byte 160; download or copy the file again"`,
    );
    expect(await fails(info({ offset: 2n ** 64n - 32n }))).toMatchInlineSnapshot(
      `"t.gguf: byte 24: tensor "t" f32 [8] takes bytes 18446744073709551648 to 18446744073709551679, but the file ends at byte 160; download or copy the file again"`,
    );
    expect(await fails(info({ shape: [2 ** 20, 2 ** 20], typeId: 12 }))).toMatchInlineSnapshot(
      `"t.gguf: byte 24: tensor "t" q4_K [1048576, 1048576] takes bytes 96 to 618475290719, but the file ends at byte 192; download or copy the file again"`,
    );
    expect(await fails(info({ typeId: 123, offset: 96 }))).toMatchInlineSnapshot(
      `"t.gguf: byte 24: tensor "t" starts at byte 160, but the file ends at byte 160; download or copy the file again"`,
    );
    expect(await fails(info({ shape: [16] }), info({ name: "u", typeId: 123, offset: 32 }))).toMatchInlineSnapshot(
      `"t.gguf: byte 57: tensor "u" starts at byte 128, inside tensor "t" (bytes 96 to 159); the file is damaged: download or convert it again"`,
    );
  });
});
