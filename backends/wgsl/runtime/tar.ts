/** Reads regular files out of a tar archive in memory. Not here: links, folders, long names and attributes, which its user has no need of. */
import { gpuError } from "./errors.ts";

const block = 512;

/** The files of an archive whose base names are asked for, by base name. @throws GpuError where one is missing or cut off */
export function filesOfTar(archive: Uint8Array, names: readonly string[]): ReadonlyMap<string, Uint8Array> {
  const files = new Map<string, Uint8Array>();
  const text = (at: number, length: number): string =>
    new TextDecoder("latin1")
      .decode(archive.subarray(at, at + length))
      .split("\0")[0]!
      .trim();
  for (let at = 0; at + block <= archive.length && archive[at] !== 0; ) {
    const name = text(at, 100).split("/").at(-1)!;
    const size = Number.parseInt(text(at + 124, 12), 8);
    const kind = text(at + 156, 1);
    const start = at + block;
    if (!(size >= 0) || start + size > archive.length) throw damaged(name);
    if ((kind === "" || kind === "0") && names.includes(name)) files.set(name, archive.subarray(start, start + size));
    at = start + Math.ceil(size / block) * block;
  }
  for (const name of names) if (!files.has(name)) throw damaged(name);
  return files;
}

const damaged = (name: string) =>
  gpuError("call", { reason: `the tar archive holds no whole ${name}: reinstall the package that it came with` });
