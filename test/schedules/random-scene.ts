/** What random schedule steps are drawn from: a program, a kernel of it, and decisions that a property test shrinks. */
import { type Buffer, eachStmt, findLoop, type Kernel, loopsOf, type Program, type Reduce } from "../../ir/index.ts";

/** Decisions, taken from a tape that a property test shrinks. */
export interface Choice {
  /** A number from 0 to n - 1. */
  readonly below: (n: number) => number;
  readonly pick: <T>(items: readonly T[]) => T;
}

export function choiceOf(tape: readonly number[]): Choice {
  let at = 0;
  const below = (n: number): number => (tape[at++] ?? 0) % n;
  return {
    below,
    pick: (items) => {
      if (items.length === 0) throw new NothingToPick();
      return items[below(items.length)] as (typeof items)[number];
    },
  };
}

/** The program holds nothing that such a step could name. */
export class NothingToPick extends Error {}

export interface Scene extends Choice {
  readonly program: Program;
  readonly kernel: Kernel;
  readonly fresh: (wish: string) => string;
}

export const loopName = (s: Scene): string => s.pick(loopsOf(s.kernel.body)).loop;
export const buffers = (s: Scene, test: (b: Buffer) => boolean): readonly string[] =>
  s.kernel.buffers.filter(test).map(({ name }) => name);
export const isLocal = (b: Buffer): boolean => b.scope !== "global";
export const isOwn = (b: Buffer): boolean => isLocal(b) || b.role === "workspace" || b.role === "packed";

/** A reduction, and a loop around it (or none: the root). */
export function reduction(s: Scene): { reduce: Reduce; at: string | undefined; inside: readonly string[] } {
  const found: { reduce: Reduce; loops: readonly string[] }[] = [];
  eachStmt(s.kernel.body, (t, loops) => {
    if (t.kind === "reduce") found.push({ reduce: t, loops: loops.map((l) => l.loop) });
  });
  const { reduce, loops } = s.pick(found);
  const depth = s.below(loops.length + 1);
  return { reduce, at: loops[depth - 1], inside: loops.slice(depth) };
}

export function shuffled<T>(s: Choice, items: readonly T[]): T[] {
  const rest = [...items];
  return items.map(() => rest.splice(s.below(rest.length), 1)[0] as T);
}

/** A loop and those that follow it in a perfect nest, of at least two loops where the second try finds one. */
export function nestAt(s: Scene): readonly string[] {
  const names = oneNestAt(s);
  return names.length > 1 ? names : oneNestAt(s);
}

export function oneNestAt(s: Scene): readonly string[] {
  const { loop } = findLoop(s.kernel.body, loopName(s)) as NonNullable<ReturnType<typeof findLoop>>;
  const names: string[] = [];
  let body: readonly { readonly kind: string }[] = [loop];
  while (body.length === 1 && body[0]?.kind === "for") {
    const inner = body[0] as typeof loop;
    names.push(inner.loop);
    body = inner.body;
  }
  return names;
}
