/** A reduced space: small enough to time every point of it. */
import { type Point, pointsOf, type Space } from "../../../schedules/index.ts";

/**
 * The space around a point, at most `most` right points: axis by axis, nearest values first, each axis gets one more of its values while there is room. Which points
 * it holds depends on the space and the point alone, not on what was measured.
 */
export function reduceSpace(space: Space, around: Point, most: number): Space {
  const names = Object.keys(space.axes);
  let axes: Record<string, readonly (number | string)[]> = Object.fromEntries(
    names.map((name) => [name, [around[name]!]]),
  );
  const room = (candidate: typeof axes): boolean => {
    let count = 0;
    for (const _ of pointsOf({ ...space, axes: candidate })) if (++count > most) return false;
    return true;
  };
  const waiting = new Map(names.map((name) => [name, nearestFirst(space.axes[name]!, around[name]!).slice(1)]));
  while (waiting.size > 0) {
    for (const [name, values] of waiting) {
      const [value, ...others] = values;
      const held = axes[name]!;
      const wider = { ...axes, [name]: space.axes[name]!.filter((v) => held.includes(v) || v === value) };
      if (value === undefined || !room(wider)) {
        waiting.delete(name);
        continue;
      }
      axes = wider;
      waiting.set(name, others);
    }
  }
  return { ...space, axes };
}

/** Values by their distance from one of them in the order that they are listed in. */
function nearestFirst(values: readonly (number | string)[], from: number | string): readonly (number | string)[] {
  const at = values.indexOf(from);
  return [...values].sort((a, c) => Math.abs(values.indexOf(a) - at) - Math.abs(values.indexOf(c) - at));
}
