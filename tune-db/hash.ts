/** The hash that names scopes, families, keys and records. */
import { hash } from "node:crypto";
import { canonicalJson } from "../ir/index.ts";

/** SHA-256 of a text, in hex. */
export function textHash(text: string): string {
  return hash("sha256", text, "hex");
}

/** SHA-256 of a value's canonical JSON. */
export function contentHash(value: unknown): string {
  return textHash(canonicalJson(value));
}
