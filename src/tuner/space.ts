/** The points that compete for one part of a workload: the template's space, restricted where weights are packed already. */
import { canonicalJson } from "../../ir/index.ts";
import { type Point, pointsOf, rejection, type Space, type Target, type Template } from "../../schedules/index.ts";

export const keyOf = (point: Point): string => canonicalJson(point);

/** The space with the layout's axes as `pinned` has them: one packing serves every M. */
export function restrictSpace(space: Space, pinned: Point | undefined): Space {
  if (pinned === undefined) return space;
  const fixed = space.layout.filter((axis) => axis in pinned).map((axis) => [axis, [pinned[axis]!]] as const);
  return { ...space, axes: { ...space.axes, ...Object.fromEntries(fixed) } };
}

/** The right point of a space that differs from the wanted one on the fewest axes; undefined where the space is empty. */
export function nearestPoint(space: Space, wanted: Point): Point | undefined {
  if (rejection(space, wanted) === undefined) return wanted;
  const distance = (point: Point): number =>
    Object.keys(space.axes).filter((axis) => point[axis] !== wanted[axis]).length;
  let best: Point | undefined;
  for (const point of pointsOf(space)) if (best === undefined || distance(point) < distance(best)) best = point;
  return best;
}

/** A point of another shape or device, brought into the space; undefined where it has other axes. */
export function transfer(space: Space, point: Readonly<Record<string, unknown>>): Point | undefined {
  const axes = Object.entries(space.axes);
  if (axes.length !== Object.keys(point).length || !axes.every(([axis]) => axis in point)) return undefined;
  const fixed = axes.map(([axis, values]) => [axis, values.length === 1 ? values[0] : point[axis]]);
  const moved = Object.fromEntries(fixed) as Point;
  return rejection(space, moved) === undefined ? moved : undefined;
}

/** What a part is tuned over. */
export interface Field {
  readonly template: Template;
  /** The template's whole space, and the part of it that may win. */
  readonly whole: Space;
  readonly space: Space;
  /** What an untuned kernel has. */
  readonly reference: Point;
}

/** A part of a space, around the template's own choice. */
export type Restrict = (space: Space, reference: Point) => Space;

export function makeField(template: Template, target: Target, pinned: Point | undefined, restrict?: Restrict): Field {
  const whole = template.space(target);
  const reference = template.default(target);
  const space = restrictSpace(whole, pinned);
  return { template, whole, space: restrict?.(space, reference) ?? space, reference };
}
