/** The hash that names scopes, families, keys and records. */
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js";
import { canonicalJson } from "../ir/index.ts";

/** SHA-256 of a text, in hex. */
export function textHash(text: string): string {
  return bytesToHex(sha256(utf8ToBytes(text)));
}

/** SHA-256 of a value's canonical JSON. */
export function contentHash(value: unknown): string {
  return textHash(canonicalJson(value));
}
