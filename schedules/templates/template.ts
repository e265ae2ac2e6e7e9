/**
 * Templates: a class of workloads, the space of schedules tried for it, and a pure function from a point of the space to a schedule.
 */
import type { Device, Workload } from "../../ir/index.ts";
import { ScheduleError } from "../errors.ts";
import type { Schedule } from "../schedule.ts";

/** A choice on every axis of a space. */
export type Point = Readonly<Record<string, number | string>>;

/** A condition that some combinations of choices must meet. */
export interface Constraint {
  readonly name: string;
  /** Why the point is wrong, or undefined when it is right. */
  readonly violated: (point: Point) => string | undefined;
}

/** Named axes with their values, and the conditions between them. `layout` names the axes that decide how packed tensors are laid out. */
export interface Space {
  readonly axes: Readonly<Record<string, readonly (number | string)[]>>;
  readonly where: readonly Constraint[];
  readonly layout: readonly string[];
}

/** What a template is asked for: a workload, which values of M its kernels will see, and what the device can do. */
export interface Target {
  readonly workload: Workload;
  readonly device: Pick<Device, "kind" | "features" | "limits">;
}

export interface Template {
  readonly name: string;
  /** How it packs weights: templates of one packing read the same packed tensors, where their points agree on the axes of the layout. */
  readonly packing: string;
  /** Why the template does not take the target, or undefined when it does. */
  readonly refuses: (target: Target) => string | undefined;
  readonly space: (target: Target) => Space;
  /** A point that is always right, and good on most devices. */
  readonly default: (target: Target) => Point;
  readonly schedule: (target: Target, point: Point) => Schedule;
}

/** Why a point is not of the space: an axis missing, unknown or out of values, or a condition by name. Undefined when it is. */
export function rejection(space: Space, point: Point): string | undefined {
  for (const [axis, values] of Object.entries(space.axes)) {
    const value = point[axis];
    if (value === undefined) return `axis ${axis} is missing; it takes ${values.join(", ")}`;
    if (!values.includes(value)) return `${axis} = ${value} is not a choice; it takes ${values.join(", ")}`;
  }
  for (const axis of Object.keys(point))
    if (!(axis in space.axes)) return `there is no axis ${axis}; the space has ${Object.keys(space.axes).join(", ")}`;
  for (const { name, violated } of space.where) {
    const reason = violated(point);
    if (reason !== undefined) return `${name}: ${reason}`;
  }
  return undefined;
}

/** The schedule of a point. Throws a `ScheduleError` naming axis or condition when the point is not of the space. */
export function scheduleOf(template: Template, target: Target, point: Point): Schedule {
  const reason = rejection(template.space(target), point);
  if (reason !== undefined) throw new ScheduleError(`${template.name}: ${reason}`);
  return template.schedule(target, point);
}

/** Every right point of a space, in the order of its axes. */
export function* pointsOf(space: Space): Generator<Point> {
  const axes = Object.entries(space.axes);
  const walk = function* (i: number, point: Record<string, number | string>): Generator<Point> {
    const axis = axes[i];
    if (axis === undefined) {
      if (space.where.every((c) => c.violated(point) === undefined)) yield { ...point };
      return;
    }
    for (const value of axis[1]) yield* walk(i + 1, { ...point, [axis[0]]: value });
  };
  yield* walk(0, {});
}

/** A choice that is a number. */
export function numberAt(point: Point, axis: string): number {
  const value = point[axis];
  if (typeof value !== "number") throw new ScheduleError(`axis ${axis} must be a number, is ${String(value)}`);
  return value;
}
