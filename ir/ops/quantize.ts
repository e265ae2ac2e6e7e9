/**
 * Operator quantize: activations to codes of at most 8 bits, symmetric, one scale per group of K (ggml's q8_0 with its scale kept in f32). Alone it is a program;
 * before a matmul in `i8` numerics it is the prologue; after an operator whose result a matmul takes, the last nest of its kernel.
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
import { smallestScale } from "../formats/index.ts";
import { sizeOf } from "../memory.ts";
import type { Buffer, BufferRole, Expr, Kernel, Program, Stage, Stmt } from "../nodes.ts";
import type { QuantizedResult, QuantizeWorkload, Rows } from "../workload.ts";
import { type Batch, batchOf } from "./batch.ts";
import { checkSize, groupSize, rowsOf } from "./shapes.ts";

/** Codes of 8 bits reach from -127 to 127: -128 is not used, so that every code has its negative. */
export const codeReach = 127;

/** The greatest code of so many bits, which `field` gives. Throws a `WorkloadError` for bits that can't be. */
export function reachOf(bits = 8, field = "numerics.xBits"): number {
  if (!Number.isInteger(bits) || bits < 2 || bits > 8)
    throw new WorkloadError(`${field}: ${bits} is not a number of bits from 2 to 7; for 8 leave it out`);
  return 2 ** (bits - 1) - 1;
}

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
  const names = { own: "x", row: "m", group: "g", code: "i" };
  const { buffers, body } = quantizeNest({ x, q, s }, reach, names, { at, each });
  return kernel("quantize", stage, { symbols, buffers: [x, q, s, ...buffers], body: [body] });
}

/** What the nest calls its registers (`<own>.amax`, `<own>.inverse`) and its loops; the one over a group's magnitudes is `<own>.amax/i`. */
interface NestNames {
  readonly own: string;
  readonly row: string;
  readonly group: string;
  readonly code: string;
}

/** Codes and scales of all rows of `x`, with the registers that it takes. */
function quantizeNest(
  { x, q, s }: { readonly x: Buffer; readonly q: Buffer; readonly s: Buffer },
  reach: number,
  names: NestNames,
  { at, each }: Pick<Batch, "at" | "each"> = batchOf({}),
): { readonly buffers: readonly Buffer[]; readonly body: Stmt } {
  const [rows, groups] = [s.shape.at(-2) as Expr, s.shape.at(-1) as Expr];
  const lengthOf = ({ shape }: Buffer): number => sizeOf(shape.at(-1) as Expr, {});
  const [k, width] = [lengthOf(x), lengthOf(q)];
  const group = width / lengthOf(s);
  const amax = buffer(`${names.own}.amax`, "f32", [], { scope: "register" });
  const inverse = buffer(`${names.own}.inverse`, "f32", [], { scope: "register" });
  const [row, g] = [[...at, variable(names.row)], variable(names.group)];
  const column = (inner: string): Expr => add(mul(g, group), variable(inner));
  const isThere = (column: Expr): Expr | undefined => (width > k ? lt(column, k) : undefined);
  const value = (inner: string): Expr => load(x, [...row, column(inner)], isThere(column(inner)));
  const scale = div(load(amax, []), reach);
  const one = constant(1, "f32");
  const every = `${amax.name}/i`;
  const code = cast("i8", op("round", mul(value(names.code), load(inverse, []))));
  const body = [
    loop(every, group, [reduce(amax.name, [], op("abs", value(every)), [every], "max")]),
    store(s.name, [...row, g], scale),
    store(inverse.name, [], select(lt(scale, smallestScale), constant(0, "f32"), div(one, scale))),
    loop(names.code, group, [store(q.name, [...row, column(names.code)], code)]),
  ];
  return { buffers: [amax, inverse], body: loop(names.row, rows, each([loop(names.group, groups, body)])) };
}

/** The program of a quantize workload: outputs `x.q` and `x.s`. Throws a `WorkloadError` for sizes that can't be. */
export function quantizeProgram(workload: QuantizeWorkload): Program {
  const { m, k, bits } = workload;
  checkSize("k", k);
  const group = groupSize("group", workload.group, k);
  return { name: "quantize", kernels: [quantizeKernel(m, k, group, "main", "output", reachOf(bits, "bits"))] };
}

/**
 * The program with its result `y` (f32, rows of n) quantized: the last nest of `main`, loops `y.q/m`, `y.q/g` and in a group `y.amax/i`, then `y.q/i`. y is a
 * workspace, or an output still. Throws a `WorkloadError` where groups do not divide a row, and for bits that can't be.
 */
export function withQuantizedResult(program: Program, result: QuantizedResult | undefined): Program {
  if (result === undefined) return program;
  const { bits, keep = false } = result;
  const quantized = ({ buffers, body, ...main }: Kernel): Kernel => {
    const y = buffers.find(({ name }) => name === "y") as Buffer;
    const [rows, n] = [y.shape[0] as Expr, sizeOf(y.shape[1] as Expr, {})];
    const reach = reachOf(bits, "quantize.bits");
    const group = groupSize("quantize.group", result.group, n, "columns of y");
    const { q, s } = quantizedBuffers(rows, n, group, "output", reach, "y");
    const nest = quantizeNest({ x: y, q, s }, reach, { own: "y", row: "y.q/m", group: "y.q/g", code: "y.q/i" });
    const role = keep ? "output" : "workspace";
    return {
      ...main,
      buffers: [...buffers.map((x) => (x === y ? { ...y, role } : x)), q, s, ...nest.buffers],
      body: [...body, nest.body],
    } as Kernel;
  };
  return { ...program, kernels: program.kernels.map((k) => (k.name === "main" ? quantized(k) : k)) };
}
