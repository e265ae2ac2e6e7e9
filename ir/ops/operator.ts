/** What an operator is: a row of the table in `index.ts`. Whatever compiles, checks, tunes, builds and runs it follows from its program. */
import type { Containers } from "../formats/index.ts";
import type { Program } from "../nodes.ts";

/** Values of tensors by name, row-major. */
export type Tensors = Readonly<Record<string, ArrayLike<number>>>;

export interface Operator<W> {
  /** The naive program, which defines the result. Throws a `WorkloadError` that names the field, the reason and the remedy. */
  readonly program: (workload: W) => Program;
  /** The outputs in float64, from the inputs and from weights as they are stored; written apart from the IR. */
  readonly reference: (workload: W, inputs: Tensors, weights: Containers) => Tensors;
  /** What it computes, as an equation. */
  readonly meaning: (workload: W) => string;
  /** Mean of squared errors over mean of squares that a row of results may have; 0 where it is exact. */
  readonly bound: (workload: W) => number;
}

/** Bound of operators that compute in f32. */
export const f32Bound = 1e-10;

/** The values of an input. */
export function valuesOf(inputs: Tensors, name: string): ArrayLike<number> {
  const values = inputs[name];
  if (values === undefined) throw new Error(`the reference has no ${name}`);
  return values;
}
