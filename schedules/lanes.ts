/** Loops as lane axes: which lane pattern stands for each loop's variable. */
import { b, type Expr } from "../ir/index.ts";

/** For loops (name, extent), outermost first, the lane pattern of each variable in the vector whose axes they are. */
export function laneValues(loops: readonly (readonly [string, number])[]): Map<string, Expr> {
  const sizes = loops.map(([, extent]) => extent);
  return new Map(
    loops.map(([name], axis) => [
      name,
      b.lanes(
        sizes,
        sizes.map((_, i) => (i === axis ? 1 : 0)),
      ),
    ]),
  );
}
