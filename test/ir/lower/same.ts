/** Running a lowered kernel on a sample: its global buffers are the sample's, read as bytes. */
import { bytesOfTensor, emptyTensor, interpretKernel, type Kernel, sizeOf, type Tensor } from "../../../ir/index.ts";
import type { Sample } from "../arbitrary.ts";

/** The bytes, with flags of what was written, of every global buffer that `kernel` makes of a sample. */
export function bytesMade(sample: Sample, kernel: Kernel): Map<string, readonly number[]> {
  const { symbols, inputs } = sample;
  const made = new Map<string, Tensor>();
  for (const { name, scope, scalar, shape } of sample.kernel.buffers) {
    if (scope !== "global" || inputs.has(name)) continue;
    const sizes = shape.map((size) => sizeOf(size, symbols));
    made.set(name, emptyTensor(scalar, sizes));
  }
  interpretKernel(kernel, { symbols, buffers: new Map([...inputs, ...made]) });
  return new Map([...made].map(([name, t]) => [name, [...bytesOfTensor(t), ...(t.written ?? [])]]));
}
