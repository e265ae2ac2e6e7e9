/**
 * The real tensors of test/vectors/ggml-quants.gguf for tests of formats and operators: `w.TYPE` is `w.f32` as ggml stored it, `deq.TYPE` ggml's
 * own dequantization of it, `y.TYPE` = `a` (m x k) times that.
 */
import { fileURLToPath } from "node:url";
import { openGguf } from "../../src/gguf/index.ts";

await using file = await openGguf(fileURLToPath(new URL("../vectors/ggml-quants.gguf", import.meta.url)));

const tensors = new Map<string, Uint8Array<ArrayBuffer>>();
for (const { name } of file.tensors) tensors.set(name, await file.read(name));

export const vectorShape = { m: 3, n: 16, k: 512 } as const;

export const hasVector = (name: string): boolean => tensors.has(name);

/** The bytes of a tensor. */
export function vectorBytes(name: string): Uint8Array<ArrayBuffer> {
  const bytes = tensors.get(name);
  if (bytes === undefined) throw new Error(`no tensor ${name}`);
  return bytes;
}

/** The values of an f32 tensor. */
export const vectorValues = (name: string): Float32Array<ArrayBuffer> => new Float32Array(vectorBytes(name).buffer);
