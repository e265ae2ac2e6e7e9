/**
 * Programs: which kernels run, on which tensors. Buffers that nobody passes in are made here, and are undefined until a kernel writes them.
 */
import { InterpretError } from "./errors.ts";
import { type InterpretOptions, inDomain, interpretKernel } from "./interpret.ts";
import { sizeOf } from "./memory.ts";
import type { Buffer, Program, Stage } from "./nodes.ts";
import { emptyTensor, type Tensor } from "./tensor.ts";
import { storageBits } from "./types.ts";

export interface ProgramOptions extends InterpretOptions {
  /** Which stages run: all by default. Packed buffers of a pack stage that does not run are then inputs. */
  readonly run?: (stage: Stage) => boolean;
}

/**
 * Runs a program's kernels in order, those whose symbol domains hold. `inputs` has a tensor for every input and weight that these
 * kernels name. Gives the tensors of all other global buffers: outputs, packed ones, workspaces (of a byte-unit buffer flat, in its scalar).
 * Throws an `InterpretError` for a missing or unknown input, and when an output is not wholly written although every stage ran.
 */
export function interpretProgram(
  program: Program,
  symbols: Readonly<Record<string, number>>,
  inputs: ReadonlyMap<string, Tensor>,
  options: ProgramOptions = {},
): Map<string, Tensor> {
  const kernels = program.kernels.filter((k) => (options.run?.(k.stage) ?? true) && inDomain(k, symbols));
  const declared = new Map<string, Buffer>();
  for (const k of kernels) for (const b of k.buffers) if (b.scope === "global") declared.set(b.name, b);
  const all = new Map(inputs);
  const made = new Map<string, Tensor>();
  for (const buffer of declared.values()) {
    if (inputs.has(buffer.name) || buffer.role === "subgroup") continue;
    if (buffer.role === "input" || buffer.role === "weight")
      throw new InterpretError(`${program.name}: ${buffer.role} ${buffer.name} was given no tensor`);
    const tensor = allocate(buffer, symbols);
    made.set(buffer.name, tensor);
    all.set(buffer.name, tensor);
  }
  for (const name of inputs.keys())
    if (!program.kernels.some((k) => k.buffers.some((b) => b.scope === "global" && b.name === name)))
      throw new InterpretError(
        `${program.name}: it has no buffer ${name}; its buffers are ${[...declared.keys()].join(", ")}`,
      );
  for (const kernel of kernels) interpretKernel(kernel, { symbols, buffers: all }, options);
  if (options.run === undefined) {
    for (const [name, { written }] of made)
      if (declared.get(name)?.role === "output" && written?.includes(0))
        throw new InterpretError(`${program.name}: element ${written.indexOf(0)} of output ${name} is never written`);
  }
  return made;
}

function allocate(buffer: Buffer, symbols: Readonly<Record<string, number>>): Tensor {
  const shape = buffer.shape.map((size) => sizeOf(size, symbols));
  if (buffer.unit === "element") return emptyTensor(buffer.scalar, shape);
  return emptyTensor(buffer.scalar, [((shape[0] as number) * 8) / storageBits(buffer.scalar)]);
}
