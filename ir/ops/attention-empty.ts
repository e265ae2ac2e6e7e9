/** Attention over a cache without tokens: a kernel of its own, since a maximum and sums over nothing have no value. */
import { constant, kernel, load, loop, store, symbol, variable } from "../build.ts";
import type { Buffer, Expr, Kernel, SizeSymbol, Stmt } from "../nodes.ts";
import { tokensSymbol } from "./cache.ts";

/** Without tokens results are 0, and the logarithm of the divisor is -Infinity, or the sink's own. */
export function emptyKernel(
  outputs: readonly Buffer[],
  perRun: readonly SizeSymbol[],
  sinks: Buffer | undefined,
): Kernel {
  const logarithm = sinks === undefined ? constant(Number.NEGATIVE_INFINITY, "f32") : load(sinks, [variable("lse/0")]);
  return kernel("empty", "main", {
    symbols: [...perRun, symbol(tokensSymbol, { max: 0 })],
    buffers: [...(sinks !== undefined && outputs.length > 1 ? [sinks] : []), ...outputs],
    body: outputs.map(({ name, shape }) => {
      const loops = shape.map((_, axis) => `${name}/${axis}`);
      const fill = store(
        name,
        loops.map((of) => variable(of)),
        name === "y" ? constant(0, "f32") : logarithm,
      );
      return loops.reduceRight<Stmt>((inner, of, axis) => loop(of, shape[axis] as Expr, [inner]), fill);
    }),
  });
}
