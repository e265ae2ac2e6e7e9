/**
 * skip: iterations of a loop in which a mask holds nowhere are left out, where they would change nothing.
 *
 *     for tb < 16:
 *       for x/ti < 64: x[x/ti] = select(64*tb + x/ti < L, s[64*tb + x/ti], -inf)
 *       for p/ti < 64: p[p/ti] = exp(x[p/ti])
 *       for l/ti < 64: l[] += p[l/ti]
 *     skip(loop: tb, where: x)
 *     for tb < 16: if 64*tb < L: ..
 *
 * The mask is the condition of the select that stores `where`, weakened to what may hold for any of the loops inside. That nothing changes is shown by running the body
 * on what is known of values when all of `where` is -inf: which buffers are 0, 1 or -inf, and which are as they were. Zero times anything is zero here: what is masked
 * is taken to be finite.
 */
import { z } from "zod";
import {
  b,
  exprOf,
  type For,
  type Kernel,
  mapStmts,
  type Program,
  type Stmt,
  simplifyKernel,
  writes,
} from "../../ir/index.ts";
import { accessesIn, carried } from "../elements.ts";
import { require } from "../errors.ts";
import { boundsOf, type Held, isConstant, leavesKernel, maskOf, reduced } from "../masked.ts";
import { type KernelStep, kernelPrimitive, loopNamed, type Primitive, requireSequential } from "../primitive.ts";

export interface SkipStep extends KernelStep {
  readonly op: "skip";
  readonly loop: string;
  /** The buffer that a masked select fills. */
  readonly where: string;
}

const schema: z.ZodType<SkipStep> = z.strictObject({
  op: z.literal("skip"),
  kernel: z.string().optional(),
  loop: z.string(),
  where: z.string(),
});

export const skip: Primitive<SkipStep> = kernelPrimitive("skip", schema, (kernel, { loop: name, where }, program) => {
  const { loop } = loopNamed(kernel, name);
  requireSequential([loop], `skip ${name}`);
  const mask = maskOf(loop, where, `skip ${name}`);
  const left = changed(program, kernel, loop, where);
  require(left === undefined, () =>
    `skip ${name}: an iteration in which all of ${where} is masked may change ${left}; it can't be left out`);
  const test = boundsOf(mask, loop).map((form) => b.lt(0, exprOf(form)));
  require(test.length > 0, () => `skip ${name}: nothing is known of its mask for a whole iteration`);
  return simplifyKernel({
    ...kernel,
    body: mapStmts(kernel.body, (s) =>
      s === loop ? [{ ...loop, body: [b.when(test.reduce(b.and), loop.body)] }] : undefined,
    ),
  });
});

/** A buffer that lives on and may be another after an iteration in which all of `where` is -inf; undefined where there is none. */
function changed(program: Program, kernel: Kernel, loop: For, where: string): string | undefined {
  const written = new Set(accessesIn(loop.body).flatMap((a) => (a.kind === "load" ? [] : [a.buffer])));
  const held = new Map<string, Held>();
  const of = (name: string): Held => (held.has(name) ? held.get(name) : { as: name });
  const isKept = (name: string): boolean => {
    const now = of(name);
    return now !== undefined && "as" in now && now.as === name;
  };
  /** What a statement makes of a buffer: where only some elements are written, or some again, all must be alike. */
  const hold = (name: string, value: Held, isPart: boolean): void => {
    const now = isPart ? of(name) : held.has(name) ? held.get(name) : value;
    held.set(name, isSame(now, value) ? value : undefined);
  };
  const run = (body: readonly Stmt[], isTested: boolean): void => {
    for (const s of body) {
      if (s.kind === "for" || s.kind === "if") run(s.body, isTested || s.kind === "if");
      if (!writes(s)) continue;
      const value = s.buffer === where ? b.constant(Number.NEGATIVE_INFINITY, "f32") : reduced(s.value, of);
      const copied = value.kind === "load" && value.index.every((e, i) => e === s.index[i]) ? value.buffer : undefined;
      const isNeutral =
        s.kind === "reduce" &&
        s.monoid !== "min" &&
        isConstant(value, s.monoid === "sum" ? 0 : Number.NEGATIVE_INFINITY);
      // A reduction that goes on stays for neutral terms; one that starts anew is the sum of zeros, or the greatest of equal values.
      if (s.kind === "reduce" && s.over.length === 0 && isNeutral) continue;
      const isKnown =
        value.kind === "const" && (s.kind === "store" || (s.over.length > 0 && (isNeutral || s.monoid !== "sum")));
      const made = isKnown ? value : s.kind === "store" && copied !== undefined ? { as: copied } : undefined;
      hold(s.buffer, made, isTested || s.mask !== undefined);
    }
  };
  run(loop.body, false);
  const livesOn = (name: string): boolean =>
    carried(kernel, [loop], name) !== undefined || isReadElsewhere(program, kernel, loop, name);
  return [...written].find((name) => !isKept(name) && livesOn(name));
}

/** Whether a buffer is read by others than the loop. */
function isReadElsewhere(program: Program, kernel: Kernel, loop: For, name: string): boolean {
  const reads = (body: readonly Stmt[]): number =>
    accessesIn(body).filter((a) => a.buffer === name && a.kind === "load").length;
  return reads(kernel.body) > reads([loop]) || leavesKernel(program, kernel, name);
}

const isSame = (x: Held, y: Held): boolean =>
  x === y || (x !== undefined && y !== undefined && "as" in x && "as" in y && x.as === y.as);
