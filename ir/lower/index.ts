/**
 * Lowering: what every backend would otherwise do for itself. The list below is the whole of it, in order; each pass is in the file of its name.
 *
 * What backends may rely on afterwards: loops are `serial`, or one outermost `thread` loop; no reduce, no masks, no types below
 * 8 bits; global buffers are addressed in bytes, an index being a sum of scalars, a constant that is never negative, and lanes; a
 * register buffer is a scalar or a vector (rank 0), or has its lanes as shape and is indexed by all of them or by constants.
 */
import type { Kernel } from "../nodes.ts";
import { simplifyKernel as simplify } from "../simplify.ts";
import { cse } from "./cse.ts";
import { decompose } from "./decompose.ts";
import { flatten } from "./flatten.ts";
import { forward } from "./forward.ts";
import { induct } from "./induct.ts";
import { predicate } from "./predicate.ts";
import { scalarize } from "./scalarize.ts";
import { unpack } from "./unpack.ts";
import { unroll } from "./unroll.ts";

/** The passes in order. Each keeps the kernel's meaning. */
export const passes: readonly (readonly [name: string, pass: (kernel: Kernel) => Kernel])[] = [
  ["decompose", decompose],
  ["unroll", unroll],
  ["simplify", simplify],
  ["unpack", unpack],
  ["scalarize", scalarize],
  ["forward", forward],
  ["flatten", flatten],
  ["predicate", predicate],
  ["simplify", simplify],
  ["induct", induct],
  ["cse", cse],
];

/** The kernel in the form that backends write. `observe` sees it after each pass. Throws an `IrError` for what has no such form. */
export function lower(kernel: Kernel, observe: (pass: string, kernel: Kernel) => void = () => {}): Kernel {
  return passes.reduce((before, [name, pass]) => {
    const after = pass(before);
    observe(name, after);
    return after;
  }, kernel);
}
