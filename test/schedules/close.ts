/** Comparing what programs compute where exponentials are taken: they are rounded, and what is scaled by them is scaled in another order. */
import { type Expr, eachNode, eachStmt, exprsOf, type Program } from "../../ir/index.ts";

/** How far values may be apart, next to the greatest of them: 0, but in programs that hold an exponential. */
export function toleranceOf(program: Program): number {
  let exponentials = 0;
  const see = (e: Expr): void => {
    if (e.kind === "op" && e.op === "exp") exponentials++;
  };
  for (const { body } of program.kernels)
    eachStmt(body, (s) => {
      for (const e of exprsOf(s)) eachNode(e, see);
    });
  return exponentials > 0 ? 2e-6 : 0;
}

/** `values`, with those of `wanted` in place of such as are near enough: to be compared with them. */
export function snapped<T extends number | undefined>(
  values: readonly T[],
  wanted: readonly T[],
  tolerance: number,
): readonly T[] {
  const greatest = Math.max(1, ...wanted.flatMap((v) => (v === undefined || !Number.isFinite(v) ? [] : [Math.abs(v)])));
  return values.map((value, i) => {
    const other = wanted[i];
    if (value === undefined || other === undefined) return value;
    return Math.abs(value - other) <= tolerance * greatest ? other : value;
  });
}
