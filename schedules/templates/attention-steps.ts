/** Steps that the attention templates are made of. */
import { type Format, isSubByte, scalars } from "../../ir/index.ts";
import type { AnyStep } from "../primitives/index.ts";
import type { SplitStep } from "../primitives/split.ts";
import type { Schedule } from "../schedule.ts";

/** Lanes of a vector of f32, and of i32. */
export const quadSize = 4;

/** A kernel that `specialize` makes, the queries of its tile, and the ending of its workspaces' names. */
export interface QueryPart {
  readonly kernel: string;
  readonly rows: number;
  readonly suffix: string;
}

/** The steps on nests while they are whole, and those after which nothing moves. */
export interface Derivation {
  readonly nests: Schedule;
  readonly vectors: Schedule;
}

export const none: Derivation = { nests: [], vectors: [] };
export const join = (a: Derivation, c: Derivation): Derivation => ({
  nests: [...a.nests, ...c.nests],
  vectors: [...a.vectors, ...c.vectors],
});

/** Whether values are floats that are loaded as they are. */
export const isPlain = ({ fields }: Format): boolean => fields.every(({ name, float }) => name === "v" && !float);

/** Codes of a format that share a byte of the cache. */
export function piecesIn(format: Format): number {
  const scalar = format.fields.find(({ name }) => name === "q")?.scalar ?? "u8";
  return isSubByte(scalar) && 8 % scalars[scalar].bits === 0 ? 8 / scalars[scalar].bits : 1;
}

interface Steps {
  readonly split: (loop: string, factor: number, into: readonly [string, string]) => SplitStep;
  readonly reorder: (...loops: readonly string[]) => AnyStep;
  readonly vectorize: (loops: string | readonly string[]) => AnyStep;
  readonly unroll: (...loops: readonly string[]) => AnyStep;
  /** Decoded values of a cached tensor, at a loop, in registers `into`; nothing for plain floats. */
  readonly decode: (format: Format, tensor: "k" | "v", at: string, into: string) => Schedule;
}

/** Steps on one kernel. */
export const steps = (kernel: string): Steps => ({
  split: (loop, factor, into) => ({ op: "split", kernel, loop, factor, into }),
  reorder: (...loops) => ({ op: "reorder", kernel, loops }),
  vectorize: (loops) => ({ op: "vectorize", kernel, loops: typeof loops === "string" ? [loops] : loops }),
  unroll: (...loops) => ({ op: "unroll", kernel, loops }),
  decode: (format, tensor, at, into) => {
    const [first, ...others] = format.fields.map(({ name }) => `${tensor}.${name}`);
    if (first === undefined || isPlain(format)) return [];
    return [{ op: "stage", kernel, buffer: first, at, into, scope: "register", decode: true, with: others }];
  },
});

/** A loop in vectors of 4. */
export function quads({ kernel }: QueryPart, loop: string): Derivation {
  const { split, vectorize } = steps(kernel);
  return { nests: [split(loop, quadSize, [`${loop}.v`, `${loop}.l`])], vectors: [vectorize(`${loop}.l`)] };
}

/** A reduction of a block over its tokens, by a vector of 4 partial results. */
export function laneReduction({ kernel }: QueryPart, buffer: string, pass: string, at: string): Derivation {
  const { split, vectorize, unroll } = steps(kernel);
  const [vectors, lanes, into] = [`${pass}/tv`, `${pass}/tl`, `${pass}.lanes`];
  return {
    nests: [
      split(`${pass}/ti`, quadSize, [vectors, lanes]),
      { op: "accumulate-in", kernel, buffer, at, into, keep: [lanes] },
    ],
    vectors: [vectorize(lanes), unroll(`${into}/${lanes}`)],
  };
}
