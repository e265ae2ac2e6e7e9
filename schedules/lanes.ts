/** Loops as lane axes: which lane pattern stands for each loop's variable. */
import { b, type Expr, type For, factsOf, type Kernel, type Reduce, type Store } from "../ir/index.ts";
import { determined } from "./elements.ts";
import { require } from "./errors.ts";
import { loopsIn } from "./two-levels.ts";

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

/** Each lane must write an element of its own. */
export function requireLanesApart(kernel: Kernel, s: Store | Reduce, loops: readonly For[]): void {
  require([...s.index, s.value].every((e) => e.type.lanes.length === 0), () =>
    `the statement that writes ${s.buffer} is a vector already; name all loops in one step`);
  require(loopsIn(s.index, loops).length > 0, () =>
    `no lane of ${loops.map((l) => l.loop).join(", ")} is in the index of ${s.buffer}; choose loops that its elements depend on`);
  const own = determined(s.index, new Set(loops.map((l) => l.loop)), factsOf(kernel));
  const shared = loops.find((l) => !own.has(l.loop));
  require(shared === undefined, () =>
    `lanes of ${shared?.loop} would write the same elements of ${s.buffer}; choose other loops, or rfactor a sum`);
}
