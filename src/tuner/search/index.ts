/** The strategies: the first that takes a space searches it. Adding one is a file and a line. */
import { pointsOf, type Space } from "../../../schedules/index.ts";
import { evolutionary } from "./evolutionary.ts";
import { exhaustive } from "./exhaustive.ts";
import type { Strategy } from "./strategy.ts";

export type { SearchState, Strategy, Tried } from "./strategy.ts";

export const strategies: readonly Strategy[] = [exhaustive, evolutionary];

/** Combinations of choices up to which the right points are counted. */
const countable = 2 ** 16;

/** The number of right points of a space; undefined where there are too many combinations to look at. */
export function countPoints(space: Space): number | undefined {
  const combinations = Object.values(space.axes).reduce((product, values) => product * values.length, 1);
  if (combinations > countable) return undefined;
  let count = 0;
  for (const _ of pointsOf(space)) count++;
  return count;
}

/** The strategy for a space with this many right points. */
export const strategyFor = (points: number | undefined): Strategy =>
  strategies.find((strategy) => strategy.takes(points)) ?? evolutionary;
