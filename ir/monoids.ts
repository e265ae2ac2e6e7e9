/** The monoid table: what a reduction combines with, and from what it starts. */
import type { Monoid } from "./nodes.ts";
import type { OpName } from "./scalar-ops.ts";
import { type Scalar, scalarRange } from "./types.ts";

export interface MonoidRow {
  /** The scalar operation that combines two values. */
  readonly op: OpName;
  /** The value that changes nothing. */
  readonly neutral: (scalar: Scalar) => number;
  /** Spelling of the reduce statement in the text form. */
  readonly assign: string;
}

export const monoids: Readonly<Record<Monoid, MonoidRow>> = {
  sum: { op: "add", neutral: () => 0, assign: "+=" },
  max: { op: "max", neutral: (scalar) => scalarRange(scalar)[0], assign: "max=" },
  pmax: { op: "pmax", neutral: (scalar) => scalarRange(scalar)[0], assign: "pmax=" },
  min: { op: "min", neutral: (scalar) => scalarRange(scalar)[1], assign: "min=" },
};
