/** Operator dequantize: a stored tensor to f32, row-major. */
import { buffer, kernel, loop, store, variable } from "../build.ts";
import { decodeAt, formatOf, packedFields, unpackKernel } from "../formats/index.ts";
import type { Program } from "../nodes.ts";
import type { DequantizeWorkload } from "../workload.ts";
import { checkSize } from "./shapes.ts";

/** The program of a dequantize workload: `pack`, then `main` with loops n, k and output `y`. Throws a `WorkloadError` for what the format can't hold. */
export function dequantizeProgram(workload: DequantizeWorkload): Program {
  const { n, k } = workload;
  const format = formatOf(workload.w);
  checkSize("n", n);
  const y = buffer("y", "f32", [n, k], { role: "output" });
  const at = [variable("n"), variable("k")] as const;
  const main = kernel("main", "main", {
    buffers: [...packedFields(format, n, k), y],
    body: [loop("n", n, [loop("k", k, [store(y.name, at, decodeAt(format, ...at))])])],
  });
  return { name: "dequantize", kernels: [unpackKernel(format, { n, k }), main] };
}
