/**
 * Groups along tokens. In a cache a row of a format is one token's head. Where its name has `t` in place of `g` (`kv2_t32_m`, KIVI's keys) a row is one value of a head at all
 * tokens: so many neighbouring tokens share a scale, of which each value has its own.
 */
import { WorkloadError } from "../errors.ts";
import { formatOf } from "./catalog.ts";
import type { Format } from "./format.ts";

export interface CacheFormat {
  readonly format: Format;
  /** Tokens that share a scale; 1 where each has its own. Tokens join the cache as many at a time. */
  readonly tokens: number;
}

const pattern: RegExp = /^((?:int|kv|bfp)\d+)_t(\d+)(_[_a-z0-9]+)?$/;

/** The format that a cache's name stands for. Throws a `WorkloadError` as `formatOf` does. */
export function cacheFormatOf(name: string): CacheFormat {
  const [, codes, tokens, rest = ""] = pattern.exec(name) ?? [];
  if (tokens === undefined) return { format: formatOf(name), tokens: 1 };
  if (tokens !== "32" && tokens !== "64") throw new WorkloadError(`${name}: groups of tokens are of 32 or 64`);
  return { format: formatOf(`${codes}_g${tokens}${rest}`), tokens: Number(tokens) };
}
