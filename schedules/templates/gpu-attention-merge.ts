/**
 * The kernel that combines the parts of an attention whose blocks are divided among workgroups:
 *
 *     for io.m workgroup.x: for hk.m workgroup.y:
 *       m = max over parts of m.ts[ts];  m.rest[ts] = e^(m.ts[ts] - m);  l = sum of l.ts[ts] * m.rest[ts]
 *       for dl local.x: o[dl] = sum of o.ts[ts, dl] * m.rest[ts];  y[dl] = o[dl] / l
 */
import type { AnyStep } from "../primitives/index.ts";
import type { Schedule } from "../schedule.ts";
import { attentionOf, type QueryPart } from "./attention-steps.ts";
import { bindLoop, type Choices, type Counted, digits, spread } from "./gpu-attention-steps.ts";
import { fused } from "./rows.ts";
import type { Target } from "./template.ts";

/** The loop over parts. */
export const partsLoop = "ts";

/** What follows the parts becomes a kernel of its own: the loops around both are divided, and what it keeps to itself is made local. */
export function divideParts(outer: readonly string[], part: QueryPart): Schedule {
  const { kernel, suffix } = part;
  const loops = [...outer].reverse();
  const own = (buffer: string, scope: "register" | "workgroup"): AnyStep => ({
    ...{ op: "contract", kernel, buffer, at: "io.m", scope, into: `${buffer}${suffix}` },
  });
  return [
    ...loops.map(
      (loop, i): AnyStep => ({
        ...{ op: "distribute", kernel, loop, after: loops[i - 1] ?? partsLoop, into: `${loop}.m` },
      }),
    ),
    ...["m", "m.rest", "l"].map((buffer) => own(buffer, "workgroup")),
    own("o", "register"),
    { op: "fission", kernel, buffer: "y", into: `merge${suffix}`, stage: "merge" },
  ];
}

/** The steps of that kernel. */
export function mergeParts(
  target: Target,
  outer: readonly string[],
  part: QueryPart,
  { rows, heads, parts, across }: Choices,
): Schedule {
  const kernel = `merge${part.suffix}`;
  const queries = (of: string, ...further: readonly Counted[]): Schedule =>
    spread(kernel, [[`${of}/ii`, rows], [`${of}/hg`, heads], ...further], across);
  return [
    digits(`o${part.suffix}`, "dn", "dl", across),
    ...queries("m/m"),
    ...queries("m.rest/m", [`m.rest/${partsLoop}`, parts]),
    ...queries("l/l"),
    bindLoop(kernel, "o/o/dl", "local.x"),
    bindLoop(kernel, "y/dl", "local.x"),
    ...(attentionOf(target).lse ? queries("lse") : []),
    ...groupLoops(
      kernel,
      outer.map((loop) => `${loop}.m`),
    ),
  ];
}

/** The outermost loops, over sequences, kv heads and tiles of queries, as dimensions of the grid. */
export function groupLoops(kernel: string, outer: readonly string[]): Schedule {
  const [io, heads] = [outer.at(-1) as string, outer.slice(0, -1)];
  const { steps, loop } = fused(kernel, heads);
  return [...steps, bindLoop(kernel, loop, "workgroup.y"), bindLoop(kernel, io, "workgroup.x")];
}
