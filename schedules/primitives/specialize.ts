/**
 * specialize: a kernel becomes several, each for some values of a size. By `modulo`, so that the body of each has constant extents:
 *
 *     main (M in 0..):           for m < M: B(m)
 *     specialize(loops: [m], modulo: 4)
 *     main (M in 4..):           for m < 4 * (M // 4): B(m)
 *     main.1 (M % 4 == 1):       for m < 1: B(m + M - 1)
 *     main.2 (M % 4 == 2):       for m < 2: B(m + M - 2)
 *     main.3 (M % 4 == 3):       for m < 3: B(m + M - 3)
 *
 * or by ranges of a symbol, so that each can have a schedule of its own:
 *
 *     main (M in 0..)
 *     specialize(symbol: M, at: [2, 9])
 *     main.lt2 (M in 0..1),  main.ge2 (M in 2..8),  main.ge9 (M in 9..)
 *
 * At run time the kernels whose domain holds M are launched, in this order. The loops are all that the kernel holds, and no iteration of one depends
 * on another iteration's results; where their extent is a constant only the kernels that have iterations are made (the kernel itself when none has).
 */
import { z } from "zod";
import {
  b,
  type Expr,
  type For,
  type Kernel,
  mapExprs,
  mapStmts,
  type SizeSymbol,
  type Stmt,
  simplifyKernel,
  substituter,
} from "../../ir/index.ts";
import { dependence } from "../elements.ts";
import { require } from "../errors.ts";
import { type KernelStep, kernelNamed, loopNamed, type Primitive, withKernels } from "../primitive.ts";

export type SpecializeStep =
  | (KernelStep & { readonly op: "specialize"; readonly loops: readonly string[]; readonly modulo: number })
  | (KernelStep & { readonly op: "specialize"; readonly symbol: string; readonly at: readonly number[] });

type ByModulo = Extract<SpecializeStep, { modulo: number }>;
type ByRange = Extract<SpecializeStep, { symbol: string }>;

const common = { op: z.literal("specialize"), kernel: z.string().optional() };
const schema: z.ZodType<SpecializeStep> = z.union([
  z.strictObject({ ...common, loops: z.array(z.string()).min(1), modulo: z.int().positive().max(64) }),
  z.strictObject({ ...common, symbol: z.string(), at: z.array(z.int().positive()).min(1) }),
]);

export const specialize: Primitive<SpecializeStep> = {
  op: "specialize",
  schema,
  apply: (program, step) => {
    const kernel = kernelNamed(program, step.kernel ?? "main");
    const made = "symbol" in step ? byRange(kernel, step) : byModulo(kernel, step);
    return withKernels(program, (k) => (k === kernel ? made : [k]));
  },
};

function byRange(kernel: Kernel, { symbol: name, at }: ByRange): readonly Kernel[] {
  const symbol = kernel.symbols.find((s) => s.name === name);
  require(symbol !== undefined, () =>
    `specialize ${name}: it is not a symbol of ${kernel.name}; specialize a loop of constant extent by modulo`);
  const edges = [...new Set(at)].sort((x, y) => x - y);
  for (const edge of edges)
    require(edge > symbol.min && edge <= symbol.max, () =>
      `specialize ${name}: ${edge} does not divide its domain, ${symbol.min}..${symbol.max}; use a value inside it`);
  return [symbol.min, ...edges].map((min, i) => {
    const max = (edges[i] ?? symbol.max + 1) - 1;
    const suffix = i === 0 ? `lt${edges[0]}` : `ge${min}`;
    return simplifyKernel({ ...restrictedTo(kernel, symbol, { min, max }), name: `${kernel.name}.${suffix}` });
  });
}

/** The kernel for a part of a symbol's domain. */
const restrictedTo = (kernel: Kernel, symbol: SizeSymbol, part: Partial<SizeSymbol>): Kernel => ({
  ...kernel,
  symbols: kernel.symbols.map((s) => (s === symbol ? b.symbol(s.name, { ...s, ...part }) : s)),
});

function byModulo(kernel: Kernel, step: ByModulo): readonly Kernel[] {
  const loops = step.loops.map((name) => loopNamed(kernel, name).loop);
  for (const s of kernel.body)
    require(loops.includes(s as For), () =>
      `specialize ${step.loops.join(", ")}: ${kernel.name} holds other root statements, which each of the kernels would run; name their loops too, or fission them`);
  require(loops.length === kernel.body.length, () =>
    `specialize ${step.loops.join(", ")}: not all are root loops of ${kernel.name}; specialize before splitting`);
  const { extent } = loops[0] as For;
  require(loops.every((l) => l.extent === extent), () =>
    `specialize ${step.loops.join(", ")}: the loops have different extents; fission one nest first`);
  const reason = dependence(kernel, loops);
  require(reason === undefined, () =>
    `specialize ${step.loops.join(", ")}: ${reason}; its iterations must be independent`);
  return extent.kind === "const" ? fixed(kernel, step, extent.value) : symbolic(kernel, step, extent);
}

function fixed(kernel: Kernel, { loops, modulo }: ByModulo, extent: number): readonly Kernel[] {
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

function symbolic(kernel: Kernel, { loops, modulo }: ByModulo, extent: Expr): readonly Kernel[] {
  require(extent.kind === "var", () =>
    `specialize ${loops.join(", ")}: its extent is an expression; specialize before splitting`);
  const symbol = kernel.symbols.find((s) => s.name === extent.name) as SizeSymbol;
  require(symbol.modulo === 1, () =>
    `specialize ${loops.join(", ")}: ${symbol.name} is specialized already; specialize once, by the modulo in the end`);
  const part = (name: string, size: Expr, offset: Expr, domain: Partial<SizeSymbol>): readonly Kernel[] => {
    const { min, max, modulo: by, residue } = { ...symbol, ...domain };
    const least = min + ((((residue - min) % by) + by) % by);
    return least > max
      ? []
      : [{ ...restricted(restrictedTo(kernel, symbol, { ...domain, min: least }), loops, size, offset), name }];
  };
  const whole = b.mul(b.floordiv(extent, modulo), modulo);
  const tails = Array.from({ length: modulo - 1 }, (_, i) => i + 1).flatMap((residue) =>
    part(`${kernel.name}.${residue}`, b.constant(residue), b.sub(extent, residue), { modulo, residue }),
  );
  return [...part(kernel.name, whole, b.constant(0), { min: Math.max(symbol.min, modulo) }), ...tails];
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
