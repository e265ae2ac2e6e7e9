/** Strategy `exhaustive`: every right point, the seeds first, the others in a random order, so that a budget that ends early has seen all regions. */
import { type Point, pointsOf } from "../../../schedules/index.ts";
import { type Random, splitmix32, uniform } from "../../timing/index.ts";
import type { SearchState, Strategy } from "./strategy.ts";

/** At half a second per point, half a minute. */
const mostPoints = 64;

export const exhaustive: Strategy = {
  name: "exhaustive",
  takes: (points) => points !== undefined && points <= mostPoints,
  next: ({ space, seeds, has, seed }: SearchState): Point | undefined => {
    const shuffled = shuffle([...pointsOf(space)], splitmix32(seed));
    return [...seeds, ...shuffled].find((point) => !has(point));
  },
};

/** Fisher and Yates's, as Durstenfeld has it. */
function shuffle<T>(items: T[], random: Random): readonly T[] {
  for (let i = items.length - 1; i > 0; i--) {
    const j = Math.floor(uniform(random) * (i + 1));
    [items[i], items[j]] = [items[j]!, items[i]!];
  }
  return items;
}
