/**
 * contract: a workspace keeps only what one iteration of a loop uses of it (array contraction).
 *
 *     for h < 8: for to < 16: { for s/ti < 64: s[h, 64*to + s/ti] = ..;  for y/ti < 64: y[h, 64*to + y/ti] = s[h, 64*to + y/ti] * 2 }
 *     contract(buffer: s, at: to, keep: [h])
 *     for h < 8: for to < 16: { for s/ti < 64: s[h, s/ti] = ..;           for y/ti < 64: y[h, 64*to + y/ti] = s[h, y/ti] * 2 }
 *
 * What an index has of loops outside goes: of every axis the part that the loops inside `at` count is left, and axes of which nothing is left go altogether. `keep`
 * names loops outside whose iterations have elements of their own nevertheless, as those must that run at once. Legal when every iteration writes what it reads.
 */
import { z } from "zod";
import {
  type Affine,
  affineOf,
  type Buffer,
  b,
  type Expr,
  exprOf,
  factsOf,
  type Kernel,
  loopsOf,
  mapExprs,
  mapStmts,
  rangeOf,
  rewriter,
  simplifyKernel,
  variablesOf,
  writes,
} from "../../ir/index.ts";
import { accessesIn, carried } from "../elements.ts";
import { require } from "../errors.ts";
import { type KernelStep, kernelPrimitive, loopNamed, type Primitive } from "../primitive.ts";

export interface ContractStep extends KernelStep {
  readonly op: "contract";
  readonly buffer: string;
  readonly at: string;
  readonly keep?: readonly string[] | undefined;
  /** Its new name, where kernels of one program contract it to different shapes. */
  readonly into?: string | undefined;
}

const schema: z.ZodType<ContractStep> = z.strictObject({
  op: z.literal("contract"),
  kernel: z.string().optional(),
  buffer: z.string(),
  at: z.string(),
  keep: z.array(z.string()).optional(),
  into: z.string().optional(),
});

export const contract: Primitive<ContractStep> = kernelPrimitive("contract", schema, (kernel, step) => {
  const { loop, around } = loopNamed(kernel, step.at);
  const buffer = kernel.buffers.find((x) => x.name === step.buffer);
  require(buffer?.role === "workspace", () => `contract: ${step.buffer} is no workspace of ${kernel.name}`);
  const outside = [...around, loop];
  const kept = (step.keep ?? []).map((name) => {
    const found = outside.find((l) => l.loop === name);
    require(found !== undefined, () =>
      `contract ${step.buffer}: ${name} is not ${step.at} or a loop around it; those are ${outside.map((l) => l.loop).join(", ")}`);
    return found;
  });
  const inner = new Set(loopsOf(loop.body).map((l) => l.loop));
  const axes = innerAxes(kernel, buffer, inner, step);
  const at = (index: readonly Expr[]): readonly Expr[] =>
    axes.map(({ axis }) => exprOf(divided(index[axis] as Expr, inner).inside));
  const local: Buffer = { ...buffer, shape: axes.map(({ extent }) => b.constant(extent)) };
  const alone = rewritten(kernel, local, at);
  const reason = carried(alone, [loopNamed(alone, step.at).loop], step.buffer);
  require(reason === undefined, () => `contract ${step.buffer}: ${reason}; contract at a loop outside`);
  const own = kept.map((l) => b.variable(l.loop));
  const shape = [...kept.map((l) => l.extent), ...local.shape];
  const final: Buffer = { ...local, name: step.into ?? step.buffer, shape };
  return simplifyKernel(rewritten(kernel, final, (index) => [...own, ...at(index)], step.buffer));
});

/** Axes of the buffer that loops inside count, and how far. Every access must have the same part of loops outside. */
function innerAxes(
  kernel: Kernel,
  buffer: Buffer,
  inner: ReadonlySet<string>,
  { at }: ContractStep,
): readonly { readonly axis: number; readonly extent: number }[] {
  const facts = factsOf(kernel);
  const accesses = accessesIn(kernel.body).filter((a) => a.buffer === buffer.name);
  return buffer.shape.flatMap((_, axis) => {
    const parts = accesses.map((a) => divided(a.index[axis] as Expr, inner));
    const shared = new Set(parts.map(({ outside }) => exprOf(outside)));
    require(shared.size <= 1, () =>
      `contract ${buffer.name}: accesses of one iteration of ${at} are apart on axis ${axis}; split and reorder so that they start at the same element`);
    const ranges = parts.map(({ inside }) => rangeOf(exprOf(inside), facts));
    const [low, high] = [Math.min(...ranges.map((r) => r[0])), Math.max(...ranges.map((r) => r[1]))];
    require(low >= 0 && high < 2 ** 31 - 1, () =>
      `contract ${buffer.name}: axis ${axis} has no constant extent in an iteration of ${at}; split its loop first`);
    return parts.some(({ inside }) => inside.terms.size > 0) ? [{ axis, extent: high + 1 }] : [];
  });
}

/** An index as the sum of what loops inside count and of the rest. */
function divided(e: Expr, inner: ReadonlySet<string>): { readonly inside: Affine; readonly outside: Affine } {
  const form = affineOf(e);
  const isInside = (atom: Expr): boolean => !variablesOf(atom).isDisjointFrom(inner);
  const terms = [...form.terms];
  return {
    inside: { ...form, constant: 0, terms: new Map(terms.filter(([atom]) => isInside(atom))) },
    outside: { ...form, lanes: undefined, shape: [], terms: new Map(terms.filter(([atom]) => !isInside(atom))) },
  };
}

/** The kernel with the buffer declared anew and every access of it at another index. */
function rewritten(
  kernel: Kernel,
  to: Buffer,
  at: (index: readonly Expr[]) => readonly Expr[],
  from: string = to.name,
): Kernel {
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
