/** SHA-256, the same in every host. Not here: what is hashed. */
import { sha256 as portable } from "@noble/hashes/sha2.js";
import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js";
import { findNodeModule } from "./host.ts";

/** What is used of node:crypto: it hashes many times faster, which look-ups through many records notice. */
interface NodeCrypto {
  createHash(name: "sha256"): NodeHash;
}

interface NodeHash {
  update(part: string | Uint8Array): NodeHash;
  digest(form: "hex"): string;
}

/** SHA-256 in hexadecimal of the parts one after another; text counts as UTF-8. */
export function sha256(...parts: readonly (string | Uint8Array)[]): string {
  const hash = findNodeModule<NodeCrypto>("node:crypto")?.createHash("sha256");
  return hash === undefined
    ? portableSha256(...parts)
    : parts.reduce<NodeHash>((h, p) => h.update(p), hash).digest("hex");
}

/** The same, without the host's help. */
export function portableSha256(...parts: readonly (string | Uint8Array)[]): string {
  const hash = portable.create();
  for (const part of parts) hash.update(typeof part === "string" ? utf8ToBytes(part) : part);
  return bytesToHex(hash.digest());
}
