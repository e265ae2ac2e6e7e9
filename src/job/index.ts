/** The main job: tune a model's matmuls, build them, check the build. */
export type { Check } from "./check.ts";
export { type JobOptions, type JobReport, type JobRow, runJob } from "./job.ts";
