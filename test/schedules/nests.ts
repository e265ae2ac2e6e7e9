// What random steps look for in the nests of a kernel.

import { eachStmt, type For, type Kernel, loopsOf, type Stmt, writes } from "../../ir/index.ts";

/** A maximum that one of these neighbouring nests, named by their loops, takes. */
export interface MaximumAmong {
  readonly max: string;
  readonly nests: readonly string[];
}

/** Maxima among nests that may run together, from any nest of as many iterations on. */
export function maximaOf({ body }: Kernel): readonly MaximumAmong[] {
  const found: MaximumAmong[] = [];
  for (const list of [body, ...loopsOf(body).map((l) => l.body)])
    list.forEach((first, i) => {
      if (first.kind !== "for") return;
      const end = list.findIndex((t, k) => k > i && (t.kind !== "for" || t.extent !== first.extent));
      const nests = list.slice(i, end < 0 ? list.length : end) as readonly For[];
      if (nests.length === 1) return;
      eachStmt(nests, (t) => {
        const isMaximum = t.kind === "reduce" && (t.monoid === "max" || t.monoid === "pmax");
        if (isMaximum) found.push({ max: t.buffer, nests: nests.map((l) => l.loop) });
      });
    });
  return found;
}

/** The buffers that a statement writes. */
export function writtenIn(statement: Stmt): readonly string[] {
  const found: string[] = [];
  eachStmt([statement], (t) => writes(t) && found.push(t.buffer));
  return found;
}
