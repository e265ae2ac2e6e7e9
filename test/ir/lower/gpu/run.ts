/** Running kernels for GPUs as lowering leaves them: in shuffled orders of their invocations, and for whatever subgroups the hardware may have. */
import {
  bytesOfTensor,
  emptyTensor,
  type InterpretOptions,
  interpretKernel,
  type Kernel,
  lower,
  passes,
  printKernel,
  sizeOf,
  type Tensor,
} from "../../../../ir/index.ts";
import type { Sample } from "../../arbitrary.ts";
import { randomOf } from "../../samples.ts";

/** The bytes, with flags of what was written, of every global buffer that a kernel writes, from a sample's data. */
export function outcome(
  { kernel: declared, symbols, inputs }: Sample,
  kernel: Kernel,
  options?: InterpretOptions,
): string {
  const made = new Map<string, Tensor>();
  for (const { name, scope, role, scalar, shape } of declared.buffers) {
    if (scope !== "global" || role === "subgroup" || inputs.has(name)) continue;
    const sizes = shape.map((size) => sizeOf(size, symbols));
    made.set(name, emptyTensor(scalar, sizes));
  }
  interpretKernel(kernel, { symbols, buffers: new Map([...inputs, ...made]) }, options);
  return JSON.stringify([...made].map(([name, t]) => [name, [...bytesOfTensor(t)], [...(t.written ?? [])]]));
}

/** Subgroups of up to `size` invocations chosen at random, each with a random leader. */
export function shuffledLeaders(size: number, seed: number): (invocations: number) => Int32Array {
  return (invocations) => {
    const random = randomOf(seed);
    const rest = Array.from({ length: invocations }, (_, i) => i);
    const take = (): number => rest.splice(Math.floor(random() * rest.length), 1)[0] as number;
    const leaders = new Int32Array(invocations);
    while (rest.length > 0) {
      const members = Array.from({ length: Math.min(size, rest.length) }, take);
      const leader = members[Math.floor(random() * members.length)] as number;
      for (const member of members) leaders[member] = leader;
    }
    return leaders;
  };
}

export const subgroupSizes: readonly number[] = [4, 8, 16, 32, 64, 128];

/** The kernel after each pass for WGSL, by its name and number, after checking that it computes the same under each of these options. */
export function loweredForGpu(
  sample: Sample,
  every: readonly InterpretOptions[],
  optionsFor: (pass: string) => readonly InterpretOptions[] = () => every,
): Map<string, Kernel> {
  const expected = outcome(sample, sample.kernel);
  const stages = new Map<string, Kernel>();
  lower(sample.kernel, "wgsl", (pass, kernel) => {
    for (const options of optionsFor(pass)) {
      const got = outcome(sample, kernel, options);
      if (got !== expected)
        throw new Error(
          `${pass} changes the meaning in order ${options.order}:\n${printKernel(kernel)}\n${got}\ninstead of\n${expected}`,
        );
    }
    stages.set(stages.has(pass) ? `${pass} again` : pass, kernel);
  });
  return stages;
}

/** The kernel up to and with a pass. */
export function after(name: string, kernel: Kernel): Kernel {
  const last = passes.wgsl.findIndex(([pass]) => pass === name);
  return passes.wgsl.slice(0, last + 1).reduce((before, [, pass]) => pass(before), kernel);
}

/** The kernel in the form of invocations, out of grid form with its barriers. */
export function finished(kernel: Kernel): Kernel {
  const from = passes.wgsl.findIndex(([pass]) => pass === "invocations");
  return passes.wgsl.slice(from).reduce((before, [, pass]) => pass(before), kernel);
}
