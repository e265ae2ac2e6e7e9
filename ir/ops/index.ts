/** Operators: from a workload to the naive program that defines it. Adding one is a file and a line in `programs`. */
import type { Program } from "../nodes.ts";
import type { Workload } from "../workload.ts";
import { dequantizeProgram } from "./dequantize.ts";
import { matmulProgram } from "./matmul.ts";
import { quantizeProgram } from "./quantize.ts";

export { epilogueOf, exactResult, type Operands, operandsOf } from "./epilogue.ts";
export { decodeActivations, type Quantized, quantizeReference, referenceMatmul } from "./reference.ts";

const programs: { readonly [Op in Workload["op"]]: (workload: Extract<Workload, { op: Op }>) => Program } = {
  matmul: matmulProgram,
  quantize: quantizeProgram,
  dequantize: dequantizeProgram,
};

/** The naive program of a workload. Throws a `WorkloadError` that names the field, the reason and the remedy. */
export function programOf(workload: Workload): Program {
  const build = programs[workload.op] as (of: Workload) => Program;
  return build(workload);
}
