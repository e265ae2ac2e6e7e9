/** Array contraction: a workspace at what one iteration of a loop uses of it. Behind `contract`, and behind `online`, whose proof needs that this can be done. */
import {
  type Affine,
  affineOf,
  type Buffer,
  b,
  buffersOf,
  type Expr,
  exprOf,
  factsOf,
  type Kernel,
  loopsOf,
  mapExprs,
  mapStmts,
  type Program,
  rangeOf,
  rewriter,
  type Stmt,
  simplifyKernel,
  variablesOf,
  writes,
} from "../ir/index.ts";
import { accessesIn, carried, namesIn } from "./elements.ts";
import { require, ScheduleError } from "./errors.ts";
import { loopNamed } from "./primitive.ts";

/** What is to be contracted. */
export interface Contraction {
  readonly buffer: string;
  /** The loop of whose iterations one is looked at. */
  readonly at: string;
  /** Loops, that one or around it, whose iterations have elements of their own nevertheless. */
  readonly keep?: readonly string[] | undefined;
  /** Its new name, where other kernels have a buffer of the old one for themselves. */
  readonly into?: string | undefined;
}

/** The kernel after a contraction. Throws where an iteration of the loop could miss a value that another one, or another kernel, leaves in the buffer. */
export function contracted(program: Program, kernel: Kernel, step: Contraction): Kernel {
  const { buffer: name, at: place, keep = [], into } = step;
  const { loop, around } = loopNamed(kernel, place);
  const { local, at } = localOf(kernel, step);
  for (const other of program.kernels) {
    if (other.name === kernel.name || !other.buffers.some((x) => x.name === name)) continue;
    // What every iteration of a loop writes before it reads it is nobody else's.
    require(isOwn(other, name), () =>
      `${name} is a buffer of ${other.name} too, which does not write all that it reads; contract before fission`);
  }
  const outside = [...around, loop];
  const kept = keep.map((kind) => {
    const found = outside.find((l) => l.loop === kind);
    require(found !== undefined, () =>
      `${name}: ${kind} is not ${place} or a loop around it; those are ${outside.map((l) => l.loop).join(", ")}`);
    return found;
  });
  const own = kept.map((l) => b.variable(l.loop));
  const final: Buffer = { ...local, name: into ?? name, shape: [...kept.map((l) => l.extent), ...local.shape] };
  return simplifyKernel(rewritten(kernel, name, final, (index) => [...own, ...at(index)]));
}

/** Whether a kernel writes all that it reads of a buffer: iterations of a loop around all its uses leave nothing to each other, or would not once it is contracted there. */
function isOwn(kernel: Kernel, name: string): boolean {
  const uses = (body: readonly Stmt[]): number => accessesIn(body).filter((a) => a.buffer === name).length;
  const all = uses(kernel.body);
  const around = loopsOf(kernel.body).filter((l) => uses(l.body) === all);
  return around.some(
    (l) => carried(kernel, [l], name) === undefined || contracts(kernel, { buffer: name, at: l.loop }),
  );
}

/** Whether a buffer can be contracted. */
function contracts(kernel: Kernel, of: Contraction): boolean {
  try {
    localOf(kernel, of);
    return true;
  } catch (error) {
    if (error instanceof ScheduleError) return false;
    throw error;
  }
}

/** The buffer as one iteration sees it, and an index there. Throws where iterations leave something to each other. */
function localOf(
  kernel: Kernel,
  { buffer: name, at: place }: Contraction,
): { readonly local: Buffer; readonly at: (index: readonly Expr[]) => readonly Expr[] } {
  const { loop } = loopNamed(kernel, place);
  const buffer = kernel.buffers.find((x) => x.name === name);
  require(buffer?.role === "workspace", () => `${name} is no workspace of ${kernel.name}`);
  const uses = (body: readonly Stmt[]): number => accessesIn(body).filter((a) => a.buffer === name).length;
  require(uses(kernel.body) === uses(loop.body), () =>
    `${name} is used outside ${place} too; contract at a loop around all that uses it`);
  const axes = innerAxes(kernel, buffer, place);
  const at = (index: readonly Expr[]): readonly Expr[] => axes.map(({ axis, part }) => part(index[axis] as Expr));
  const local: Buffer = { ...buffer, shape: axes.map(({ extent }) => b.constant(extent)) };
  const alone = rewritten(kernel, name, local, at);
  const reason = carried(alone, [loopNamed(alone, place).loop], name);
  require(reason === undefined, () => `${reason}; contract at a loop outside`);
  return { local, at };
}

