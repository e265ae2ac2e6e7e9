// The public API: what `import ... from "qloom"` gives.

export type { GpuFault, OpenOptions as GpuOptions, RuntimeOptions, WasmMemory } from "../backends/index.ts";
export {
  GpuError,
  GpuRuntime,
  gpuEnvironment,
  openGpu,
  probeWasm,
  runAgainForGpu,
  WasmRuntime,
  WasmRuntimeError,
} from "../backends/index.ts";
export {
  type AppendWorkload,
  type AttentionWorkload,
  canonicalJson,
  type DequantizeWorkload,
  type Device,
  type EmbedWorkload,
  type Feature,
  formatNames,
  type MatmulWorkload,
  type MergeWorkload,
  type Numerics,
  parseWorkload,
  QloomError,
  type QuantizedResult,
  type QuantizeWorkload,
  type RmsNormWorkload,
  type RopeWorkload,
  type Rows,
  type SwigluWorkload,
  type Workload,
  WorkloadError,
} from "../ir/index.ts";
export { ScheduleError } from "../schedules/index.ts";
export {
  exportRecords,
  importFiles,
  importRecords,
  type LookupRequest,
  type LookupResult,
  type LookupStep,
  lookup,
  type OpenOptions,
  openIndexedDb,
  openMemoryStore,
  openShipped,
  openStore,
  type RecordReader,
  type Summary,
  TuneDbError,
  type TuneRecord,
  type TuneStore,
} from "../tune-db/index.ts";
export {
  type BuildConfig,
  type BuildEntry,
  BuildError,
  type BuildOptions,
  type BuildResult,
  buildFolder,
  defineBuild,
  type GgufEntry,
  type KernelEntry,
} from "./build/index.ts";
export {
  type Artifact,
  type CompiledGpuKernel,
  type CompiledKernel,
  type CompileOptions,
  compile,
  type FormatName,
  type GpuCompileOptions,
  generatorHash,
  layoutVersion,
  type RunArguments,
  type RunResult,
  type StoredWeights,
} from "./compile/index.ts";
export {
  distinctMatmuls,
  GgufError,
  type GgufFile,
  type GgufTensor,
  type MatmulShape,
  openGguf,
} from "./gguf/index.ts";
export { type RopeOptions, type RopeScaling, type RopeTable, ropeTable } from "./models/index.ts";
export { ApiError, GpuPackedTensors, type Held, HeldTensor, KvCache, PackedTensors, release } from "./runtime/index.ts";
export { version } from "./version.ts";
