/** Steps that the attention templates are made of. */
import { type AttentionWorkload, type Format, isSubByte, scalars } from "../../ir/index.ts";
import type { AnyStep } from "../primitives/index.ts";
import type { SplitStep } from "../primitives/split.ts";
import type { Schedule } from "../schedule.ts";
import type { Target } from "./template.ts";

/** Lanes of a vector of f32, and of i32. */
export const quadSize = 4;

/** A kernel that `specialize` makes, the queries of its tile, and the ending of its workspaces' names. */
export interface QueryPart {
  readonly kernel: string;
  readonly rows: number;
  readonly suffix: string;
}

export const attentionOf = ({ workload }: Target): AttentionWorkload => {
  if (workload.op !== "attention") throw new Error(`an attention template was given ${workload.op}`);
  return workload;
};

/** Why a template for up to `most` queries does not take a target; undefined where it does. */
export const refusesRows = ({ workload }: Target, most: number): string | undefined =>
  workload.op === "attention" && workload.m !== "any" && workload.m > most
    ? `M = ${workload.m} is more than ${most}`
    : undefined;

/** The kernels that queries are divided into by tiles of `rows`, in the order in which `specialize` makes them. */
export function partsOf(m: AttentionWorkload["m"], rows: number): readonly QueryPart[] {
  const tails = m === "any" ? Array.from({ length: rows - 1 }, (_, i) => i + 1) : m % rows > 0 ? [m % rows] : [];
  const whole = m === "any" || m >= rows ? [{ kernel: "main", rows, suffix: `.${rows}` }] : [];
  return [...whole, ...tails.map((r) => ({ kernel: `main.${r}`, rows: r, suffix: `.${r}` }))];
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

/** A block's page is looked up once: its addresses are then those of a cache without pages. */
export const paged = (kernel: string): AnyStep => ({
  ...{ op: "stage", kernel, buffer: "pageTable", at: "tb", into: "page", scope: "register" },
});

interface Steps {
  readonly split: (loop: string, factor: number, into: readonly [string, string]) => SplitStep;
  readonly reorder: (...loops: readonly string[]) => AnyStep;
  readonly vectorize: (loops: string | readonly string[]) => AnyStep;
  readonly unroll: (...loops: readonly string[]) => AnyStep;
  /** Decoded values of a cached tensor, at a loop, in registers `into`; nothing for plain floats. */
  readonly decode: (format: Format, tensor: "k" | "v", at: string, into: string) => Schedule;
}

/** A pass over the tokens: what it makes, its loops inside a block, and whether a block alone uses it. */
export interface Pass {
  readonly of: string;
  readonly loops: readonly string[];
  readonly isLocal: boolean;
}

export const passes: Readonly<Record<AttentionWorkload["numerics"]["weights"], readonly Pass[]>> = {
  f32: [
    { of: "s", loops: ["ti", "d"], isLocal: true },
    { of: "x", loops: ["ti"], isLocal: true },
    { of: "m", loops: ["ti"], isLocal: false },
    { of: "p", loops: ["ti"], isLocal: true },
    { of: "l", loops: ["ti"], isLocal: false },
    { of: "o", loops: ["ti", "d"], isLocal: false },
  ],
  i8: [
    { of: "s", loops: ["ti", "d"], isLocal: true },
    { of: "x", loops: ["ti"], isLocal: true },
    { of: "xb", loops: ["ti"], isLocal: true },
    { of: "m", loops: [], isLocal: false },
    { of: "e", loops: ["ti"], isLocal: true },
    { of: "r", loops: [], isLocal: true },
    { of: "lb", loops: ["ti"], isLocal: true },
    { of: "l", loops: [], isLocal: false },
    { of: "w", loops: ["g", "ti"], isLocal: true },
    { of: "w.max", loops: ["g", "ti"], isLocal: true },
    { of: "w.s", loops: ["g"], isLocal: true },
    { of: "w.q", loops: ["g", "ti"], isLocal: true },
    { of: "o", loops: ["ti", "d"], isLocal: false },
  ],
};

/** What is carried from block to block. */
export const state = ["m", "l", "o", "m.before", "m.scale"] as const;

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
