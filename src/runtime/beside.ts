/** The files of a build, which lie beside its module: read in Node and in browsers. */
import { ApiError } from "./errors.ts";

export interface FileBeside {
  readonly file: string;
  /** Its address, beside the generated module. */
  readonly url: () => URL;
}

/** The bytes of a file. Throws an `ApiError` that names the option which gives them another way where they can't be read. */
export async function readBeside({ file, url }: FileBeside, option: string): Promise<BufferSource> {
  const address = url();
  try {
    return await read(address);
  } catch (cause) {
    throw new ApiError(
      `${file} can't be read from ${address.href}: ${wordsOf(cause)}; put it beside the module that loads it, or pass its bytes with the option ${option}`,
      { cause },
    );
  }
}

/** What Node has on `process`, which browsers lack: no import, so that bundles for browsers need no stand-in. */
interface NodeProcess {
  getBuiltinModule?(name: "node:fs/promises"): { readFile(path: URL): Promise<Uint8Array<ArrayBuffer>> } | undefined;
}

async function read(address: URL): Promise<BufferSource> {
  const { process } = globalThis as { readonly process?: NodeProcess };
  const fs = address.protocol === "file:" ? process?.getBuiltinModule?.("node:fs/promises") : undefined;
  if (fs !== undefined) return fs.readFile(address);
  const response = await fetch(address);
  if (!response.ok) throw new ApiError(`${response.status} ${response.statusText}`.trim());
  return response.arrayBuffer();
}

/** What was caught, in words. */
export const wordsOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause));
