// The writer: what it writes reads back the same, ggml's own file byte for byte, and a failure leaves what was there.

import { mkdir, open, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, describe, expect, test, vi } from "vitest";
import type { GgmlTypeName, GgufArray, GgufToWrite, GgufValue, TensorToWrite } from "../../../src/gguf/index.ts";
import { GGML_TYPES, openGguf, writeGguf } from "../../../src/gguf/index.ts";
import { failureOf, gguf, inFolder, VECTORS } from "./bytes.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

const tensor = (more: Partial<TensorToWrite> = {}): TensorToWrite => ({
  name: "t",
  type: "f32",
  shape: [8],
  data: new Uint8Array(32),
  ...more,
});

describe("round trips", () => {
  test("ggml's own file, read and written again, is the same to the byte", async () => {
    await inFolder(async (folder) => {
      const copy = join(folder, "copy.gguf");
      await using vectors = await openGguf(VECTORS);
      async function* pieces(name: string, byteLength: number): AsyncIterable<Uint8Array> {
        for (let at = 0; at < byteLength; at += 5000) {
          yield await vectors.readRange(name, at, Math.min(5000, byteLength - at));
        }
      }
      const tensors = vectors.tensors.map(({ name, type, shape, byteLength }) => {
        return { name, type: type as GgmlTypeName, shape, data: pieces(name, byteLength!) };
      });
      await writeGguf(copy, { metadata: vectors.metadata, tensors });
      expect(Buffer.compare(await readFile(copy), await readFile(VECTORS))).toBe(0);
    });
  });

  test("any metadata and any tensors", async () => {
    await inFolder(async (folder) => {
      const file = join(folder, "t.gguf");
      await fc.assert(
        fc.asyncProperty(contents, async ({ metadata, tensors }) => {
          await writeGguf(file, { metadata, tensors });
          await using model = await openGguf(file);
          expect([...model.metadata]).toEqual(metadata);
          expect(model.warnings).toEqual([]);
          expect(model.size % model.alignment).toBe(tensors.length === 0 ? model.size % model.alignment : 0);
          expect(model.tensors.map(({ name, type, shape }) => ({ name, type, shape }))).toEqual(
            tensors.map(({ name, type, shape }) => ({ name, type, shape })),
          );
          for (const { name, data } of tensors) expect(await model.read(name)).toEqual(data);
        }),
        { numRuns: 100 },
      );
    });
  });
});

// Integers that a number holds exactly come back as numbers, others as bigints.
const exact = (value: bigint): number | bigint => (Number.isSafeInteger(Number(value)) ? Number(value) : value);
const word = fc.string({ unit: "binary", maxLength: 12 }).filter((text) => text.isWellFormed());

const numberArrays = {
  u8: fc.uint8Array({ maxLength: 5 }),
  i8: fc.int8Array({ maxLength: 5 }),
  u16: fc.uint16Array({ maxLength: 5 }),
  i16: fc.int16Array({ maxLength: 5 }),
  u32: fc.uint32Array({ maxLength: 5 }),
  i32: fc.int32Array({ maxLength: 5 }),
  f32: fc.float32Array({ maxLength: 5, noNaN: true }),
  f64: fc.float64Array({ maxLength: 5, noNaN: true }),
} as const;

const numberTypes = Object.keys(numberArrays) as (keyof typeof numberArrays)[];

const numbers: fc.Arbitrary<GgufArray> = fc
  .constantFrom(...numberTypes)
  .chain((items) =>
    (numberArrays[items] as fc.Arbitrary<ArrayLike<number>>).map((value) => ({ type: "array", items, value })),
  );

const arrays = fc.letrec<{ array: GgufArray }>((tie) => ({
  array: fc.oneof(
    { depthSize: "small", maxDepth: 4 },
    numbers,
    fc.bigUint64Array({ maxLength: 5 }).map((value): GgufArray => ({ type: "array", items: "u64", value })),
    fc.bigInt64Array({ maxLength: 5 }).map((value): GgufArray => ({ type: "array", items: "i64", value })),
    fc.array(fc.boolean(), { maxLength: 5 }).map((value): GgufArray => ({ type: "array", items: "bool", value })),
    fc.array(word, { maxLength: 5 }).map((value): GgufArray => ({ type: "array", items: "string", value })),
    fc.array(tie("array"), { maxLength: 3 }).map((value): GgufArray => ({ type: "array", items: "array", value })),
  ),
})).array;

const values: fc.Arbitrary<GgufValue> = fc.oneof(
  arrays,
  numbers
    .filter(({ value }) => value.length > 0)
    .map(({ items, value }) => ({ type: items, value: value[0] }) as GgufValue),
  fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map((value): GgufValue => ({ type: "u64", value: exact(value) })),
  fc
    .bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })
    .map((value): GgufValue => ({ type: "i64", value: exact(value) })),
  fc.boolean().map((value): GgufValue => ({ type: "bool", value })),
  word.map((value): GgufValue => ({ type: "string", value })),
);

const name = word.filter((text) => text !== "");

