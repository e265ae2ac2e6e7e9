/** Running programs of the operators through the interpreter on stored tensors. */
import {
  type Containers,
  containerBuffers,
  type Format,
  interpretProgram,
  type Program,
  type Tensor,
  tensor,
  tensorOfBytes,
} from "../../ir/index.ts";

/** The stored tensor's containers as inputs of a program. */
export function containerTensors(format: Format, containers: Containers, n: number, k: number): Map<string, Tensor> {
  return new Map(
    containerBuffers(format, n, k).map((buffer) => {
      const shape = buffer.shape.map((size) => (size.kind === "const" ? size.value : Number.NaN));
      return [buffer.name, tensorOfBytes(buffer.scalar, shape, containers[buffer.name] ?? new Uint8Array())];
    }),
  );
}

/** An f32 tensor. */
export const f32 = (shape: readonly number[], values: ArrayLike<number>): Tensor => tensor("f32", shape, values);

/** Runs all kernels; gives the values of every buffer that the program made. */
export function run(
  program: Program,
  inputs: ReadonlyMap<string, Tensor>,
  symbols: Readonly<Record<string, number>> = {},
): ReadonlyMap<string, Float64Array> {
  const made = interpretProgram(program, symbols, inputs);
  return new Map([...made].map(([name, { values }]) => [name, values]));
}
