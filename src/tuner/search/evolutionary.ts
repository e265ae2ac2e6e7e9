/**
 * Strategy `evolutionary`: the seeds, a few random points, then children of the fastest: one or two parents among them, one or two axes moved to a neighbouring value.
 * Done when a long run of trials has brought nothing faster.
 */
import { type Point, pointsOf, rejection, type Space } from "../../../schedules/index.ts";
import { type Random, uniform } from "../../timing/index.ts";
import { randomFor, type SearchState, type Strategy, type Tried } from "./strategy.ts";

/** Points tried at random before breeding, besides the seeds. */
const pioneers = 6;
/** The fastest points that may be parents. */
const parents = 8;
/** Chance that a child has two parents, and that it is a random point: local optima are left by these. */
const crossover = 0.4;
const restart = 0.1;
/** Attempts to find a child that is right and new before any point will do. */
const attempts = 50;
/** Trials without a faster point after which it is done. */
const patience = 64;

export const evolutionary: Strategy = {
  name: "evolutionary",
  takes: () => true,
  next: (state) => {
    const seed = state.seeds.find((point) => !state.has(point));
    if (seed !== undefined) return seed;
    if (sinceBest(state.tried) >= patience) return undefined;
    const random = randomFor(state);
    const bred = state.tried.length < state.seeds.length + pioneers ? undefined : breed(state, random);
    return bred ?? anyPoint(state, random);
  },
};

/** Trials since the fastest one so far. */
function sinceBest(tried: readonly Tried[]): number {
  let [best, at] = [Infinity, 0];
  for (const [i, { score }] of tried.entries()) if (score !== undefined && score < best) [best, at] = [score, i];
  return tried.length - 1 - at;
}

function breed({ space, tried, has }: SearchState, random: Random): Point | undefined {
  const fastest = tried
    .filter((t): t is Tried & { readonly score: number } => t.score !== undefined)
    .sort((a, b) => a.score - b.score)
    .slice(0, parents);
  if (fastest.length === 0 || uniform(random) < restart) return undefined;
  // Of two draws the faster: fast parents are likelier, slow ones not excluded.
  const parent = (): Point => fastest[Math.min(below(random, fastest.length), below(random, fastest.length))]!.point;
  for (let i = 0; i < attempts; i++) {
    const child = { ...parent() };
    if (uniform(random) < crossover) {
      const other = parent();
      for (const axis of Object.keys(space.axes)) if (uniform(random) < 0.5) child[axis] = other[axis]!;
    }
    for (let moves = 1 + below(random, 2); moves > 0; moves--) move(space, child, random);
    if (rejection(space, child) === undefined && !has(child)) return child;
  }
  return undefined;
}

/** One axis to a neighbouring value; names have no neighbours, any other one will do. */
function move(space: Space, point: Record<string, number | string>, random: Random): void {
  const axes = Object.entries(space.axes).filter(([, values]) => values.length > 1);
  const [axis, values] = axes[below(random, axes.length)] ?? [];
  if (axis === undefined || values === undefined) return;
  const at = values.indexOf(point[axis]!);
  const ordered = values.every((value) => typeof value === "number");
  const step = ordered ? (below(random, 2) === 0 ? -1 : 1) : 1 + below(random, values.length - 1);
  const to = ordered ? Math.min(values.length - 1, Math.max(0, at + step)) : (at + step) % values.length;
  point[axis] = values[to]!;
}

/** A random right point that was not tried: by luck, else the first there is. */
function anyPoint({ space, has }: SearchState, random: Random): Point | undefined {
  const axes = Object.entries(space.axes);
  for (let i = 0; i < attempts; i++) {
    const point = Object.fromEntries(axes.map(([axis, values]) => [axis, values[below(random, values.length)]!]));
    if (rejection(space, point) === undefined && !has(point)) return point;
  }
  for (const point of pointsOf(space)) if (!has(point)) return point;
  return undefined;
}

const below = (random: Random, count: number): number => Math.floor(uniform(random) * count);
