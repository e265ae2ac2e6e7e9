/** The compiler's API. */
export {
  type Artifact,
  artifactHash,
  buildArtifact,
  hashOf,
  type Launch,
  type Observer,
  type Part,
  type PartPlan,
  planPart,
  type TensorSpec,
} from "./artifact.ts";
export { type CompiledKernel, type CompileOptions, compile, kernelFeatures, resolve } from "./compile.ts";
export { ApiError } from "./errors.ts";
export { type Addresses, Executable, type RowRange } from "./executable.ts";
export { generatorHash, layoutVersion } from "./generator.ts";
export { PackedTensors } from "./packed.ts";
export { type Choice, planParts, type Range, rangesOf, typicalWorkload } from "./plan.ts";
export { evaluate, type Size } from "./size.ts";
export type { RunArguments, RunResult, StoredWeights, WeightsOf } from "./types.ts";
