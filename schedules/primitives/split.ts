/**
 * split: one loop becomes two, `loop = outer * factor + inner`.
 *
 *     for n < 100: B(n)
 *     split(loop: n, factor: 16, into: [no, ni], tail: ..)
 *
 *     exact      for no < 6: for ni < 16: B(16*no + ni)                                  when 16 divides the extent
 *     guard      for no < 7: for ni < 16: if 16*no + ni < 100: B(16*no + ni)
 *     predicate  for no < 7: for ni < 16: B with its stores and the loads indexed by n masked by 16*no + ni < 100
 *     pad        for no < 7: for ni < 16: B(16*no + ni)                                  when every access is in bounds all the same
 *     peel       for no < 6: for ni < 16: B(16*no + ni)
 *                for tail/n < 4: B(96 + tail/n)                                          inner loops of the copy are named tail/..
 */
import { z } from "zod";
import {
  affineOf,
  b,
  type Expr,
  type For,
  factsOf,
  isMultipleOf,
  type Kernel,
  mapExprs,
  mapStmts,
  provablyLess,
  rewriter,
  type Stmt,
  simplifyKernel,
  substituter,
  variablesOf,
} from "../../ir/index.ts";
import { require } from "../errors.ts";
import { type KernelStep, kernelPrimitive, loopNamed, type Primitive } from "../primitive.ts";

export type Tail = "exact" | "guard" | "predicate" | "pad" | "peel";

export interface SplitStep extends KernelStep {
  readonly op: "split";
  readonly loop: string;
  readonly factor: number;
  readonly into: readonly [string, string];
  /** What happens when the factor does not divide the extent; `exact` (the default) refuses that. */
  readonly tail?: Tail | undefined;
}

const schema: z.ZodType<SplitStep> = z.strictObject({
  op: z.literal("split"),
  kernel: z.string().optional(),
  loop: z.string(),
  factor: z.int().positive(),
  into: z.tuple([z.string(), z.string()]),
  tail: z.enum(["exact", "guard", "predicate", "pad", "peel"]).optional(),
});

export const split: Primitive<SplitStep> = kernelPrimitive("split", schema, (kernel, step) => {
  const { loop: target } = loopNamed(kernel, step.loop);
  const { factor, into } = step;
  const exact = isMultipleOf(affineOf(target.extent), factor);
  const tail = exact ? "exact" : (step.tail ?? "exact");
  require(tail !== "exact" || exact, () =>
    `split ${step.loop} by ${factor}: ${describe(target.extent)} is not a multiple of ${factor}; use tail guard, predicate, pad or peel${divisors(target.extent)}`);
  const [outer, inner] = into;
  const index = b.add(b.mul(b.variable(outer), factor), b.variable(inner));
  const rounded =
    tail === "exact" || tail === "peel"
      ? b.floordiv(target.extent, factor)
      : b.floordiv(b.add(target.extent, factor - 1), factor);
  const body = replaceLoop(target.body, step.loop, into, index);
  const inside = b.lt(index, target.extent);
  const nest = (inner_: readonly Stmt[]): For =>
    b.loop(outer, rounded, [b.loop(inner, factor, inner_)], target.loopKind);
  const tails: Record<Tail, () => readonly Stmt[]> = {
    exact: () => [nest(body)],
    guard: () => [nest([b.when(inside, body)])],
    predicate: () => [nest(masked(body, into, inside))],
    pad: () => [nest(body)],
    peel: () => [nest(body), peeled(target, factor)],
  };
  const result = simplifyKernel({
    ...kernel,
    body: mapStmts(kernel.body, (s) => (s === target ? tails[tail]() : undefined)),
  });
  if (tail === "pad") requireInBounds(result, into, step.loop);
  return result;
});

const describe = (extent: Expr): string => (extent.kind === "const" ? String(extent.value) : "a symbolic extent");

