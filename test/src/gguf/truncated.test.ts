// Files cut short at any byte and files with any bytes changed: a GgufError or a file that opens, nothing else.

import { createHash } from "node:crypto";
import { open, readFile, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { openGguf } from "../../../src/gguf/index.ts";
import { entry, failureOf, gguf, inFolder, info, openFailure, text, u32, u64, VECTORS } from "./bytes.ts";

const vectors = await readFile(VECTORS);
const headerEnd = 3680; // of the vectors file, padding included

test("a header cut short at every byte", async () => {
  const small = gguf({
    entries: [entry("general.alignment", 4, u32(32)), entry("names", 9, u32(8), u64(2), text("a"), text("bc"))],
    infos: [info({ shape: [8, 2] }), info({ name: "u", typeId: 8, shape: [32], offset: 64 })],
    data: 98,
  });
  const seen = new Set<string>();
  await inFolder(async (folder) => {
    const file = join(folder, "t.gguf");
    await writeFile(file, small);
    for (let length = small.length - 1; length >= 0; length--) {
      await truncate(file, length);
      const message = await failureOf(folder, async () => (await openGguf(file)).close());
      expect(message, `${length} bytes`).toMatch(/^t\.gguf: byte \d+: .+; .+/);
      seen.add(message.replace(/\d+/g, "#"));
    }
  });
  expect([...seen].sort()).toMatchInlineSnapshot(`
    [
      "t.gguf: byte #: tensor "t" f# [#, #] takes bytes # to #, but the file ends at byte #; download or copy the file again",
      "t.gguf: byte #: tensor "u" q#_# [#] takes bytes # to #, but the file ends at byte #; download or copy the file again",
      "t.gguf: byte #: the array length of metadata key "names" is #, more than the # bytes that follow can hold; the file is damaged or cut short: download or copy it again",
      "t.gguf: byte #: the file ends inside metadata entry # of #: # bytes are needed here, # are left; download or copy the file again",
      "t.gguf: byte #: the file ends inside tensor info # of #: # bytes are needed here, # are left; download or copy the file again",
      "t.gguf: byte #: the file ends inside the fixed header: # bytes are needed here, # are left; download or copy the file again",
      "t.gguf: byte #: the length of a string of metadata key "names" is #, more than the # bytes that follow can hold; the file is damaged or cut short: download or copy it again",
      "t.gguf: byte #: the length of the key of metadata entry # of # is #, more than the # bytes that follow can hold; the file is damaged or cut short: download or copy it again",
      "t.gguf: byte #: the length of the name of tensor info # of # is #, more than the # bytes that follow can hold; the file is damaged or cut short: download or copy it again",
      "t.gguf: byte #: the tensor count is #, more than the # bytes that follow can hold; the file is damaged or cut short: download or copy it again",
    ]
  `);
});

test("the vectors file cut short anywhere", async () => {
  const anywhere = fc.oneof(fc.nat(headerEnd), fc.nat(vectors.length - 1));
  await fc.assert(
    fc.asyncProperty(anywhere, async (length) => {
      expect(await openFailure(vectors.subarray(0, length))).toMatch(/^t\.gguf: byte \d+: .+; .+/);
    }),
    { numRuns: 150 },
  );
});

test("the vectors file with bytes of its header changed", async () => {
  const change = fc.tuple(fc.nat(headerEnd - 1), fc.oneof(fc.nat(255), fc.constantFrom(0, 0x7f, 0x80, 0xff)));
  await inFolder(async (folder) => {
    const file = join(folder, "t.gguf");
    await writeFile(file, vectors);
    await using handle = await open(file, "r+");
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 4 }), async (changes) => {
        const header = Buffer.from(vectors.subarray(0, headerEnd));
        for (const [at, byte] of changes) header[at] = byte;
        await handle.write(header, 0, headerEnd, 0);
        const message = await failureOf(folder, async () => (await openGguf(file)).close());
        expect(message).toMatch(/^t\.gguf: .+; .+|^nothing was thrown$/);
      }),
      { numRuns: 300 },
    );
  });
});

test("random bytes after the magic", async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (bytes) => {
      const file = Buffer.concat([Buffer.from("GGUF"), u32(3), u64(2), u64(2), bytes]);
      expect(await openFailure(file)).toMatch(/^t\.gguf: .+; .+/);
    }),
    { numRuns: 150 },
  );
});

test("a file of many GiB: only its header is read, and its tensors from where they are", async () => {
  await inFolder(async (folder) => {
    const file = join(folder, "big.gguf");
    const rows = 2 ** 20;
    await writeFile(file, gguf({ infos: [info({ shape: [8192, rows] })], data: 0 }));
    const dataOffset = (await readFile(file)).length;
    await truncate(file, dataOffset + 4 * 8192 * rows); // 32 GiB, sparse
    await using handle = await open(file, "r+");
    const last = Buffer.from("the last bytes");
    await handle.write(last, 0, last.length, dataOffset + 4 * 8192 * rows - last.length);
    const before = process.memoryUsage().arrayBuffers;
    await using model = await openGguf(file);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(2 ** 23);
    const { byteLength } = model.tensor("t");
    expect(byteLength).toBe(2 ** 35);
    const tail = await model.readRange("t", byteLength! - last.length, last.length);
    expect(Buffer.from(tail)).toEqual(last);
  });
});

test("a header that claims more than the limit of a header is refused at the limit", async () => {
  await inFolder(async (folder) => {
    const file = join(folder, "t.gguf");
    await writeFile(file, gguf({ entries: [entry("a", 9, u32(0), u64(2 ** 31))], data: 0, infos: [] }));
    await truncate(file, 2 ** 32);
    const before = process.memoryUsage().arrayBuffers;
    expect(await failureOf(folder, () => openGguf(file))).toMatchInlineSnapshot(
      `"t.gguf: byte 49: the header is longer than 134217728 bytes, the most that is read of one; check where the file comes from; no known model needs such a header"`,
    );
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(2 ** 23);
  });
});

test("a string longer than the first window", async () => {
  const long = "ä".repeat(2 ** 20);
  await inFolder(async (folder) => {
    const file = join(folder, "t.gguf");
    await writeFile(
      file,
      gguf({ entries: [entry("before", 0, [1]), entry("long", 8, text(long)), entry("after", 0, [2])] }),
    );
    await using model = await openGguf(file);
    const hash = (s: string): string => createHash("sha256").update(s).digest("hex");
    expect([...model.metadata.keys()]).toEqual(["before", "long", "after"]);
    expect(hash(String(model.metadata.get("long")?.value))).toBe(hash(long));
  });
});
