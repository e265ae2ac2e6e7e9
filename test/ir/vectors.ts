/**
 * The real tensors of test/vectors/ggml-quants.gguf for tests of formats and operators: `w.TYPE` as ggml stored `w.f32`, `deq.TYPE` its own
 * dequantization, `y.TYPE` = `a` times that. Only as much of GGUF is read here as this file needs.
 */
import { readFileSync } from "node:fs";

const file = readFileSync(new URL("../vectors/ggml-quants.gguf", import.meta.url));

interface Entry {
  readonly count: number;
  readonly offset: number;
}

function readDirectory(): { readonly entries: ReadonlyMap<string, Entry>; readonly data: number } {
  let at = 8;
  const u32 = (): number => file.readUInt32LE((at += 4) - 4);
  const u64 = (): number => Number(file.readBigUInt64LE((at += 8) - 8));
  const text = (): string => {
    const length = u64();
    return file.toString("utf8", at, (at += length));
  };
  const tensors = u64();
  const keys = u64();
  for (let i = 0; i < keys; i++) {
    text();
    if (u32() === 8) text();
    else u32();
  }
  const entries = new Map<string, Entry>();
  for (let i = 0; i < tensors; i++) {
    const name = text();
    const count = Array.from({ length: u32() }, u64).reduce((product, size) => product * size, 1);
    u32();
    entries.set(name, { count, offset: u64() });
  }
  return { entries, data: Math.ceil(at / 32) * 32 };
}

const { entries, data } = readDirectory();

export const vectorShape = { m: 3, n: 16, k: 512 } as const;

export const hasVector = (name: string): boolean => entries.has(name);

/** The bytes of a tensor, given how many it has. */
export function vectorBytes(name: string, length: number): Uint8Array {
  const entry = entries.get(name);
  if (entry === undefined) throw new Error(`no tensor ${name}`);
  return new Uint8Array(file.subarray(data + entry.offset, data + entry.offset + length));
}

/** The values of an f32 tensor. */
export function vectorValues(name: string): Float32Array {
  const bytes = vectorBytes(name, 4 * (entries.get(name)?.count ?? 0));
  return new Float32Array(bytes.buffer);
}
