/** Running a kernel before and after lowering on the same data: the global buffers are the same tensors, read as elements or as bytes. */
import {
  bytesOfTensor,
  emptyTensor,
  interpretKernel,
  type Kernel,
  lower,
  parseKernel,
  printKernel,
  type Scalar,
  scalarRange,
  sizeOf,
  type Tensor,
  tensor,
} from "../../../ir/index.ts";
import type { Sample } from "../arbitrary.ts";
import { randomOf } from "../samples.ts";

/** The bytes, with flags of what was written, of every global buffer that `kernel` makes of a sample. */
export function bytesMade(sample: Sample, kernel: Kernel): Map<string, readonly number[]> {
  const { symbols, inputs } = sample;
  const made = new Map<string, Tensor>();
  for (const { name, scope, scalar, shape } of sample.kernel.buffers) {
    if (scope !== "global" || inputs.has(name)) continue;
    const sizes = shape.map((size) => sizeOf(size, symbols));
    made.set(name, emptyTensor(scalar, sizes));
  }
  // The interpreter writes to the tensors; the next run needs the old ones.
  const given = [...inputs].map(([name, t]) => [name, { ...t, values: t.values.slice() }] as const);
  const all = new Map([...given, ...made]);
  interpretKernel(kernel, { symbols, buffers: all });
  const written = [...all].filter(([name]) => sample.kernel.buffers.some((b) => b.name === name && b.role !== "input"));
  return new Map(written.map(([name, t]) => [name, [...bytesOfTensor(t), ...(t.written ?? [])]]));
}

/** The kernel after each pass, after checking that it computes the same. */
export function lowered(sample: Sample): Map<string, Kernel> {
  const expected = JSON.stringify([...bytesMade(sample, sample.kernel)]);
  const stages = new Map<string, Kernel>();
  lower(sample.kernel, "wasm", (pass, kernel) => {
    const got = JSON.stringify([...bytesMade(sample, kernel)]);
    if (got !== expected)
      throw new Error(`${pass} changes the meaning:\n${printKernel(kernel)}\n${got}\ninstead of\n${expected}`);
    stages.set(stages.has(pass) ? `${pass} again` : pass, kernel);
  });
  return stages;
}

/** Small whole numbers of the type, within the buffer's range. */
export function values(
  scalar: Scalar,
  count: number,
  seed: number,
  range: readonly [number, number] = scalarRange(scalar),
): number[] {
  const random = randomOf(seed);
  const [low, high] = [Math.max(range[0], -100), Math.min(range[1], 300)];
  return Array.from({ length: count }, () => low + Math.floor(random() * (high - low + 1)));
}

/**
 * A kernel in text with random inputs; `also` names other global buffers that are to hold values before it runs (the rest are unwritten).
 */
export function sampleOf(text: string, symbols: Record<string, number> = {}, also: readonly string[] = []): Sample {
  const kernel = parseKernel(text);
  const inputs = new Map<string, Tensor>();
  for (const [i, { name, scope, role, scalar, shape, range }] of kernel.buffers.entries()) {
    if (scope !== "global" || (role !== "input" && role !== "weight" && !also.includes(name))) continue;
    const sizes = shape.map((size) => sizeOf(size, symbols));
    const count = sizes.reduce((product, size) => product * size, 1);
    inputs.set(name, tensor(scalar, sizes, values(scalar, count, i + 1, range)));
  }
  return { kernel, symbols, inputs };
}

/** The text of a kernel after a pass, after checking that every pass keeps its meaning. */
export function textAfter(
  pass: string,
  text: string,
  symbols?: Record<string, number>,
  also?: readonly string[],
): string {
  const kernel = lowered(sampleOf(text, symbols, also)).get(pass);
  if (kernel === undefined) throw new Error(`no pass ${pass}`);
  return `\n${printKernel(kernel)}`;
}

/** A main kernel of these lines. */
export const kernelText = (...lines: readonly string[]): string => ["kernel k stage main", ...lines].join("\n  ");

/** The statements after a pass. */
export function bodyAfter(pass: string, text: string, symbols?: Record<string, number>): string {
  const declarations = /^kernel|^ {2}(symbol|input|output|workspace|weight|packed|register) /;
  const lines = textAfter(pass, text, symbols).split("\n");
  return lines
    .filter((line) => !declarations.test(line))
    .map((line) => line.slice(2))
    .join("\n");
}

/** The message with which lowering refuses a kernel. */
export const refusal = (text: string): string => {
  try {
    lower(parseKernel(text), "wasm");
  } catch (e) {
    return (e as Error).message;
  }
  return "none";
};
