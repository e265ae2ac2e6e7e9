/**
 * The verifier's rules of the two forms that kernels for GPUs have: grid form when they are scheduled (`grid.ts`), and the program of one
 * invocation when they are lowered. Rules of all forms are in `verify-rules.ts`.
 */
import { gridReason, localDimension, mostInvocations, workgroupDimension } from "./grid.ts";
import { subgroupSum } from "./lower/subgroups.ts";
import type { Expr, For, Kernel, Stmt } from "./nodes.ts";
import type { Context, Site } from "./sites.ts";
import { printExpr } from "./text/print.ts";
import { uniformityOf } from "./uniform.ts";
import { eachNode, eachStmt, variablesOf } from "./visit.ts";

type Reason = string | undefined;

/** Grid form, and in each local nest every invocation writes elements of its own. */
export function gridFormReason({ kernel, sites, buffers, resolve }: Context): Reason {
  const reason = gridReason(kernel);
  if (reason !== undefined) return reason;
  for (const { stmt, loops, conditions } of sites) {
    if (stmt.kind !== "store" && stmt.kind !== "reduce") continue;
    if (buffers.get(stmt.buffer)?.scope !== "workgroup") continue;
    const names = [...stmt.index, ...conditions, ...(stmt.mask ? [stmt.mask] : [])].flatMap((e) => [
      ...variablesOf(resolve(e)),
    ]);
    const shared = loops.find(
      (s) => localDimension(s.loopKind) !== undefined && !isOne(s.extent) && !names.includes(s.loop),
    );
    if (shared !== undefined)
      return `every invocation of the ${shared.loopKind} loop ${shared.loop} writes ${stmt.buffer}[${stmt.index.map((e) => printExpr(e)).join(", ")}]`;
  }
  return undefined;
}

const isOne = (e: Expr): boolean => e.kind === "const" && e.value === 1;

/** Workgroup loops, then local loops, each by its canonical name; barriers and sums over subgroups where all invocations arrive. */
export function invocationFormReason({ kernel, sites }: Context): Reason {
  let body: readonly Stmt[] = kernel.body;
  let invocations = 1;
  for (const [prefix, dimension] of [
    ["group", workgroupDimension],
    ["local", localDimension],
  ] as const) {
    let depth = 0;
    for (let s = body[0]; body.length === 1 && s?.kind === "for"; s = body[0], depth++) {
      const d = dimension(s.loopKind);
      if (d === undefined) break;
      if (s.loop !== `${prefix}.${d}`) return `the ${s.loopKind} loop is named ${s.loop}, expected ${prefix}.${d}`;
      if (prefix === "local" && s.extent.kind !== "const")
        return `the extent ${printExpr(s.extent)} of ${s.loop} is not a number`;
      if (prefix === "local" && s.extent.kind === "const") invocations *= s.extent.value;
      body = s.body;
    }
    if (depth === 0)
      return `a nest of ${prefix === "group" ? "workgroup" : "local"} loops, with nothing beside them, is expected ${prefix === "group" ? "at the root" : "inside the workgroup loops"}`;
  }
  if (invocations > mostInvocations) return `a workgroup has ${invocations} invocations, at most ${mostInvocations}`;
  let inner: For | undefined;
  eachStmt(body, (s) => {
    if (s.kind === "for" && s.loopKind !== "serial") inner ??= s;
  });
  if (inner !== undefined) return `the ${inner.loopKind} loop ${inner.loop} stands in the program of an invocation`;
  return uniformReason(kernel, sites);
}

function uniformReason(kernel: Kernel, sites: Context["sites"]): Reason {
  const leaders = new Set(kernel.buffers.filter(({ role }) => role === "subgroup").map(({ name }) => name));
  const { divergent } = uniformityOf(kernel, kernel.body);
  const odd = sites.find(
    ({ stmt }) => divergent.has(stmt) && (stmt.kind === "barrier" || subgroupSum(stmt, leaders) !== undefined),
  );
  if (odd === undefined) return undefined;
  const what = odd.stmt.kind === "barrier" ? "a barrier" : "a sum over subgroups";
  return `${what} stands where not all invocations need to arrive (${[...odd.loops.map(({ loop }) => loop), ...odd.conditions.map((e) => printExpr(e))].join(", ")})`;
}

/** A subgroup buffer is read in the index of a sum over subgroups and nowhere else. */
export function subgroupReason({ stmt, nodes }: Site, { buffers }: Context): Reason {
  const isLeader = (name: string): boolean => buffers.get(name)?.role === "subgroup";
  const read = nodes.find((e) => e.kind === "load" && isLeader(e.buffer));
  if (read?.kind !== "load") return undefined;
  const reads = (e: Expr): boolean => {
    let found = false;
    eachNode(e, (node) => {
      found ||= node.kind === "load" && isLeader(node.buffer);
    });
    return found;
  };
  if (stmt.kind === "reduce" && stmt.over.length === 0 && stmt.mask === undefined && !reads(stmt.value))
    return undefined;
  const sum = subgroupSum(stmt, { has: isLeader });
  if (sum !== undefined && !reads(sum.value)) return undefined;
  return `${read.buffer} says which invocations make a subgroup; it is read in slot[${read.buffer}[i], ..] += v over () only`;
}
