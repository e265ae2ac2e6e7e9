/** What other folders may use of `schedules/`. */
export { ScheduleError } from "./errors.ts";
export type { Step } from "./primitive.ts";
export { primitives } from "./primitives/index.ts";
export { applySchedule, type Schedule } from "./schedule.ts";
