/**
 * Names for what lowering adds: unique in the kernel, derived from what they stand for.
 */
import type { Kernel } from "../nodes.ts";
import { eachStmt } from "../visit.ts";

/** Gives `wish` when it is free, else `wish.1`, `wish.2`, ..; what it gave is taken from then on. */
export type Namer = (wish: string) => string;

/** A namer for a kernel: loops, lets, buffers and symbols share one set of names. */
export function namerOf(kernel: Kernel): Namer {
  const taken = new Set<string>();
  for (const { name } of kernel.symbols) taken.add(name);
  for (const { name } of kernel.buffers) taken.add(name);
  eachStmt(kernel.body, (s) => {
    if (s.kind === "for") taken.add(s.loop);
    else if (s.kind === "let") taken.add(s.name);
  });
  const next = new Map<string, number>();
  return (wish) => {
    let name = wish;
    for (let i = next.get(wish) ?? 1; taken.has(name); i++) {
      name = `${wish}.${i}`;
      next.set(wish, i + 1);
    }
    taken.add(name);
    return name;
  };
}