const tensors = fc
  .record({
    name,
    type: fc.constantFrom(...(Object.keys(GGML_TYPES) as GgmlTypeName[])),
    blocks: fc.integer({ min: 1, max: 3 }),
    outer: fc.array(fc.integer({ min: 1, max: 4 }), { maxLength: 3 }),
    seed: fc.nat(255),
  })
  .map(({ name, type, blocks, outer, seed }) => {
    const { blockElements, blockBytes } = GGML_TYPES[type];
    const bytes = blockBytes * outer.reduce((product, extent) => product * extent, blocks);
    const data = Uint8Array.from({ length: bytes }, (_, i) => (i * 31 + seed) % 251);
    return { name, type, shape: [blocks * blockElements, ...outer], data };
  });

const contents = fc
  .record({
    metadata: fc.uniqueArray(fc.tuple(name, values), { selector: ([key]) => key, maxLength: 6 }),
    alignment: fc.option(fc.constantFrom(1, 8, 32, 64, 4096)),
    tensors: fc.uniqueArray(tensors, { selector: (t) => t.name, maxLength: 6 }),
  })
  .map(({ metadata, alignment, tensors }) => {
    const own: [string, GgufValue][] =
      alignment === null ? [] : [["general.alignment", { type: "u32", value: alignment }]];
    return { metadata: [...own, ...metadata], tensors };
  });

describe("what can't be stored", () => {
  const fails = (contents: Partial<GgufToWrite>): Promise<string> =>
    inFolder(async (folder) => {
      const message = await failureOf(folder, () =>
        writeGguf(join(folder, "t.gguf"), { metadata: [], tensors: [], ...contents }),
      );
      expect(await readdir(folder)).toEqual([]);
      return message;
    });
  const value = (v: GgufValue): Promise<string> => fails({ metadata: [["k", v]] });

  test("tensors", async () => {
    expect(await fails({ tensors: [tensor(), tensor()] })).toMatchInlineSnapshot(
      `"t.gguf: two tensors are named "t"; rename one"`,
    );
    expect(await fails({ tensors: [tensor({ name: "" })] })).toMatchInlineSnapshot(
      `"t.gguf: one of the tensors has an empty name; name it"`,
    );
    expect(await fails({ tensors: [tensor({ shape: [1, 1, 1, 1, 8] })] })).toMatchInlineSnapshot(
      `"t.gguf: tensor "t" [1, 1, 1, 1, 8] has more than 4 dimensions; fold some of them"`,
    );
    expect(await fails({ tensors: [tensor({ shape: [8, 0] })] })).toMatchInlineSnapshot(
      `"t.gguf: tensor "t" [8, 0] has an extent that is no integer from 1 up; leave out empty tensors"`,
    );
    expect(await fails({ tensors: [tensor({ shape: [1.5] })] })).toMatchInlineSnapshot(
      `"t.gguf: tensor "t" [1.5] has an extent that is no integer from 1 up; leave out empty tensors"`,
    );
    expect(await fails({ tensors: [tensor({ type: "q4_K", shape: [128, 2] })] })).toMatchInlineSnapshot(
      `"t.gguf: tensor "t" [128, 2] has rows that aren't whole q4_K blocks of 256; choose another type"`,
    );
    expect(await fails({ tensors: [tensor({ shape: [2 ** 30, 2 ** 30] })] })).toMatchInlineSnapshot(
      `"t.gguf: tensor "t" [1073741824, 1073741824] takes 2^53 bytes or more; split it"`,
    );
  });

  test("data of another length", async () => {
    expect(await fails({ tensors: [tensor({ data: new Uint8Array(31) })] })).toMatchInlineSnapshot(
      `"t.gguf: tensor "t" got 31 bytes of data, but f32 [8] takes 32; give as many bytes as the type and shape say"`,
    );
    expect(await fails({ tensors: [tensor({ data: [new Uint8Array(31), new Uint8Array(2)] })] })).toMatchInlineSnapshot(
      `"t.gguf: tensor "t" got 33 bytes or more of data, but f32 [8] takes 32; give as many bytes as the type and shape say"`,
    );
    const endless = function* (): Iterable<Uint8Array> {
      for (;;) yield new Uint8Array(20);
    };
    expect(await fails({ tensors: [tensor({ data: endless() })] })).toMatchInlineSnapshot(
      `"t.gguf: tensor "t" got 40 bytes or more of data, but f32 [8] takes 32; give as many bytes as the type and shape say"`,
    );
  });

  test("metadata", async () => {
    const one: GgufValue = { type: "u8", value: 1 };
    expect(await fails({ metadata: Object.entries({ "": one }) })).toMatchInlineSnapshot(
      `"t.gguf: one of the metadata keys has an empty name; name it"`,
    );
    expect(
      await fails({
        metadata: [
          ["k", one],
          ["k", one],
        ],
      }),
    ).toMatchInlineSnapshot(`"t.gguf: two metadata keys are named "k"; rename one"`);
    expect(await value({ type: "u8", value: 256 })).toMatchInlineSnapshot(
      `"t.gguf: metadata key "k": 256 is no u8; mend the value or its type"`,
    );
    expect(await value({ type: "i32", value: 0.5 })).toMatchInlineSnapshot(
      `"t.gguf: metadata key "k": 0.5 is no i32; mend the value or its type"`,
    );
    expect(await value({ type: "u64", value: -1 })).toMatchInlineSnapshot(
      `"t.gguf: metadata key "k": -1 is no u64; mend the value or its type"`,
    );
    expect(await value({ type: "u64", value: 2 ** 60 })).toMatchInlineSnapshot(
      `"t.gguf: metadata key "k": 1152921504606847000 is no exact u64; mend the value or its type"`,
    );
    expect(await value({ type: "i64", value: 2n ** 63n })).toMatchInlineSnapshot(
      `"t.gguf: metadata key "k": 9223372036854775808 is no i64; mend the value or its type"`,
    );
    expect(await value({ type: "string", value: "a\ud800" })).toMatchInlineSnapshot(
      `"t.gguf: metadata key "k": "a\\ud800" holds half a surrogate pair, which UTF-8 can't; mend the value or its type"`,
    );
    expect(await value({ type: "array", items: "u16", value: [1, 70000] })).toMatchInlineSnapshot(
      `"t.gguf: metadata key "k": 70000 is no u16; mend the value or its type"`,
    );
    const deep: { type: "array"; items: "array"; value: GgufArray[] } = { type: "array", items: "array", value: [] };
    deep.value.push(deep);
    expect(await value(deep)).toMatchInlineSnapshot(
      `"t.gguf: metadata key "k": arrays nest more than 8 deep; mend the value or its type"`,
    );
    expect(await value({ type: "string", value: "a".repeat(2 ** 27) })).toMatchInlineSnapshot(
      `"t.gguf: metadata key "k": the header grows past 134217728 bytes, the most that is read; mend the value or its type"`,
    );
    expect(await fails({ metadata: [["general.alignment", { type: "u32", value: 24 }]] })).toMatchInlineSnapshot(
      `"t.gguf: metadata key "general.alignment" is 24 (u32), not a u32 that is a power of two up to 1048576; mend the key where the file was made"`,
    );
  });
});

