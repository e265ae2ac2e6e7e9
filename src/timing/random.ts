// Seeded pseudo-random numbers for benchmark data and resampling: the same seed gives the same numbers everywhere.
// Not for secrets, and not for shuffling beyond 2^32 states.

/** A source of pseudo-random unsigned 32-bit integers. */
export type Random = () => number;

/**
 * splitmix32: a counter stepped by the golden ratio and mixed by two multiply-xorshift rounds (Steele, Lea, Flood,
 * "Fast splittable pseudorandom number generators", 2014; 32-bit constants by Chris Wellons' hash prospector).
 */
export function splitmix32(seed: number): Random {
  let state = seed | 0;
  return () => {
    state = (state + 0x9e3779b9) | 0;
    let mixed = state ^ (state >>> 16);
    mixed = Math.imul(mixed, 0x21f0aaad);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
    return (mixed ^ (mixed >>> 15)) >>> 0;
  };
}

/** Uniform in [0, 1). */
export function uniform(random: Random): number {
  return random() / 2 ** 32;
}

/** Standard normal (Box-Muller; 1 - u keeps the logarithm's argument above 0). */
export function normal(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - uniform(random))) * Math.cos(2 * Math.PI * uniform(random));
}
