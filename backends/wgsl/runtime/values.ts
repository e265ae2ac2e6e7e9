/** What a shader's symbols make of its grid, checked. */
import { gpuError } from "./errors.ts";
import type { Extent, LaunchShader, LaunchSymbol, Symbols } from "./shader.ts";

/** Workgroups per dimension for these symbols; none is negative. @throws GpuError where a symbol is missing or out of its domain */
export function gridOf(shader: LaunchShader, symbols: Symbols): readonly [number, number, number] {
  for (const s of shader.symbols) checkSymbol(shader.name, s, symbols[s.name]);
  const [x, y, z] = shader.grid;
  const count = (extent: Extent): number => Math.max(0, typeof extent === "number" ? extent : extent(symbols));
  return [count(x), count(y), count(z)];
}

/** The words of the uniform `Args`: begin, then the symbols in order, filled up to a multiple of 16 bytes. */
export function argsOf(shader: LaunchShader, begin: number, symbols: Symbols): Uint32Array<ArrayBuffer> {
  const words = new Uint32Array(Math.ceil((1 + shader.symbols.length) / 4) * 4);
  words[0] = begin;
  for (const [i, s] of shader.symbols.entries()) words[1 + i] = (symbols[s.name] ?? 0) | 0;
  return words;
}

function checkSymbol(kernel: string, s: LaunchSymbol, value: number | undefined): void {
  if (value === undefined) throw gpuError("call", { reason: `kernel ${kernel}: symbol ${s.name} has no value` });
  if (Number.isInteger(value) && value >= s.min && value <= s.max && value % s.modulo === s.residue) return;
  const steps = s.modulo === 1 ? "" : ` and congruent to ${s.residue} modulo ${s.modulo}`;
  throw gpuError("call", {
    reason: `kernel ${kernel}: ${s.name} = ${value} is not in ${s.min}..${s.max}${steps}: choose the kernel for this size`,
  });
}
