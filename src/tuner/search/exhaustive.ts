/** Strategy `exhaustive`: every right point, the seeds first, the others in a random order, so that a budget that ends early has seen all regions. */
import { type Point, pointsOf } from "../../../schedules/index.ts";
import { uniform } from "../../bench/index.ts";
import type { SearchState, Strategy } from "./strategy.ts";

/** At half a second per point, half a minute. */
const mostPoints = 64;

export const exhaustive: Strategy = {
  name: "exhaustive",
  takes: (points) => points !== undefined && points <= mostPoints,
  next: ({ space, seeds, has, random }: SearchState): Point | undefined => {
    const seed = seeds.find((point) => !has(point));
    if (seed !== undefined) return seed;
    const left = [...pointsOf(space)].filter((point) => !has(point));
    return left[Math.floor(uniform(random) * left.length)];
  },
};
