/**
 * Operator quantize: activations to 8-bit codes, symmetric, one scale per group of K (ggml's q8_0 with its scale kept in f32). Alone it is a program;
 * before a matmul in `i8` numerics it is the prologue, also to fewer bits.
 *
 *     s[m,g] = amax / reach        q[m,k] = round(x[m,k] * (1 / s[m,g])), halves away from zero          reach = 127, or 2^(bits-1) - 1
 *
 * Where s is below the smallest normal f32 (amax below 1.5e-36, zeros among them) the reciprocal is taken as 0: codes are 0.
 */
import {
  add,
  buffer,
  cast,
  constant,
  div,
  kernel,
  load,
  loop,
  lt,
  mul,
  op,
  reduce,
  select,
  store,
  variable,
} from "../build.ts";
import { WorkloadError } from "../errors.ts";
import type { Buffer, BufferRole, Expr, Kernel, Program, Stage } from "../nodes.ts";
import type { IntegerNumerics, QuantizeWorkload, Rows } from "../workload.ts";
import { type Batch, batchOf } from "./batch.ts";
import { checkSize, groupSize, rowsOf } from "./shapes.ts";

/** Codes of 8 bits reach from -127 to 127: -128 is not used, so that every code has its negative. */
export const codeReach = 127;

/** The greatest code of activations in these numerics. Throws a `WorkloadError` for bits that can't be. */
export function reachOf({ xBits = 8 }: Pick<IntegerNumerics, "xBits">): number {
  if (!Number.isInteger(xBits) || xBits < 2 || xBits > 8)
    throw new WorkloadError(`numerics.xBits: ${xBits} is not a number of bits from 2 to 7; for 8 leave it out`);
  return 2 ** (xBits - 1) - 1;
}

/** The smallest scale whose reciprocal is used. */
export const smallestScale: number = 2 ** -126;

/** The codes and scales of a quantized input `x`; rows may have several axes. */
export function quantizedBuffers(
  rows: Expr | readonly Expr[],
  k: number,
  group: number,
  role: BufferRole,
  reach: number = codeReach,
  x = "x",
): { readonly q: Buffer; readonly s: Buffer } {
  const axes = [rows].flat();
  return {
    q: buffer(`${x}.q`, "i8", [...axes, k], { role, range: [-reach, reach] }),
    s: buffer(`${x}.s`, "f32", [...axes, k / group], { role }),
  };
}

/** The kernel `quantize`: an input of m rows of k, results in `x.q` and `x.s`. Loops m, g, and in a group `x.amax/i`, then `i`. */
export const quantizeKernel = (
  m: Rows,
  k: number,
  group: number,
  stage: Stage,
  role: BufferRole,
  reach: number = codeReach,
): Kernel => quantizeRows("x", rowsOf(m), k, group, stage, role, reach);

/** More of rows that are quantized. */
interface RowOptions {
  /** Codes of a row, which are one group where they are more than k: those from k on are zeros. @default k */
  readonly width?: number;
  /** Sequences, each with its rows. @default one */
  readonly batch?: Pick<Batch, "axes" | "at" | "each">;
}

/** The same for an input of any name and rows. */
export function quantizeRows(
  of: string,
  { extent, symbols }: ReturnType<typeof rowsOf>,
  k: number,
  group: number,
  stage: Stage,
  role: BufferRole,
  reach: number = codeReach,
  { width = k, batch: { axes, at, each } = batchOf({}) }: RowOptions = {},
): Kernel {
  const rows = [...axes, extent];
  const x = buffer(of, "f32", [...rows, k], { role: "input" });
  const { q, s } = quantizedBuffers(rows, width, group, role, reach, of);
  const amax = buffer("x.amax", "f32", [], { scope: "register" });
  const inverse = buffer("x.inverse", "f32", [], { scope: "register" });
  const [row, g] = [[...at, variable("m")], variable("g")];
  const column = (inner: string): Expr => add(mul(g, group), variable(inner));
  const isThere = (column: Expr): Expr | undefined => (width > k ? lt(column, k) : undefined);
  const value = (inner: string): Expr => load(x, [...row, column(inner)], isThere(column(inner)));
  const scale = div(load(amax, []), reach);
  const one = constant(1, "f32");
  const body = [
    loop("x.amax/i", group, [reduce(amax.name, [], op("abs", value("x.amax/i")), ["x.amax/i"], "max")]),
    store(s.name, [...row, g], scale),
    store(inverse.name, [], select(lt(scale, smallestScale), constant(0, "f32"), div(one, scale))),
    loop("i", group, [
      store(q.name, [...row, column("i")], cast("i8", op("round", mul(value("i"), load(inverse, []))))),
    ]),
  ];
  return kernel("quantize", stage, {
    symbols,
    buffers: [x, q, s, amax, inverse],
    body: [loop("m", extent, each([loop("g", width / group, body)]))],
  });
}

/** The program of a quantize workload: outputs `x.q` and `x.s`. Throws a `WorkloadError` for sizes that can't be. */
export function quantizeProgram(workload: QuantizeWorkload): Program {
  const { m, k } = workload;
  checkSize("k", k);
  const group = groupSize("group", workload.group, k);
  return { name: "quantize", kernels: [quantizeKernel(m, k, group, "main", "output")] };
}
