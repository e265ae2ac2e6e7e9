// Plans as the command line changes them: another template, another point, one part alone. How they are made otherwise
// is src/compile's.

import type { Device, Workload } from "../../ir/index.ts";
import {
  type Point,
  type Schedule,
  ScheduleError,
  scheduleOf,
  type Template,
  templateNamed,
  templates,
} from "../../schedules/index.ts";
import { type Choice, type PartPlan, rangesOf, scheduledWorkload, typicalWorkload } from "../compile/index.ts";
import { UsageError } from "./errors.ts";

/** What to take instead of what the records or the template say. */
export interface Override {
  readonly part?: string | undefined;
  readonly template?: string | undefined;
  readonly point?: Point | undefined;
}

/** A part's plan, and where its point comes from. */
export interface SourcedPlan {
  readonly plan: PartPlan;
  readonly source: string;
}

/** The plans to show. Throws a `UsageError` for a part or template that is none, a `ScheduleError` for a point that is not of the space. */
export function overridden(
  workload: Workload,
  device: Device,
  choices: readonly Choice[],
  { part, template: name, point }: Override,
): readonly SourcedPlan[] {
  const wanted = choices.filter(({ plan }) => part === undefined || plan.name === part);
  if (wanted.length === 0)
    throw new UsageError(`--part must be one of ${choices.map(({ plan }) => plan.name).join(", ")}, not "${part}"`);
  const template = name === undefined ? undefined : templateNamed(name);
  if (name !== undefined && template === undefined)
    throw new UsageError(`--template must be one of ${templates.map((t) => t.name).join(", ")}, not "${name}"`);
  return wanted.map((chosen) => {
    if (template === undefined && point === undefined)
      return { plan: chosen.plan, source: chosen.lookup?.record ? `${chosen.lookup.rung} record` : "template default" };
    return { plan: changed(workload, device, chosen.plan, template, point), source: "command line" };
  });
}

function changed(
  workload: Workload,
  device: Device,
  plan: PartPlan,
  other: Template | undefined,
  point: Point | undefined,
): PartPlan {
  const template = other ?? (templateNamed(plan.template) as Template);
  const target = { workload: scheduledWorkload(workload), device };
  const range = rangesOf(workload).find((r) => r.name === plan.name);
  const refusal = range && template.refuses({ workload: typicalWorkload(workload, range), device });
  if (refusal !== undefined)
    throw new ScheduleError(`${template.name} does not take ${plan.name}: ${refusal}; choose another --template`);
  const base = template.name === plan.template ? plan.point : template.default(target);
  const chosen = { ...base, ...point };
  const schedule: Schedule = scheduleOf(template, target, chosen);
  return { ...plan, template: template.name, point: chosen, schedule };
}
