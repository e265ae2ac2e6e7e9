/** What a search strategy is: which point to try next, given what the points tried so far came to. */
import type { Point, Space } from "../../../schedules/index.ts";
import { type Random, splitmix32 } from "../../timing/index.ts";

/** A point that was tried. */
export interface Tried {
  readonly point: Point;
  /** Its time in times of the reference's; undefined where it came to nothing. */
  readonly score: number | undefined;
}

/** What a strategy knows. Equal states give equal points, so that a search goes on as it would have without an interruption. */
export interface SearchState {
  readonly space: Space;
  /** Points to begin with, best guesses first; right ones of the space. */
  readonly seeds: readonly Point[];
  /** In the order tried. */
  readonly tried: readonly Tried[];
  readonly has: (point: Point) => boolean;
  readonly seed: number;
}

export interface Strategy {
  readonly name: string;
  /** Whether it is for a space with this many right points (undefined: too many to count). */
  readonly takes: (points: number | undefined) => boolean;
  /** A right point of the space not tried yet; undefined when it is done. */
  readonly next: (state: SearchState) => Point | undefined;
}

/** Random numbers for the next choice: others after every trial. */
export const randomFor = ({ seed, tried }: SearchState): Random =>
  splitmix32(splitmix32(seed)() ^ Math.imul(tried.length, 0x85ebca6b));
