/**
 * Invocations of a workgroup in step: each runs to its next barrier before any goes on, in some order. What they run comes from `execute.ts`.
 */

export interface InStep {
  /** The local indices, set for the invocation that runs; with the number of values of each, outermost first. */
  readonly counters: readonly Float64Array[];
  readonly extents: readonly number[];
  /** What each invocation has for itself, variables and registers: swapped when another one runs. All begin with what is there. */
  readonly state: readonly (Float64Array | Uint8Array)[];
  /** An invocation's program: stops at each barrier, with the barrier's name. */
  readonly routine: () => Generator<string, void>;
  readonly arrange: (count: number) => readonly number[];
  readonly fail: (reason: string) => never;
}

interface Invocation {
  readonly at: readonly number[];
  readonly program: Generator<string, void>;
  readonly state: readonly (Float64Array | Uint8Array)[];
  /** The barrier that it waits at; undefined at its end. */
  stop: string | undefined;
}

/** Runs all invocations to their end. Fails where some wait at a barrier that others do not reach. */
export function runInStep({ counters, extents, state, routine, arrange, fail }: InStep): void {
  const places = extents.reduce<number[][]>(
    (outer, extent) => outer.flatMap((at) => Array.from({ length: extent }, (_, i) => [...at, i])),
    [[]],
  );
  const invocations = places.map(
    (at): Invocation => ({ at, program: routine(), state: state.map((values) => values.slice()), stop: undefined }),
  );
  for (;;) {
    for (const i of arrange(invocations.length)) {
      const invocation = invocations[i] as Invocation;
      for (const [axis, counter] of counters.entries()) counter.fill(invocation.at[axis] as number);
      copy(invocation.state, state);
      const { done, value } = invocation.program.next();
      copy(state, invocation.state);
      invocation.stop = done === true ? undefined : value;
    }
    const [first] = invocations;
    if (first === undefined) return;
    const other = invocations.find(({ stop }) => stop !== first.stop);
    if (other !== undefined) {
      const [waiting, gone] = first.stop === undefined ? [other, first] : [first, other];
      fail(
        `invocation ${waiting.at.join(", ")} waits at a barrier that invocation ${gone.at.join(", ")} does not reach`,
      );
    }
    if (first.stop === undefined) return;
  }
}

function copy(from: InStep["state"], to: InStep["state"]): void {
  for (let i = 0; i < from.length; i++) to[i]?.set(from[i] as Uint8Array);
}

/** Random orders from a seed (mulberry32; Fisher and Yates's shuffle). */
export function shuffling(seed: number): (count: number) => readonly number[] {
  let state = seed | 0;
  const below = (limit: number): number => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * limit);
  };
  return (count) => {
    const order = Array.from({ length: count }, (_, i) => i);
    for (let i = count - 1; i > 0; i--) {
      const j = below(i + 1);
      [order[i], order[j]] = [order[j] as number, order[i] as number];
    }
    return order;
  };
}
