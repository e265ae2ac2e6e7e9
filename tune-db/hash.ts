/** The hash that names scopes, families, keys and records. */
import { canonicalJson, sha256 } from "../ir/index.ts";

/** SHA-256 of a text, in hex. */
export function textHash(text: string): string {
  return sha256(text);
}

/** SHA-256 of a value's canonical JSON. */
export function contentHash(value: unknown): string {
  return textHash(canonicalJson(value));
}
