/** What other folders may use of `schedules/`. */
export { ScheduleError } from "./errors.ts";
export { type AnyStep, primitives } from "./primitives/index.ts";
export { applySchedule, type Schedule } from "./schedule.ts";
export { explain, rivalsFor, templateFor, templateNamed, templates } from "./templates/index.ts";
export {
  type Constraint,
  type Point,
  pointsOf,
  rejection,
  type Space,
  scheduleOf,
  type Target,
  type Template,
} from "./templates/template.ts";
