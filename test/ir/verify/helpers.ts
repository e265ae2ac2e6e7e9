/** Kernels written as text, and what the verifier says to them. */
import { expect } from "vitest";
import { type Form, type Kernel, parseKernel, verifyKernel } from "../../../ir/index.ts";

const inStage =
  (stage: string) =>
  (body: string): Kernel =>
    parseKernel(`kernel k stage ${stage}\n${body}`);
export const main: (body: string) => Kernel = inStage("main");
export const pack: (body: string) => Kernel = inStage("pack");

/** The message with which a kernel is refused. */
export function refused(kernel: Kernel, form: Form = "scheduled"): string {
  try {
    verifyKernel(kernel, form);
  } catch (error) {
    return (error as Error).message;
  }
  return expect.fail("it is not refused");
}

export const passes = (kernel: Kernel, form: Form = "scheduled"): void =>
  expect(() => verifyKernel(kernel, form)).not.toThrow();

/** Declarations of an input x and an output y. */
export const io = "  input x: f32[8]\n  output y: f32[8]\n";