function divisors(extent: Expr): string {
  if (extent.kind !== "const") return "";
  const found = [4, 8, 16, 32, 64, 128].filter((d) => extent.value % d === 0);
  return found.length > 0 ? `, or ${found.join(", ")}` : "";
}

/** The body with the loop's variable replaced, and its name in `over` by the two new ones. */
function replaceLoop(body: readonly Stmt[], name: string, into: readonly string[], index: Expr): readonly Stmt[] {
  const substitute = substituter(new Map([[name, index]]));
  return mapStmts(
    body.map((s) => mapExprs(s, substitute)),
    (s) =>
      s.kind === "reduce" && s.over.includes(name)
        ? [{ ...s, over: s.over.flatMap((o) => (o === name ? into : [o])) }]
        : undefined,
  );
}

/** Masks stores, and loads whose index mentions the split loop. */
function masked(body: readonly Stmt[], into: readonly string[], inside: Expr): readonly Stmt[] {
  const both = (mask: Expr | undefined): Expr => (mask === undefined ? inside : b.and(mask, inside));
  const mentions = (index: readonly Expr[]): boolean =>
    index.some((i) => into.some((name) => variablesOf(i).has(name)));
  const loads = rewriter((e) => (e.kind === "load" && mentions(e.index) ? b.reload(e, e.index, both(e.mask)) : e));
  return mapStmts(
    body.map((s) => mapExprs(s, loads)),
    (s) => (s.kind === "store" || s.kind === "reduce" ? [{ ...s, mask: both(s.mask) }] : undefined),
  );
}

/** The iterations that are left over, with every loop renamed `tail/..`. Reductions over the split loop go on accumulating. */
function peeled(target: For, factor: number): For {
  const renamed = new Map<string, Expr>();
  const rename = (s: Stmt): Stmt => {
    if (s.kind !== "for") return s.kind === "if" ? { ...s, body: s.body.map(rename) } : s;
    renamed.set(s.loop, b.variable(`tail/${s.loop}`));
    return { ...s, loop: `tail/${s.loop}`, body: s.body.map(rename) };
  };
  const body = target.body.map(rename);
  const done = b.mul(b.floordiv(target.extent, factor), factor);
  renamed.set(target.loop, b.add(done, b.variable(`tail/${target.loop}`)));
  const substitute = substituter(renamed);
  const continued = mapStmts(
    body.map((s) => mapExprs(s, substitute)),
    (s) =>
      s.kind === "reduce"
        ? [{ ...s, over: s.over.includes(target.loop) ? [] : s.over.map((o) => (renamed.has(o) ? `tail/${o}` : o)) }]
        : undefined,
  );
  return b.loop(`tail/${target.loop}`, b.sub(target.extent, done), continued, target.loopKind);
}

function requireInBounds(kernel: Kernel, into: readonly string[], name: string): void {
  const facts = factsOf(kernel);
  const check = (buffer: string, index: readonly Expr[]): void => {
    const shape = facts.buffer(buffer)?.shape ?? [];
    index.forEach((i, axis) => {
      const inBounds = !into.some((v) => variablesOf(i).has(v)) || provablyLess(i, shape[axis] as Expr, facts);
      require(inBounds, () =>
        `split ${name} with tail pad: axis ${axis} of ${buffer} is not padded that far; pad it by layout first, or use tail predicate`);
    });
  };
  const loads = rewriter((e) => {
    if (e.kind === "load" && !e.mask) check(e.buffer, e.index);
    return e;
  });
  mapStmts(kernel.body, (s) => {
    if (s.kind === "store" || s.kind === "reduce") {
      if (!s.mask) check(s.buffer, s.index);
      require(!(s.kind === "reduce" && into.some((v) => s.over.includes(v))), () =>
        `split ${name} with tail pad: it is a loop of a reduction, whose padding need not be neutral; use tail predicate`);
    }
    mapExprs(s, loads);
    return undefined;
  });
}
