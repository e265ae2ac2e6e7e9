/** A schedule: an array of plain step records, applied one after another. */
import { type Program, QloomError } from "../ir/index.ts";
import { require, ScheduleError } from "./errors.ts";
import { clash } from "./names.ts";
import { type AnyStep, primitives } from "./primitives/index.ts";

/** Plain JSON: can be stored, printed, compared and replayed. */
export type Schedule = readonly AnyStep[];

/**
 * The program after all steps. `observe` sees it after each. Throws `ScheduleError` for the first step that is not one or does not apply; the message names
 * the step by number.
 */
export function applySchedule(
  program: Program,
  schedule: Schedule,
  observe?: (step: AnyStep, after: Program) => void,
): Program {
  return schedule.reduce((current, step, i) => {
    const after = applyStep(current, step, i);
    observe?.(step, after);
    return after;
  }, program);
}

function applyStep(program: Program, step: AnyStep, i: number): Program {
  const primitive = primitives.get(step.op);
  const place = `step ${i + 1} (${step.op})`;
  if (primitive === undefined)
    throw new ScheduleError(`${place}: no such primitive; there are ${[...primitives.keys()].join(", ")}`);
  const parsed = primitive.schema.safeParse(step);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw new ScheduleError(`${place}: ${issue?.path.join(".") ?? ""} ${issue?.message ?? "not a step"}`);
  }
  try {
    const after = primitive.apply(program, parsed.data);
    const reason = clash(after);
    require(reason === undefined, () => `${reason}; choose another name, or transform the other one first`);
    return after;
  } catch (error) {
    // An ill-formed node that a step would build is the step's failure to apply.
    if (error instanceof QloomError) throw new ScheduleError(`${place}: ${error.message}`);
    throw error;
  }
}
