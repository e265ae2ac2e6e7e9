/** The textual form of kernels and schedules. */
export { type ParseScope, parseExpr, parseKernel, parseProgram } from "./parse.ts";
export { type PrintScope, printExpr, printKernel, printProgram, printStatement } from "./print.ts";
export { type Json, parseSchedule, printSchedule, type StepRecord } from "./schedule.ts";
