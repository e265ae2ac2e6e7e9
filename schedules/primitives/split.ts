/**
 * split: one loop becomes two, `loop = outer * factor + inner`.
 *
 *     for n < 100: B(n)
 *     split(loop: n, factor: 16, into: [no, ni], tail: ..)
 *
 *     exact      for no < 6: for ni < 16: B(16*no + ni)                                  when 16 divides the extent
 *     guard      for no < 7: for ni < 16: if 16*no + ni < 100: B(16*no + ni)
 *     predicate  for no < 7: for ni < 16: B with its stores and the loads indexed by n masked by 16*no + ni < 100
 *     clamp      the same, but loads of what the loop does not write take the last element: their index has min(16*no + ni, 99) for n
 *     pad        for no < 7: for ni < 16: B(16*no + ni)                                  when what iterations beyond the end read is there, and what they
 *                                                                                      write is nobody else's
 *     peel       for no < 6: for ni < 16: B(16*no + ni)
 *                for tail/n < 4: B(96 + tail/n)                                          inner loops of the copy are named tail/..
 */
import { z } from "zod";
import {
  addAffine,
  affineOf,
  type Buffer,
  b,
  type Expr,
  eachStmt,
  exprsOf,
  type For,
  factsOf,
  isMultipleOf,
  type Kernel,
  type Load,
  mapExprs,
  mapStmts,
  provablyLess,
  type Reduce,
  rangeOf,
  rewriter,
  type Stmt,
  simplifyKernel,
  substituter,
  variablesOf,
  writes,
} from "../../ir/index.ts";
import { accessesIn } from "../elements.ts";
import { require } from "../errors.ts";
import { isPartialIn } from "../partial.ts";
import { type KernelStep, kernelPrimitive, loopNamed, type Primitive } from "../primitive.ts";

export type Tail = "exact" | "guard" | "predicate" | "clamp" | "pad" | "peel";

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
  tail: z.enum(["exact", "guard", "predicate", "clamp", "pad", "peel"]).optional(),
});

