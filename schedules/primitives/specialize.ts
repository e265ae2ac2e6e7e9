/**
 * specialize: a kernel becomes several, each for some values of a size, so that the body of each has constant extents.
 *
 *     main (M in 0..):           for m < M: B(m)
 *     specialize(loops: [m], modulo: 4)
 *     main (M in 4..):           for m < 4 * (M // 4): B(m)
 *     main.1 (M % 4 == 1):       for m < 1: B(m + M - 1)
 *     main.2 (M % 4 == 2):       for m < 2: B(m + M - 2)
 *     main.3 (M % 4 == 3):       for m < 3: B(m + M - 3)
 *
 * At run time the kernels whose domain holds M are launched, in this order. The loops stand at the root, and no iteration of one depends
 * on another iteration's results; where their extent is a constant only the kernels that have iterations are made (the kernel itself when none has).
 */
import { z } from "zod";
import {
  b,
  type Expr,
  type Kernel,
  mapExprs,
  mapStmts,
  type SizeSymbol,
  type Stmt,
  simplifyKernel,
  substituter,
} from "../../ir/index.ts";
import { require } from "../errors.ts";
import { type KernelStep, kernelNamed, loopNamed, type Primitive, withKernels } from "../primitive.ts";

export interface SpecializeStep extends KernelStep {
  readonly op: "specialize";
  readonly loops: readonly string[];
  readonly modulo: number;
}

const schema: z.ZodType<SpecializeStep> = z.strictObject({
  op: z.literal("specialize"),
  kernel: z.string().optional(),
  loops: z.array(z.string()).min(1),
  modulo: z.int().positive().max(64),
});

export const specialize: Primitive<SpecializeStep> = {
  op: "specialize",
  schema,
  apply: (program, step) => {
    const kernel = kernelNamed(program, step.kernel ?? "main");
    const loops = step.loops.map((name) => loopNamed(kernel, name));
    for (const { loop, around } of loops)
      require(around.length === 0, () => `specialize ${loop.loop}: it is not a root loop of ${kernel.name}`);
    const { extent } = (loops[0] as (typeof loops)[0]).loop;
    const alike = loops.every(({ loop }) => loop.extent === extent);
    require(alike, () => `specialize ${step.loops.join(", ")}: the loops have different extents`);
    const made = extent.kind === "const" ? fixed(kernel, step, extent.value) : symbolic(kernel, step, extent);
    return withKernels(program, (k) => (k === kernel ? made : [k]));
  },
};

function fixed(kernel: Kernel, { loops, modulo }: SpecializeStep, extent: number): readonly Kernel[] {
  if (extent <= 0) return [kernel];
  const rest = extent % modulo;
  const whole = extent - rest;
  return [
    ...(whole > 0 ? [restricted(kernel, loops, b.constant(whole), b.constant(0))] : []),
    ...(rest > 0
      ? [{ ...restricted(kernel, loops, b.constant(rest), b.constant(whole)), name: `${kernel.name}.${rest}` }]
      : []),
  ];
}

function symbolic(kernel: Kernel, { loops, modulo }: SpecializeStep, extent: Expr): readonly Kernel[] {
  require(extent.kind === "var", () =>
    `specialize ${loops.join(", ")}: its extent is an expression; specialize before splitting`);
  const symbol = kernel.symbols.find((s) => s.name === extent.name) as SizeSymbol;
  require(symbol.modulo === 1, () => `specialize ${loops.join(", ")}: ${symbol.name} is specialized already`);
  const domain = (changes: Partial<SizeSymbol>): readonly SizeSymbol[] =>
    kernel.symbols.map((s) => (s === symbol ? b.symbol(s.name, { ...s, ...changes }) : s));
  const whole = b.mul(b.floordiv(extent, modulo), modulo);
  const main = {
    ...restricted(kernel, loops, whole, b.constant(0)),
    symbols: domain({ min: Math.max(symbol.min, modulo) }),
  };
  const tails = Array.from({ length: modulo - 1 }, (_, i) => i + 1).map((residue) => ({
    ...restricted(kernel, loops, b.constant(residue), b.sub(extent, residue)),
    name: `${kernel.name}.${residue}`,
    symbols: domain({ modulo, residue, min: Math.max(symbol.min, residue) }),
  }));
  return symbol.max < modulo
    ? tails.filter((k) => k.symbols.some((s) => s.name === symbol.name && s.residue <= symbol.max))
    : [main, ...tails];
}

/** The kernel over `extent` iterations of the loops, the first being `offset`. */
function restricted(kernel: Kernel, names: readonly string[], extent: Expr, offset: Expr): Kernel {
  const shift = substituter(new Map(names.map((name) => [name, b.add(b.variable(name), offset)])));
  const body = mapStmts(kernel.body, (s): readonly Stmt[] | undefined =>
    s.kind === "for" && names.includes(s.loop)
      ? [{ ...s, extent, body: s.body.map((inner) => mapExprs(inner, shift)) }]
      : undefined,
  );
  return simplifyKernel({ ...kernel, body });
}