describe("the file appears whole or not at all", () => {
  const before = gguf();

  async function keepsOld(write: (file: string) => Promise<void>): Promise<string> {
    return inFolder(async (folder) => {
      const file = join(folder, "t.gguf");
      await writeFile(file, before);
      const message = await failureOf(folder, () => write(file));
      expect(await readdir(folder)).toEqual(["t.gguf"]);
      expect(Buffer.compare(await readFile(file), before)).toBe(0);
      return message;
    });
  }

  // The disk itself can't be filled in a test; the call that writes to it answers as on a full one.
  async function fullDisk(method: "writeFile" | "sync"): Promise<void> {
    const handle = await open(VECTORS);
    const error = Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC", errno: -28 });
    vi.spyOn(Object.getPrototypeOf(handle), method).mockRejectedValue(error);
    await handle.close();
  }

  test("replacing a file", async () => {
    await inFolder(async (folder) => {
      const file = join(folder, "t.gguf");
      await writeFile(file, before);
      await writeGguf(file, { metadata: [], tensors: [tensor({ name: "new" })] });
      await using model = await openGguf(file);
      expect(model.tensors.map((t) => t.name)).toEqual(["new"]);
      expect(await readdir(folder)).toEqual(["t.gguf"]);
    });
  });

  test("a full disk", async () => {
    await fullDisk("writeFile");
    const whileWriting = await keepsOld((file) => writeGguf(file, { metadata: [], tensors: [tensor()] }));
    vi.restoreAllMocks();
    await fullDisk("sync");
    const atTheEnd = await keepsOld((file) => writeGguf(file, { metadata: [], tensors: [tensor()] }));
    expect(whileWriting).toMatchInlineSnapshot(
      `"t.gguf: cannot write: no space left on device (ENOSPC); free some space or choose another disk; what was there before is untouched"`,
    );
    expect(atTheEnd).toBe(whileWriting);
  });

  test("data that fails on its way passes its own error on", async () => {
    const own = new Error("the network is gone");
    const failing = function* (): Iterable<Uint8Array> {
      yield new Uint8Array(16);
      throw own;
    };
    const write = keepsOld((file) => writeGguf(file, { metadata: [], tensors: [tensor({ data: failing() })] }));
    await expect(write).rejects.toBe(own);
  });

  test("a path that can't be written", async () => {
    await inFolder(async (folder) => {
      const to = (path: string): Promise<string> =>
        failureOf(folder, () => writeGguf(join(folder, path), { metadata: [], tensors: [tensor()] }));
      expect(await to("no/t.gguf")).toMatchInlineSnapshot(
        `"no/t.gguf: cannot write: no such file or directory (ENOENT); check the path"`,
      );
      await mkdir(join(folder, "t.gguf"));
      expect(await to("t.gguf")).toMatchInlineSnapshot(
        `"t.gguf: cannot write: illegal operation on a directory (EISDIR); choose a path that is not a folder"`,
      );
      expect(await readdir(folder)).toEqual(["t.gguf"]);
    });
  });
});
