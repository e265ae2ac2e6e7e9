// Right files: the vectors file as ggml wrote it, every value type, what is odd but harmless, and the lifetime of an open file.

import { mkdir, readFile, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test, vi } from "vitest";
import type { GgufFile } from "../../../src/gguf/index.ts";
import { GGML_TYPES, ggmlTypeName, openGguf } from "../../../src/gguf/index.ts";
import { concat, entry, failureOf, gguf, inFolder, info, text, u32, u64, VECTORS } from "./bytes.ts";

async function opened<T>(bytes: Uint8Array, use: (model: GgufFile, folder: string) => Promise<T> | T): Promise<T> {
  return inFolder(async (folder) => {
    await writeFile(join(folder, "t.gguf"), bytes);
    await using model = await openGguf(join(folder, "t.gguf"));
    return await use(model, folder);
  });
}

describe("the vectors file", () => {
  test("its header", async () => {
    await using model = await openGguf(VECTORS);
    expect(Object.fromEntries(model.metadata)).toEqual({
      "general.architecture": { type: "string", value: "vectors" },
      "general.name": { type: "string", value: "quantization vectors" },
      "vectors.n": { type: "u32", value: 16 },
      "vectors.k": { type: "u32", value: 512 },
      "vectors.m": { type: "u32", value: 3 },
    });
    expect(model.version).toBe(3);
    expect(model.architecture).toBe("vectors");
    expect(model.shard).toBeUndefined();
    expect(model.warnings).toEqual([]);
    expect(model.tensors).toHaveLength(74);
    expect(model.tensor("w.q4_K")).toEqual({
      name: "w.q4_K",
      shape: [512, 16],
      n: 16,
      k: 512,
      type: "q4_K",
      typeId: 12,
      offset: 311072,
      byteLength: 4608,
    });
  });

  test("ggml's block sizes: the tensors fill the file without a gap, each of the type that its name says", async () => {
    await using model = await openGguf(VECTORS);
    let end = model.dataOffset;
    for (const tensor of model.tensors) {
      expect(tensor.offset, tensor.name).toBe(end);
      end = Math.ceil((tensor.offset + tensor.byteLength!) / 32) * 32;
      if (tensor.name.startsWith("w.")) expect(`w.${tensor.type}`).toBe(tensor.name);
    }
    expect(end).toBe(model.size);
  });

  test("the bytes of its tensors", async () => {
    await using model = await openGguf(VECTORS);
    const bytes = await readFile(VECTORS);
    for (const { name, offset, byteLength } of model.tensors) {
      expect(Buffer.compare(await model.read(name), bytes.subarray(offset, offset + byteLength!)), name).toBe(0);
    }
    const { offset } = model.tensor("w.q6_K");
    expect(Buffer.from(await model.readRange("w.q6_K", 420, 210))).toEqual(bytes.subarray(offset + 420, offset + 630));
    expect(await model.readRange("w.q6_K", 16 * 420, 0)).toHaveLength(0);
  });
});

test("the table of types has each id once, and the names find their ids", () => {
  const rows = Object.entries(GGML_TYPES);
  for (const [name, { id }] of rows) expect(ggmlTypeName(id)).toBe(name);
  expect(new Set(rows.map(([, { id }]) => id)).size).toBe(rows.length);
  expect(ggmlTypeName(4)).toBeUndefined();
});

