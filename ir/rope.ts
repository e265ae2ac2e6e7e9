/** What a rotary position embedding is, wherever keys or queries are turned: alone, before keys join a cache, or of keys that are there. */

/** Which values of a head are a pair: the i-th with the i-th of the other half of what is rotated (`neox`), or neighbours (`interleaved`). */
export const ropePairings = ["neox", "interleaved"] as const;
export type RopePairing = (typeof ropePairings)[number];

/** Of the first `rotary` values of a head, pair i is turned by the angle `positions[m] * frequencies[i]`; the rest is as it was. */
export interface Rotation {
  readonly rotary: number;
  readonly pairing: RopePairing;
}

/** A rotation, what is turned multiplied by `scale` (YaRN's attention factor; 1 where there is none). */
export interface ScaledRotation extends Rotation {
  readonly scale: number;
}
