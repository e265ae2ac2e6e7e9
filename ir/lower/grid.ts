/**
 * grid: every kernel runs in workgroups.
 *
 *     for n < N thread { y[n] = x[n] }   ->   for n.group < (N + 63) // 64 workgroup.x
 *                                               for n.local < 64 local.x { if n.group*64 + n.local < N { y[n.group*64 + n.local] = .. } }
 *     for n < 8 { y[n] = x[n] }          ->   for group < 1 workgroup.x { for n < 8 { y[n] = x[n] } }
 *
 * A kernel in grid form (`grid.ts` of the folder above) stays as it is; of a thread loop each iteration is one invocation, of a kernel without parallel
 * loops one invocation runs it all. Lets before the loops move into them.
 */
import { add, floordiv, loop, lt, mul, variable, when } from "../build.ts";
import { gridOf } from "../grid.ts";
import type { Expr, For, Kernel, Stmt } from "../nodes.ts";
import { mapExprs, substituter, withBody } from "../visit.ts";
import { type Namer, namerOf } from "./names.ts";

/** Invocations of a workgroup that runs the iterations of a thread loop: a multiple of the subgroup sizes of most machines. */
const perGroup = 64;

export function grid(kernel: Kernel): Kernel {
  const { lets, thread, workgroups, body } = gridOf(kernel);
  const fresh = namerOf(kernel);
  if (thread === undefined && workgroups.size === 0)
    return withBody(kernel, [loop(fresh("group"), 1, body, "workgroup.x")]);
  const values = new Map<string, Expr>();
  for (const s of lets) if (s.kind === "let") values.set(s.name, substituter(values)(s.value));
  const resolve = substituter(values);
  if (thread !== undefined) return withBody(kernel, [spread(thread, resolve(thread.extent), lets, fresh)]);
  const inside: Stmt[] = [...lets, ...body];
  const loops = [...workgroups.values()].reverse();
  return withBody(
    kernel,
    loops.reduce<Stmt[]>((inner, s) => [loop(s.loop, resolve(s.extent), inner, s.loopKind)], inside),
  );
}

/** A thread loop as workgroups of invocations. */
function spread(thread: For, extent: Expr, lets: readonly Stmt[], fresh: Namer): Stmt {
  const [outer, inner] = [fresh(`${thread.loop}.group`), fresh(`${thread.loop}.local`)];
  const at = add(mul(variable(outer), perGroup), variable(inner));
  const rewrite = substituter(new Map([[thread.loop, at]]));
  const body = thread.body.map((s) => mapExprs(s, rewrite));
  const whole = extent.kind === "const" && extent.value % perGroup === 0;
  const guarded = whole ? [...lets, ...body] : [when(lt(at, extent), [...lets, ...body])];
  const groups = floordiv(add(extent, perGroup - 1), perGroup);
  return loop(outer, groups, [loop(inner, perGroup, guarded, "local.x")], "workgroup.x");
}