test("every value type", async () => {
  const i64 = (value: bigint): Uint8Array => u64(BigInt.asUintN(64, value));
  const f32 = new Uint8Array(new Float32Array([0.5]).buffer);
  const f64 = new Uint8Array(new Float64Array([0.1]).buffer);
  const entries = [
    entry("u8", 0, [200]),
    entry("i8", 1, [200]),
    entry("u16", 2, [0x34, 0xf2]),
    entry("i16", 3, [0x34, 0xf2]),
    entry("u32", 4, u32(0xfffffffe)),
    entry("i32", 5, u32(0xfffffffe)),
    entry("f32", 6, f32),
    entry("bool", 7, [1]),
    entry("string", 8, text("grüße 🧶")),
    entry("u64", 10, u64(2n ** 53n - 1n)),
    entry("u64 big", 10, u64(2n ** 64n - 1n)),
    entry("i64", 11, i64(-5n)),
    entry("i64 big", 11, i64(-(2n ** 63n))),
    entry("f64", 12, f64),
    entry("strings", 9, u32(8), u64(2), text(""), text("b")),
    entry("bools", 9, u32(7), u64(2), [1, 0]),
    entry("i16s", 9, u32(3), u64(2), [1, 0, 0xff, 0xff]),
    entry("u64s", 9, u32(10), u64(1), u64(2n ** 60n)),
    entry("nested", 9, u32(9), u64(2), u32(0), u64(2), [1, 2], u32(9), u64(0)),
  ];
  const metadata = await opened(gguf({ entries }), (model) => Object.fromEntries(model.metadata));
  expect(metadata).toEqual({
    u8: { type: "u8", value: 200 },
    i8: { type: "i8", value: -56 },
    u16: { type: "u16", value: 0xf234 },
    i16: { type: "i16", value: 0xf234 - 0x10000 },
    u32: { type: "u32", value: 0xfffffffe },
    i32: { type: "i32", value: -2 },
    f32: { type: "f32", value: 0.5 },
    bool: { type: "bool", value: true },
    string: { type: "string", value: "grüße 🧶" },
    u64: { type: "u64", value: 2 ** 53 - 1 },
    "u64 big": { type: "u64", value: 2n ** 64n - 1n },
    i64: { type: "i64", value: -5 },
    "i64 big": { type: "i64", value: -(2n ** 63n) },
    f64: { type: "f64", value: 0.1 },
    strings: { type: "array", items: "string", value: ["", "b"] },
    bools: { type: "array", items: "bool", value: [true, false] },
    i16s: { type: "array", items: "i16", value: new Int16Array([1, -1]) },
    u64s: { type: "array", items: "u64", value: new BigUint64Array([2n ** 60n]) },
    nested: {
      type: "array",
      items: "array",
      value: [
        { type: "array", items: "u8", value: new Uint8Array([1, 2]) },
        { type: "array", items: "array", value: [] },
      ],
    },
  });
});

describe("odd but harmless", () => {
  test("a file without tensors", async () => {
    await opened(gguf({ infos: [], data: 0 }), async (model, folder) => {
      expect(model.tensors).toEqual([]);
      expect(model.warnings).toEqual([]);
      expect(await failureOf(folder, () => model.read("t"))).toMatchInlineSnapshot(
        `"t.gguf: no tensor is named "t"; the file has none"`,
      );
    });
  });

  test("a tensor of unknown type is listed, and refused when it is read", async () => {
    const infos = [info({ typeId: 123 }), info({ name: "u", offset: 64 })];
    await opened(gguf({ infos, data: 96 }), async (model, folder) => {
      expect(model.tensors.map(({ type, byteLength }) => [type, byteLength])).toEqual([
        ["unknown(123)", undefined],
        ["f32", 32],
      ]);
      expect(await model.read("u")).toHaveLength(32);
      expect(await failureOf(folder, () => model.read("t"))).toMatchInlineSnapshot(
        `"t.gguf: byte 96: tensor "t" has the ggml type 123, which is not known here; quantize the model to a known type, or add the type's row to src/gguf/types.ts"`,
      );
      expect(await failureOf(folder, () => model.readRange("t", 0, 1))).toMatchInlineSnapshot(
        `"t.gguf: byte 96: tensor "t" has the ggml type 123, which is not known here; quantize the model to a known type, or add the type's row to src/gguf/types.ts"`,
      );
    });
  });

  test("gaps, any order, a scalar, another alignment", async () => {
    const infos = [
      info({ name: "b", shape: [8, 3], offset: 512 }),
      info({ name: "a", shape: [] }),
      info({ name: "c", offset: 128 }),
    ];
    const entries = [entry("general.alignment", 4, u32(128))];
    await opened(gguf({ entries, infos, data: 608, alignment: 128 }), (model) => {
      expect(model.alignment).toBe(128);
      expect(model.dataOffset % 128).toBe(0);
      expect(model.tensors.map(({ name, n, k, offset }) => [name, n, k, offset - model.dataOffset])).toEqual([
        ["b", 3, 8, 512],
        ["a", 1, 1, 0],
        ["c", 1, 8, 128],
      ]);
      expect(model.warnings).toEqual([]);
    });
  });

  test("the last tensor without or with its padding, and bytes beyond", async () => {
    const of = (data: number): Promise<readonly string[]> =>
      opened(gguf({ infos: [info({ shape: [9] })], data }), (model, folder) =>
        model.warnings.map((line) => line.replace(`${folder}/`, "")),
      );
    expect(await of(36)).toEqual([]);
    expect(await of(64)).toEqual([]);
    expect(await of(65)).toMatchInlineSnapshot(`
      [
        "t.gguf: byte 128: what follows the last tensor (1 bytes) is ignored; the file may be two copied into one",
      ]
    `);
  });

  test("a shard, and text that is not UTF-8", async () => {
    const entries = [
      entry("tokens", 9, u32(8), u64(2), text("ok"), text([0x61, 0xff])),
      entry("split.no", 2, [1, 0]),
      entry("split.count", 2, [3, 0]),
    ];
    await opened(gguf({ entries }), (model, folder) => {
      expect(model.shard).toEqual({ index: 1, count: 3 });
      expect(model.metadata.get("tokens")?.value).toEqual(["ok", "a\ufffd"]);
      expect(model.warnings.map((line) => line.replace(`${folder}/`, ""))).toMatchInlineSnapshot(`
        [
          "t.gguf: metadata key "tokens" holds text that is not UTF-8; its broken bytes read as U+FFFD",
          "t.gguf: shard 2 of 3: the tensors of the others are not seen; join them with llama-gguf-split --merge",
        ]
      `);
    });
  });
});

