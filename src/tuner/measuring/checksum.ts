/** A checksum of tensors, to see whether they changed. */

/** Odd, so that multiplying loses nothing: Knuth's 2^32 divided by the golden ratio. */
const multiplier = 0x9e3779b1;

/**
 * 32 bits of `bytes`, going on from those of earlier ones. Each step is a bijection of what was before, so that one changed word is always seen; of other
 * changes one in 2^32 is missed. Words in this machine's order: not for other machines.
 */
export function checksum(bytes: Uint8Array, before = 0): number {
  const { buffer, byteOffset, length } = bytes;
  const aligned = byteOffset % 4 === 0 ? length >>> 2 : 0;
  const words = new Uint32Array(buffer, aligned > 0 ? byteOffset : 0, aligned);
  let sum = before ^ length;
  for (let i = 0; i < aligned; i++) sum = mix(sum ^ words[i]!);
  for (let i = 4 * aligned; i < length; i++) sum = mix(sum ^ bytes[i]!);
  return sum >>> 0;
}

function mix(word: number): number {
  const product = Math.imul(word, multiplier);
  return product ^ (product >>> 15);
}
