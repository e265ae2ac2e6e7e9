/**
 * Lowering: what every backend would otherwise do for itself. The lists below are the whole of it, in order, one for each kind of device; each pass is in
 * the file of its name.
 *
 * What backends may rely on afterwards: no reduce, no masks, no types below 8 bits; memory is addressed in bytes, an index being a sum of scalars, a
 * constant that is never negative, and lanes; a register buffer is a scalar or a vector (rank 0), or has its lanes as shape and is indexed by all of
 * them or by constants. Loops for Wasm are `serial`, or one outermost `thread` loop; for WGSL the program of one invocation stands in the loops
 * `group.x` .. and `local.x` .. (see README.md).
 */
import type { Kernel } from "../nodes.ts";
import { simplifyKernel as simplify } from "../simplify.ts";
import { barriers } from "./barriers.ts";
import { cse } from "./cse.ts";
import { decompose } from "./decompose.ts";
import { flatten } from "./flatten.ts";
import { forward } from "./forward.ts";
import { grid } from "./grid.ts";
import { induct } from "./induct.ts";
import { invocations } from "./invocations.ts";
import { lookups } from "./lookups.ts";
import { predicate } from "./predicate.ts";
import { scalarize } from "./scalarize.ts";
import { unpack } from "./unpack.ts";
import { unroll } from "./unroll.ts";
import { words } from "./words.ts";

export type Pass = readonly [name: string, pass: (kernel: Kernel) => Kernel];

/** The passes in order. Each keeps the kernel's meaning. */
export const passes: Readonly<Record<"wasm" | "wgsl", readonly Pass[]>> = {
  wasm: [
    ["decompose", decompose],
    ["unroll", unroll],
    ["simplify", simplify],
    ["unpack", unpack],
    ["scalarize", scalarize],
    ["forward", forward],
    ["flatten", flatten],
    ["lookups", lookups],
    ["predicate", predicate],
    ["simplify", simplify],
    ["words", words],
    ["induct", induct],
    ["cse", cse],
  ],
  wgsl: [
    ["decompose", decompose],
    ["grid", grid],
    ["barriers", barriers],
    ["invocations", invocations],
    ["unroll", unroll],
    ["simplify", simplify],
    ["unpack", unpack],
    ["scalarize", scalarize],
    ["forward", forward],
    ["flatten", flatten],
    ["predicate", predicate],
    ["simplify", simplify],
    ["cse", cse],
  ],
};

/**
 * The kernel in the form that the backend of a kind of device writes. `observe` sees it after each pass. Throws an `IrError` for what has no such form.
 */
export function lower(
  kernel: Kernel,
  kind: keyof typeof passes,
  observe: (pass: string, kernel: Kernel) => void = () => {},
): Kernel {
  return passes[kind].reduce((before, [name, pass]) => {
    const after = pass(before);
    observe(name, after);
    return after;
  }, kernel);
}
