/** A schedule: an array of plain step records, applied one after another. */
import type { z } from "zod";
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
  const op: unknown = (step as Partial<AnyStep> | null)?.op;
  const primitive = typeof op === "string" ? primitives.get(op) : undefined;
  if (primitive === undefined) {
    const what = op === undefined ? "it has no op" : `no primitive is named ${JSON.stringify(op)}`;
    throw new ScheduleError(`step ${i + 1}: ${what}; there are ${[...primitives.keys()].join(", ")}`);
  }
  const parsed = primitive.schema.safeParse(step);
  if (!parsed.success) throw new ScheduleError(`step ${i + 1}: ${primitive.op}: ${issueOf(parsed.error)}`);
  try {
    const after = primitive.apply(program, parsed.data);
    const reason = clash(after);
    require(reason === undefined, () => `${reason}; choose another name, or transform the other one first`);
    return after;
  } catch (error) {
    // An ill-formed node that a step would build is the step's failure to apply.
    if (!(error instanceof QloomError)) throw error;
    const said = error.message.startsWith(primitive.op) ? error.message : `${primitive.op}: ${error.message}`;
    throw new ScheduleError(`step ${i + 1}: ${said}`);
  }
}

/** What is wrong with a step, as `field: reason`; where it may have several forms, with the one that it is nearest to. */
function issueOf(error: z.core.$ZodError): string {
  const [issue] = error.issues;
  if (issue?.code === "invalid_union" && issue.errors.length > 0) {
    const nearest = issue.errors.reduce((a, c) => (c.length < a.length ? c : a));
    return describe(nearest[0]);
  }
  return describe(issue);
}

const describe = (issue: z.core.$ZodIssue | undefined): string =>
  [issue?.path.join("."), issue?.message ?? "not a step"].filter((part) => part).join(": ");
