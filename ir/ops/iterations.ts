/** How much a workload has to do, before anything is known of how. */
import { inDomain } from "../interpret.ts";
import { sizeOf } from "../memory.ts";
import type { Program, Stmt } from "../nodes.ts";

/** The innermost iterations of a naive program's kernels, packing left out, for these values of its symbols. */
export function iterationsOf(program: Program, symbols: Readonly<Record<string, number>>): number {
  const within = (body: readonly Stmt[]): number =>
    body.reduce((sum, s) => sum + (s.kind === "for" ? sizeOf(s.extent, symbols) * within(s.body) : 1), 0);
  return program.kernels
    .filter((kernel) => kernel.stage !== "pack" && inDomain(kernel, symbols))
    .reduce((sum, { body }) => sum + within(body), 0);
}
