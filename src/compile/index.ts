/** The compiler's API. */
export {
  type Addresses,
  ApiError,
  Executable,
  evaluate,
  onThreads,
  PackedTensors,
  type SharedKernels,
  type ShareKernels,
  type Size,
} from "../runtime/index.ts";
export {
  type Artifact,
  artifactHash,
  buildArtifact,
  type Dispatch,
  hashOf,
  type Launch,
  type Observer,
  type Part,
  type PartPlan,
  planPart,
  scheduledWorkload,
  type TensorSpec,
  type WasmArtifact,
  type WasmTarget,
  type WgslArtifact,
  type WgslTarget,
} from "./artifact.ts";
export {
  type CompiledGpuKernel,
  type CompiledKernel,
  type CompileOptions,
  compile,
  type GpuCompileOptions,
  openReaders,
  resolve,
  resolveGpu,
  resolveShaders,
} from "./compile.ts";
export { generatorHash, layoutVersion, stampText } from "./generator.ts";
export { generatorStamp } from "./generator-stamp.ts";
export { kernelFeatures, sharedAmong, withThreads } from "./granted.ts";
export { type Choice, planParts, type Range, rangesOf, sharedPacking, typicalWorkload } from "./plan.ts";
export { compileResidual, type ResidualAttention, ResidualCache, type ResidualKernel } from "./residual.ts";
export { sizeText } from "./size.ts";
export {
  type FormatName,
  type KnownFormat,
  otherFormats,
  type RunArguments,
  type RunResult,
  type StoredWeights,
  type WeightsOf,
} from "./types.ts";
