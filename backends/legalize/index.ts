/** Legalization: the driver, and the rules that more than one backend needs. */
export * from "./driver.ts";
export * from "./facts.ts";
export * from "./floats.ts";
export * from "./halves.ts";
export * from "./integers.ts";
export * from "./tables.ts";