describe("opening and reading", () => {
  test("what can't be opened", async () => {
    await inFolder(async (folder) => {
      expect(await failureOf(folder, () => openGguf(join(folder, "none.gguf")))).toMatchInlineSnapshot(
        `"none.gguf: cannot open: no such file or directory (ENOENT); check the path"`,
      );
      await mkdir(join(folder, "folder.gguf"));
      expect(await failureOf(folder, () => openGguf(join(folder, "folder.gguf")))).toMatchInlineSnapshot(
        `"folder.gguf: not a regular file; pass the path of a .gguf file"`,
      );
      await writeFile(join(folder, "file"), "");
      expect(await failureOf(folder, () => openGguf(join(folder, "file/t.gguf")))).toMatchInlineSnapshot(
        `"file/t.gguf: cannot open: not a directory (ENOTDIR); check the path"`,
      );
    });
  });

  test("what can't be read", async () => {
    const infos = ["a", "b", "c", "d"].map((name, i) => info({ name, offset: 32 * i }));
    await opened(gguf({ infos, data: 128 }), async (model, folder) => {
      const fails = (start: number, length: number): Promise<string> =>
        failureOf(folder, () => model.readRange("a", start, length));
      expect(await failureOf(folder, () => model.read("A"))).toMatchInlineSnapshot(
        `"t.gguf: no tensor is named "A"; the file has 4, the first are "a", "b", "c""`,
      );
      expect(await fails(30, 3)).toMatchInlineSnapshot(
        `"t.gguf: 3 bytes from byte 30 of tensor "a" were asked for; it has 32 bytes"`,
      );
      expect(await fails(-1, 3)).toMatchInlineSnapshot(
        `"t.gguf: 3 bytes from byte -1 of tensor "a" were asked for; it has 32 bytes"`,
      );
      expect(await fails(0.5, 3)).toMatchInlineSnapshot(
        `"t.gguf: 3 bytes from byte 0.5 of tensor "a" were asked for; it has 32 bytes"`,
      );
      expect(await fails(0, Number.NaN)).toMatchInlineSnapshot(
        `"t.gguf: NaN bytes from byte 0 of tensor "a" were asked for; it has 32 bytes"`,
      );
    });
  });

  test("a tensor that doesn't fit into memory", async () => {
    await opened(gguf(), async (model, folder) => {
      const Full = class {
        constructor() {
          throw new RangeError("Array buffer allocation failed");
        }
      };
      vi.stubGlobal("Uint8Array", Full);
      const failure = failureOf(folder, () => model.read("t"));
      vi.unstubAllGlobals();
      expect(await failure).toMatchInlineSnapshot(
        `"t.gguf: byte 64: 32 bytes of tensor "t" don't fit into memory; read it in parts with readRange"`,
      );
    });
  });

  test("a file that gets shorter while it is open", async () => {
    await opened(gguf(), async (model, folder) => {
      await truncate(model.file, model.size - 8);
      expect(await failureOf(folder, () => model.read("t"))).toMatchInlineSnapshot(
        `"t.gguf: byte 88: the file had 96 bytes when it was opened and is shorter now; open it again when nothing writes to it"`,
      );
    });
  });

  test("closed: reads under way finish, later ones are refused, closing again does nothing", async () => {
    await opened(gguf(), async (model, folder) => {
      const early = model.read("t");
      await Promise.all([model.close(), model.close()]);
      expect(await early).toHaveLength(32);
      expect(await failureOf(folder, () => model.read("t"))).toMatchInlineSnapshot(
        `"t.gguf: the file was closed; read its tensors before close()"`,
      );
    });
  });
});

test("bytes of the data are found behind padding", async () => {
  const body = concat(
    gguf({ data: 0 }),
    Uint8Array.from({ length: 32 }, (_, i) => i),
  );
  await opened(body, async (model) => expect([...(await model.read("t"))]).toEqual([...Array(32).keys()]));
});
