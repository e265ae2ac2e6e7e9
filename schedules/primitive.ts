/** What a primitive is: a step type, its schema and the rewrite. One primitive is one file and one line in `primitives/index.ts`. */
import type { z } from "zod";
import {
  type For,
  findLoop,
  type Kernel,
  type LoopKind,
  loopsOf,
  type Program,
  type Reduce,
  type Stmt,
} from "../ir/index.ts";
import { require } from "./errors.ts";

/** A step of a schedule: a plain record. `op` names the primitive; loops and buffers go by name. */
export interface Step {
  readonly op: string;
}

/** A step on one kernel, `main` unless it says otherwise. */
export interface KernelStep extends Step {
  readonly kernel?: string | undefined;
}

export interface Primitive<S extends Step> {
  readonly op: S["op"];
  /** Checks a step that comes from outside (a file, a database). */
  readonly schema: z.ZodType<S>;
  /** The program after the step. Throws `ScheduleError` when the step does not apply. */
  readonly apply: (program: Program, step: S) => Program;
}

/** A primitive that rewrites one kernel, seen in its program. */
export function kernelPrimitive<S extends KernelStep>(
  op: S["op"],
  schema: z.ZodType<S>,
  rewrite: (kernel: Kernel, step: S, program: Program) => Kernel,
): Primitive<S> {
  return {
    op,
    schema,
    apply: (program, step) => {
      const target = kernelNamed(program, step.kernel ?? "main");
      const result = rewrite(target, step, program);
      return withKernels(program, (k) => (k === target ? [result] : [k]));
    },
  };
}

/** The kernel of this name. */
export function kernelNamed(program: Program, name: string): Kernel {
  const found = program.kernels.find((k) => k.name === name);
  require(found !== undefined, () => `no kernel ${name}; there are ${program.kernels.map((k) => k.name).join(", ")}`);
  return found;
}

/** The program with each kernel replaced by those that `replace` gives. */
export function withKernels(program: Program, replace: (kernel: Kernel) => readonly Kernel[]): Program {
  return { ...program, kernels: program.kernels.flatMap(replace) };
}

/** The loop of this name in the kernel, with the loops around it. */
export function loopNamed(kernel: Kernel, name: string): { readonly loop: For; readonly around: readonly For[] } {
  const found = findLoop(kernel.body, name);
  require(found !== undefined, () =>
    `no loop ${name} in kernel ${kernel.name}; it has ${loopsOf(kernel.body)
      .map((l) => l.loop)
      .join(", ")}`);
  return found;
}

/** The constant extent of a loop. */
export function extentOf(loop: For): number {
  const { extent } = loop;
  require(extent.kind === "const", () =>
    `the extent of loop ${loop.loop} is not a constant; split or specialize it first`);
  return extent.value;
}

/** Throws unless the iterations of these loops run one after another: a step on bound loops, or across them, would break what binding promised. */
export function requireSequential(loops: readonly For[], what: string): void {
  for (const { loop, loopKind } of loops)
    require(loopKind === "serial" || loopKind === "unroll", () =>
      `${what}: loop ${loop} is bound to ${loopKind}; do it before binding`);
}

/** A perfect nest: loops whose body is one statement, and what the innermost holds. */
export interface Nest {
  readonly loops: readonly For[];
  readonly body: readonly Stmt[];
}

/** The loops from `s` inwards as long as each holds one statement only. */
export function nestOf(s: Stmt): Nest {
  const loops: For[] = [];
  let body: readonly Stmt[] = [s];
  while (body.length === 1 && body[0]?.kind === "for") {
    loops.push(body[0]);
    body = body[0].body;
  }
  return { loops, body };
}

/** Where one reduction stands: the statements around it, the perfect nest it forms there, and its place among the statements. */
export interface ReduceSite {
  readonly siblings: readonly Stmt[];
  readonly position: number;
  readonly loops: readonly For[];
  readonly reduce: Reduce;
}

/** The reduction into `buffer` as a perfect nest directly inside loop `at` (or at the root of the kernel). */
export function reduceSite(kernel: Kernel, buffer: string, at: string | undefined): ReduceSite {
  const siblings = at === undefined ? kernel.body : loopNamed(kernel, at).loop.body;
  const place = at === undefined ? `at the root of ${kernel.name}` : `directly in loop ${at}`;
  for (const [position, s] of siblings.entries()) {
    const { loops, body } = nestOf(s);
    const only = body[0];
    if (body.length === 1 && only?.kind === "reduce" && only.buffer === buffer)
      return { siblings, position, loops, reduce: only };
  }
  require(false, () => `no reduction into ${buffer} ${place} that is a perfect nest; reorder or choose another loop`);
}

/** The kernel with the statements directly inside loop `at` (or its root statements) replaced. */
export function replaceIn(
  kernel: Kernel,
  at: string | undefined,
  replace: (body: readonly Stmt[]) => readonly Stmt[],
): Kernel {
  const visit = (body: readonly Stmt[]): readonly Stmt[] =>
    body.map((s) => {
      if (s.kind === "for") return { ...s, body: s.loop === at ? replace(s.body) : visit(s.body) };
      return s.kind === "if" ? { ...s, body: visit(s.body) } : s;
    });
  return { ...kernel, body: at === undefined ? replace(kernel.body) : visit(kernel.body) };
}

/** The kernel with one loop of another kind. */
export function withLoopKind(kernel: Kernel, name: string, loopKind: LoopKind): Kernel {
  const change = (body: readonly Stmt[]): readonly Stmt[] =>
    body.map((s) => {
      if (s.kind === "for") return { ...s, loopKind: s.loop === name ? loopKind : s.loopKind, body: change(s.body) };
      return s.kind === "if" ? { ...s, body: change(s.body) } : s;
    });
  return { ...kernel, body: change(kernel.body) };
}
