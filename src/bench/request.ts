// What the measurements of our own kernels take alike.

import type { Device } from "../../ir/index.ts";
import type { CompileOptions } from "../compile/index.ts";

export interface KernelRequest {
  /** Format of the weights. */
  readonly weights: string;
  /** What x is computed in, by name: `f32`, `i8_g32`, .. */
  readonly x: string;
  /** Time for samples. */
  readonly seconds: number;
  readonly seed: number;
  /** With the threads that kernels are granted. */
  readonly device: Device;
  readonly db?: CompileOptions["db"];
  readonly signal: AbortSignal;
}
