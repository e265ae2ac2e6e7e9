/**
 * The sum of `gpu-decode` over the lanes of a workgroup: a tree in workgroup memory, or sums over subgroups whose results a smaller tree adds. The partial
 * results are `part[kl, ni, nt, mi]`: lanes, rows of a block, blocks, rows of x.
 */
import type { BufferScope } from "../../ir/index.ts";
import type { BindStep } from "../primitives/bind.ts";
import type { AnyStep } from "../primitives/index.ts";
import type { Schedule } from "../schedule.ts";
import { splitter } from "./gpu-matmul.ts";

export interface LaneSum {
  readonly lanes: number;
  /** Rows of a block: invocations of the other dimension. */
  readonly interleave: number;
  /** Terms that an invocation sums in a level of the tree. */
  readonly radix: number;
  readonly bySubgroups: boolean;
}

/** The buffer of partial results. */
export const partial = "part";
const slots = "slot";

/** A subgroup's sums stay in registers until then. */
export const partialScope = ({ bySubgroups }: LaneSum): BufferScope => (bySubgroups ? "register" : "workgroup");

/** A level of the tree: a nest over `own` (rows of a block, blocks, rows of x) that sums loop `lane` of `from`. */
interface Level {
  readonly from: string;
  readonly own: readonly [string, string, string];
  readonly lane: string;
  /** Terms that are left after it, one per invocation; 1 in the last level, which gives the results. */
  readonly left: number;
  readonly into: string;
}

const prefixed = (prefix: string, loops: Level["own"]): Level["own"] =>
  loops.map((loop) => `${prefix}/${loop}`) as unknown as Level["own"];

/** The terms that the tree begins with. */
const termsOf = ({ lanes, interleave, bySubgroups }: LaneSum): number => (bySubgroups ? lanes * interleave : lanes);

function levelsOf(sum: LaneSum): readonly Level[] {
  const levels: Level[] = [];
  const first = prefixed(partial, ["ni", "nt", "mi"]);
  let from = sum.bySubgroups ? slots : partial;
  let own = sum.bySubgroups ? prefixed(slots, first) : first;
  let lane = sum.bySubgroups ? `${slots}/lane` : `${partial}/kl`;
  for (let terms = termsOf(sum); terms > 1; ) {
    const left = terms > sum.radix ? terms / sum.radix : 1;
    const into = `${partial}.${levels.length + 2}`;
    levels.push({ from, own, lane, left, into });
    own = prefixed(into, own);
    lane = `${into}/${from}/kr`;
    from = into;
    terms = left;
  }
  return levels;
}

/** From the reduction of `part` into `result`, directly in loop `at`, to the levels of the tree. */
export function sumLanes(sum: LaneSum, kernel: string, result: string, at: string): Schedule {
  const combined: AnyStep = {
    op: "subgroup",
    kernel,
    buffer: result,
    at,
    lanes: [`${partial}/kl`, `${partial}/ni`],
    into: slots,
    leader: "leader",
  };
  const levels = levelsOf(sum).flatMap(({ from, own, lane, left, into }): Schedule => {
    const inner = own[2];
    if (left === 1)
      return [
        { op: "reorder", kernel, loops: [...own, lane] },
        { op: "accumulate-in", kernel, buffer: result, at: inner, into: "sum" },
        { op: "unroll", kernel, loops: [lane] },
      ];
    const [term, rest] = [`${from}/kt`, `${from}/kr`];
    return [
      splitter(kernel)(lane, left, [term, rest]),
      { op: "reorder", kernel, loops: [rest, ...own, term] },
      { op: "accumulate-in", kernel, buffer: result, at, into, keep: [rest], scope: "workgroup" },
      { op: "accumulate-in", kernel, buffer: into, at: inner, into: `${into}.sum` },
      { op: "unroll", kernel, loops: [term] },
    ];
  });
  return [...(sum.bySubgroups ? [combined] : []), ...levels];
}

/** The levels' loops over invocations; `results` is how many each row of a block has. */
export function bindLanes(sum: LaneSum, kernel: string, results: number): Schedule {
  const bind = (loop: string, to: BindStep["to"]): AnyStep => ({ op: "bind", kernel, loop, to });
  const unroll = (...loops: readonly string[]): AnyStep => ({ op: "unroll", kernel, loops });
  const zero = `${slots}/zero`;
  const combined: Schedule = [
    unroll(`${zero}/row/part/ni`, `${zero}/part/nt`, `${zero}/part/mi`),
    bind(`${zero}/part/ni`, "local.x"),
    bind(`${zero}/part/kl`, "local.y"),
    unroll("part/nt", "part/mi", `${slots}/row/part/ni`),
    bind("part/ni", "local.x"),
    bind("part/kl", "local.y"),
  ];
  const levels = levelsOf(sum).flatMap(({ from, own: [ni, nt, mi], left }): Schedule => {
    if (left > 1) return [unroll(nt, mi), bind(ni, "local.x"), bind(`${from}/kr`, "local.y")];
    // Results are shared among the lanes where each gets one at most.
    if (results > sum.lanes) return [unroll(nt, mi), bind(ni, "local.x")];
    const result = `${partial}/result`;
    return [{ op: "fuse", kernel, loops: [nt, mi], into: result }, bind(ni, "local.x"), bind(result, "local.y")];
  });
  return [...(sum.bySubgroups ? combined : []), ...levels];
}

/** Partial sums with rows of a block innermost, so that neighbouring invocations use neighbouring words. */
export function layoutLanes(sum: LaneSum): Schedule {
  return levelsOf(sum).map(({ from }) => ({
    op: "layout",
    buffer: from,
    axes: [["l"], ["i"], ["t"], ["m"]],
    order: from === slots ? ["t", "m", "i", "l"] : ["t", "m", "l", "i"],
  }));
}

/** Workgroup memory for each result of a block's row, in bytes. */
export function laneBytes(sum: LaneSum): number {
  const values = levelsOf(sum).reduce((total, { left }) => total + (left > 1 ? left : 0), termsOf(sum));
  return 4 * values * sum.interleave;
}

/** Why a sum has no such form; undefined when it has one. */
export function laneFault(sum: LaneSum): string | undefined {
  const { lanes, interleave, radix, bySubgroups } = sum;
  if (lanes === 1)
    return radix === 2 && !bySubgroups ? undefined : "one lane has nothing to sum; radix is 2 then, and reduce tree";
  if (radix > termsOf(sum)) return `radix ${radix} is more than ${termsOf(sum)} terms`;
  // Each of the terms left has an invocation, and every row a sum over all subgroups.
  if (!bySubgroups) return undefined;
  if (interleave > 8) return `sums over subgroups are taken once per row, and ${interleave} rows are too many`;
  return radix >= interleave ? undefined : `radix ${radix} leaves more terms than there are lanes`;
}
