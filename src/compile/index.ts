/** The compiler's API. */
export {
  type Addresses,
  ApiError,
  Executable,
  evaluate,
  PackedTensors,
  type RowRange,
  type Size,
} from "../runtime/index.ts";
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
  scheduledWorkload,
  type TensorSpec,
} from "./artifact.ts";
export { type CompiledKernel, type CompileOptions, compile, kernelFeatures, openReaders, resolve } from "./compile.ts";
export { generatorHash, layoutVersion, stampText } from "./generator.ts";
export { generatorStamp } from "./generator-stamp.ts";
export { type Choice, planParts, type Range, rangesOf, typicalWorkload } from "./plan.ts";
export {
  type FormatName,
  type KnownFormat,
  otherFormats,
  type RunArguments,
  type RunResult,
  type StoredWeights,
  type WeightsOf,
} from "./types.ts";