/** An axis that an iteration counts through: how far, and an index's part in it. */
interface InnerAxis {
  readonly axis: number;
  readonly extent: number;
  readonly part: (index: Expr) => Expr;
}

/** Axes of the buffer of which something is left. All accesses must start at the same element: what an iteration does not count must be the same in each. */
function innerAxes(kernel: Kernel, { name, shape }: Buffer, at: string): readonly InnerAxis[] {
  const facts = factsOf(kernel);
  const { body } = loopNamed(kernel, at).loop;
  const changing: Changing = {
    names: namesIn(body),
    buffers: new Set(accessesIn(body).flatMap((a) => (a.kind === "load" ? [] : [a.buffer]))),
  };
  const accesses = accessesIn(body).filter((a) => a.buffer === name);
  const unknown = loopsOf(body).filter((l) => l.extent.kind !== "const");
  return shape.flatMap((_, axis): readonly InnerAxis[] => {
    const parts = accesses.map((a) => divided(a.index[axis] as Expr, changing));
    require(new Set(parts.map(({ outside }) => outside)).size <= 1, () =>
      `${name}: accesses start at different elements of axis ${axis} in an iteration of ${at}; split and reorder so that they start at the same one`);
    const inside = parts.map((part) => part.inside);
    if (inside.every((e) => e.kind === "const")) return [];
    const isCounted = inside.every((e) => unknown.every((l) => !variablesOf(e).has(l.loop)));
    const ranges = inside.map((e) => rangeOf(e, facts));
    const [low, high] = [Math.min(...ranges.map((r) => r[0])), Math.max(...ranges.map((r) => r[1]))];
    require(isCounted && low >= 0 && high < 2 ** 31 - 1, () =>
      `${name}: axis ${axis} has no constant extent in an iteration of ${at}; split its loop first`);
    return [{ axis, extent: high + 1, part: (index) => divided(index, changing).inside }];
  });
}

/** What has several values in one iteration. */
interface Changing {
  readonly names: ReadonlySet<string>;
  readonly buffers: ReadonlySet<string>;
}

/** An index as the sum of what changes in an iteration and of the rest. */
function divided(e: Expr, { names, buffers }: Changing): { readonly inside: Expr; readonly outside: Expr } {
  const form = affineOf(e);
  const changes = (atom: Expr): boolean =>
    !variablesOf(atom).isDisjointFrom(names) || !buffersOf(atom).isDisjointFrom(buffers);
  const termsThat = (test: (atom: Expr) => boolean): Affine["terms"] =>
    new Map([...form.terms].filter(([atom]) => test(atom)));
  return {
    inside: exprOf({ ...form, constant: 0, terms: termsThat(changes) }),
    outside: exprOf({ ...form, lanes: undefined, shape: [], terms: termsThat((atom) => !changes(atom)) }),
  };
}

/** The kernel with a buffer declared anew and every access of it at another index. */
function rewritten(kernel: Kernel, from: string, to: Buffer, at: (index: readonly Expr[]) => readonly Expr[]): Kernel {
  const loads = rewriter((e) => (e.kind === "load" && e.buffer === from ? b.load(to, at(e.index), e.mask) : e));
  const body = mapStmts(kernel.body, (s) =>
    writes(s, from) ? [{ ...s, buffer: to.name, index: at(s.index) }] : undefined,
  );
  return {
    ...kernel,
    buffers: kernel.buffers.map((buffer) => (buffer.name === from ? to : buffer)),
    body: body.map((s) => mapExprs(s, loads)),
  };
}
