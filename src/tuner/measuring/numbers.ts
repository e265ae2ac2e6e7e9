/** What problems are made of: their form, and random values for inputs. */
import { type Buffer, type Containers, sizeOf, type Workload } from "../../../ir/index.ts";
import { arrayOf, type Sizes, type TensorArray } from "../../runtime/index.ts";
import { normal, type Random, uniform } from "../../timing/index.ts";
import type { Verdict } from "./judge.ts";

/** One instance of a workload. Tensors go by their buffers' names. */
export interface Problem {
  readonly workload: Workload;
  /** Values of the symbols: `M` the rows, 0 where the operator has none. */
  readonly sizes: Sizes;
  /** Weights as stored in a file. */
  readonly weights: Containers;
  readonly inputs: Readonly<Record<string, TensorArray>>;
  /** Tensors that a run changes where they are, as they stand before it. @default none */
  readonly changed?: Readonly<Record<string, Uint8Array<ArrayBuffer>>>;
  /** Judges the bytes of the outputs, and of what one run has changed. */
  readonly judge: (output: (name: string) => Uint8Array<ArrayBuffer>) => Verdict;
}

/** Distinct rows of weights, and of caches. */
export const poolRows = 64;

export const elementsOf = ({ shape }: Buffer, sizes: Sizes = {}): number =>
  shape.reduce((product, size) => product * sizeOf(size, sizes), 1);

/** Integers without a range are as large as positions in a long context, and as the positions between two of them. */
const farthest = 2 ** 20;

/** Normal floats; integers of the buffer's range. */
export function randomValues(of: Buffer, random: Random, sizes: Sizes = {}): TensorArray {
  const [low, high] = of.below ? [0, sizeOf(of.below, sizes) - 1] : (of.range ?? [-farthest, farthest]);
  const draw = of.scalar === "f32" ? () => normal(random) : () => low + Math.floor(uniform(random) * (high - low + 1));
  return new (arrayOf(of))(elementsOf(of, sizes)).map(draw);
}