export const split: Primitive<SplitStep> = kernelPrimitive("split", schema, (kernel, step) => {
  const { loop: target } = loopNamed(kernel, step.loop);
  const { factor, into } = step;
  const exact = isMultipleOf(affineOf(target.extent), factor);
  const tail = exact ? "exact" : (step.tail ?? "exact");
  require(tail !== "exact" || exact, () =>
    `split ${step.loop} by ${factor}: ${describe(target.extent)} is not a multiple of ${factor}; use tail guard, predicate, clamp, pad or peel${divisors(target.extent)}`);
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
    clamp: () => {
      const last = b.min(index, b.sub(target.extent, 1));
      return [nest(masked(replaceLoop(clamped(target, last), step.loop, into, index), into, inside, last))];
    },
    pad: () => [nest(body)],
    peel: () => [nest(body), peeled(kernel, target, factor)],
  };
  const leader = kernel.buffers.find(({ role }) => role === "subgroup")?.name;
  const isMasked = tail === "predicate" || tail === "clamp";
  require(!isMasked || leader === undefined || accessesIn(body).every((a) => a.buffer !== leader), () =>
    `split ${step.loop} with tail ${tail}: sums over subgroups are never masked; split it before`);
  const beyond = factsOf({ ...kernel, body: [nest(body)] });
  if (isMasked || tail === "pad")
    eachStmt(body, (s) => {
      require(exprsOf(s).every((e) => !isPartialIn(e, new Set(into), beyond)), () =>
        `split ${step.loop} with tail ${tail}: a shift or divisor depends on it, which has no value beyond the end; use tail guard or peel`);
    });
  const result = simplifyKernel({
    ...kernel,
    body: mapStmts(kernel.body, (s) => (s === target ? tails[tail]() : undefined)),
  });
  if (tail === "pad") requirePadded(result, outer, index, step.loop);
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

/** Masks what is written, and loads whose index mentions the split loop or whose buffer is written here; not those that are clamped to `last`. */
function masked(body: readonly Stmt[], into: readonly string[], inside: Expr, last?: Expr): readonly Stmt[] {
  const names = new Set(into);
  const written = new Set<string>();
  eachStmt(body, (s) => {
    if (writes(s)) written.add(s.buffer);
    if (s.kind === "let" && !variablesOf(s.value).isDisjointFrom(names)) names.add(s.name);
  });
  const both = (mask: Expr | undefined): Expr => (mask === undefined ? inside : b.and(mask, inside));
  const replaceLast = rewriter((e) => (e === last ? b.constant(0) : e));
  const varies = (e: Load): boolean =>
    written.has(e.buffer) || e.index.some((i) => !variablesOf(replaceLast(i)).isDisjointFrom(names));
  const loads = rewriter((e) => (e.kind === "load" && varies(e) ? b.reload(e, e.index, both(e.mask)) : e));
  return mapStmts(
    body.map((s) => mapExprs(s, loads)),
    (s) => (s.kind === "store" || s.kind === "reduce" ? [{ ...s, mask: both(s.mask) }] : undefined),
  );
}

/** The loop's body with loads of what it does not write at the element of another iteration: one that there is, where the results are masked. */
function clamped({ body, loop }: For, last: Expr): readonly Stmt[] {
  const written = new Set<string>();
  const lets = new Set<string>();
  eachStmt(body, (s) => {
    if (writes(s)) written.add(s.buffer);
    if (s.kind === "let") lets.add(s.name);
  });
  const substitute = substituter(new Map([[loop, last]]));
  const reads = rewriter((e) => {
    if (e.kind !== "load" || written.has(e.buffer)) return e;
    const varies = e.index.some((i) => variablesOf(i).has(loop));
    const isFree = e.index.every((i) => variablesOf(i).isDisjointFrom(lets));
    return varies && isFree ? b.reload(e, e.index.map(substitute), e.mask && substitute(e.mask)) : e;
  });
  return body.map((s) => mapExprs(s, reads));
}

/** The iterations that are left over, with every loop and let renamed `tail/..`. Reductions over the split loop go on accumulating. */
function peeled(kernel: Kernel, target: For, factor: number): For {
  const facts = factsOf(kernel);
  const [least, most] = rangeOf(target.extent, facts);
  const copyOf = (name: string): string => `tail/${name}`;
  const renamed = new Map<string, Expr>();
  const rename = (s: Stmt): Stmt => {
    if (s.kind === "for") {
      renamed.set(s.loop, b.variable(copyOf(s.loop)));
      return { ...s, loop: copyOf(s.loop), body: s.body.map(rename) };
    }
    if (s.kind === "let") {
      renamed.set(s.name, b.variable(copyOf(s.name), s.value.type));
      return { ...s, name: copyOf(s.name) };
    }
    return s.kind === "if" ? { ...s, body: s.body.map(rename) } : s;
  };
  const body = target.body.map(rename);
  const done = b.mul(b.floordiv(target.extent, factor), factor);
  const names = new Set([...renamed.keys(), target.loop]);
  renamed.set(target.loop, b.add(done, b.variable(copyOf(target.loop))));
  const substitute = substituter(renamed);
  const over = (s: Reduce): readonly string[] => {
    const copies = s.over.map((name) => (names.has(name) ? copyOf(name) : name));
    if (!s.over.includes(target.loop) || most < factor) return copies;
    require(least >= factor, () =>
      `split ${target.loop} by ${factor} with tail peel: its extent may be less than ${factor}, and then nothing would start the reduction into ${s.buffer}; specialize first`);
    return [];
  };
  const continued = mapStmts(
    body.map((s) => mapExprs(s, substitute)),
    (s) => (s.kind === "reduce" ? [{ ...s, over: over(s) }] : undefined),
  );
  return b.loop(copyOf(target.loop), b.sub(target.extent, done), continued, target.loopKind);
}

/** Iterations beyond the extent must not be seen: what they read exists, and what they write are elements that no other iteration has. */
function requirePadded(kernel: Kernel, outer: string, index: Expr, name: string): void {
  const facts = factsOf(kernel);
  const { loop } = loopNamed(kernel, outer);
  const isIndex = (e: Expr): boolean => {
    const difference = addAffine(affineOf(e), affineOf(index), -1);
    return difference.terms.size === 0 && difference.constant === 0 && difference.lanes === undefined;
  };
  eachStmt(loop.body, (s) => {
    require(!(s.kind === "reduce" && !variablesOf(index).isDisjointFrom(new Set(s.over))), () =>
      `split ${name} with tail pad: it is a loop of a reduction, whose padding need not be neutral; use tail predicate`);
  });
  for (const a of accessesIn(loop.body)) {
    const { shape, role } = facts.buffer(a.buffer) as Buffer;
    const mentions = a.index.some((i) => !variablesOf(i).isDisjointFrom(variablesOf(index)));
    if (a.kind === "load" && !mentions) continue;
    require(a.index.every((i, axis) => provablyLess(i, shape[axis] as Expr, facts)), () =>
      `split ${name} with tail pad: ${a.buffer} is not padded that far; pad it by layout first, or use tail predicate`);
    require(a.kind === "load" ? role === "input" || role === "packed" : a.index.some(isIndex), () =>
      `split ${name} with tail pad: ${a.kind === "load" ? `the padding of ${a.buffer} is undefined` : `iterations beyond the end would write ${a.buffer} too`}; use tail predicate`);
  }
}
