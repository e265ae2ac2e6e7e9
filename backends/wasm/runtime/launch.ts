/** One call of a kernel: its arguments in the function's order, checked. */
import { type Expr, evalOp, type SizeSymbol } from "../../../ir/index.ts";
import type { KernelFunction } from "../module.ts";
import { WasmRuntimeError } from "./errors.ts";

export interface Launch {
  /** Address of each global buffer by name; those of other kernels may stand in it too. */
  readonly buffers: Readonly<Record<string, number>>;
  /** Value of each symbol by name. */
  readonly symbols?: Readonly<Record<string, number>>;
  /** Part of the thread loop, begin inclusive, end exclusive; by default all of it. */
  readonly range?: readonly [begin: number, end: number];
}

/** The value of an extent. */
function evaluate(e: Expr, symbols: Readonly<Record<string, number>>): number {
  if (e.kind === "const") return e.value;
  if (e.kind === "var") return symbols[e.name] ?? 0;
  if (e.kind === "op") {
    const [a = 0, b, c] = e.args.map((arg) => evaluate(arg, symbols));
    return evalOp(e.op, e.type.scalar, a, b, c);
  }
  throw new WasmRuntimeError(
    `the extent of a thread loop holds a ${e.kind}, which is not known before the kernel runs`,
  );
}

function checkSymbol(kernel: string, s: SizeSymbol, value: number | undefined): number {
  if (value === undefined) throw new WasmRuntimeError(`kernel ${kernel}: symbol ${s.name} has no value`);
  if (Number.isInteger(value) && value >= s.min && value <= s.max && value % s.modulo === s.residue) return value;
  const steps = s.modulo === 1 ? "" : ` and congruent to ${s.residue} modulo ${s.modulo}`;
  throw new WasmRuntimeError(
    `kernel ${kernel}: ${s.name} = ${value} is not in ${s.min}..${s.max}${steps}: choose the kernel for this size`,
  );
}

/** The number of iterations of the thread loop; 1 where there is none. */
export function threadsOf(kernel: KernelFunction, symbols: Readonly<Record<string, number>>): number {
  for (const s of kernel.symbols) checkSymbol(kernel.name, s, symbols[s.name]);
  return kernel.threads === undefined ? 1 : Math.max(0, evaluate(kernel.threads, symbols));
}

/** The arguments of a kernel's function, whose addresses have so many bits. */
export function argumentsOf(
  kernel: KernelFunction,
  { buffers, symbols = {}, range }: Launch,
  bits: 32 | 64,
): readonly number[] {
  const addresses = kernel.buffers.map((name) => {
    const address = buffers[name];
    if (address === undefined) throw new WasmRuntimeError(`kernel ${kernel.name}: buffer ${name} has no address`);
    if (!(Number.isSafeInteger(address) && address >= 0 && (bits === 64 || address < 2 ** 32)))
      throw new WasmRuntimeError(`kernel ${kernel.name}: ${name} at ${address} is not a ${bits}-bit address`);
    return address;
  });
  const values = kernel.symbols.map((s) => checkSymbol(kernel.name, s, symbols[s.name]));
  const extent = threadsOf(kernel, symbols);
  const [begin, end] = range ?? [0, extent];
  if (!(Number.isInteger(begin) && Number.isInteger(end) && begin >= 0 && end <= extent))
    throw new WasmRuntimeError(`kernel ${kernel.name}: range ${begin}..${end} is not within its ${extent} iterations`);
  return [...addresses, ...values, begin, end];
}
