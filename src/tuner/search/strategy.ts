/** What a search strategy is: which point to try next, given what the points tried so far came to. */
import type { Point, Space } from "../../../schedules/index.ts";
import type { Random } from "../../bench/index.ts";

/** A point that was tried. */
export interface Tried {
  readonly point: Point;
  /** Its time in times of the reference's; undefined where it came to nothing. */
  readonly score: number | undefined;
}

/** What a strategy knows. Equal states and a random source of equal seed give equal points. */
export interface SearchState {
  readonly space: Space;
  /** Points to begin with, best guesses first; right ones of the space. */
  readonly seeds: readonly Point[];
  /** In the order tried. */
  readonly tried: readonly Tried[];
  readonly has: (point: Point) => boolean;
  readonly random: Random;
}

export interface Strategy {
  readonly name: string;
  /** Whether it is for a space with this many right points (undefined: too many to count). */
  readonly takes: (points: number | undefined) => boolean;
  /** A right point of the space not tried yet; undefined when it is done. */
  readonly next: (state: SearchState) => Point | undefined;
}
