/** Operator embed: rows of a stored table by their numbers, decoded to f32. */
import { buffer, kernel, load, loop, store, variable } from "../build.ts";
import {
  type Containers,
  decodeAt,
  formatOf,
  packedFields,
  rowReader,
  unpackKernel,
  valueAt,
} from "../formats/index.ts";
import type { Program } from "../nodes.ts";
import type { EmbedWorkload } from "../workload.ts";
import { type Operator, type Tensors, valuesOf } from "./operator.ts";
import { checkSize, rowsOf } from "./shapes.ts";

/** `pack`, then `main` with loops m, k. That ids are rows of the table is what the kernel relies on, and `run` checks. */
function program({ m, n, k, w }: EmbedWorkload): Program {
  const format = formatOf(w);
  checkSize("n", n);
  const { extent, symbols } = rowsOf(m);
  const ids = buffer("ids", "i32", [extent], { role: "input", range: [0, n - 1] });
  const y = buffer("y", "f32", [extent, k], { role: "output" });
  const [row, column] = [variable("m"), variable("k")];
  const value = decodeAt(format, load(ids, [row]), column);
  const main = kernel("main", "main", {
    symbols,
    buffers: [ids, ...packedFields(format, n, k), y],
    body: [loop("m", extent, [loop("k", k, [store(y.name, [row, column], value)])])],
  });
  return { name: "embed", kernels: [unpackKernel(format, { n, k }), main] };
}

function reference({ n, k, w }: EmbedWorkload, inputs: Tensors, weights: Containers): Tensors {
  const ids = valuesOf(inputs, "ids");
  const readRow = rowReader(formatOf(w), weights, n, k);
  const y = new Float64Array(ids.length * k);
  for (let row = 0; row < ids.length; row++) {
    const decoded = readRow(ids[row] as number);
    for (let i = 0; i < k; i++) y[row * k + i] = valueAt(decoded, i);
  }
  return { y };
}

/** Decoding rounds to f32 where it multiplies and where it adds. */
export const embed: Operator<EmbedWorkload> = {
  ...{ program, reference },
  meaning: () => "y[m,k] = w[ids[m],k]",
  bound: () => 1e-12,
};
