// The bench: our kernels and real peers measured side by side, and the statistics that the tuner shares.

export {
  type Accuracy,
  type BlockWeights,
  type IntWeights,
  intWeights,
  type MatmulCase,
  type WeightSource,
  type Weights,
} from "./case.ts";
export { benchCompiler, type CompilerReport } from "./compiler.ts";
export { BenchError, PeerMissingError } from "./errors.ts";
export { type BenchReport, type BenchRow, benchMatmul, type Factory, type MatmulBench } from "./matmul.ts";
export { formatWeightSource, numericsOf, ours } from "./ours.ts";
export { type Peer, type PeerName, peers, type Session } from "./peers/index.ts";
export { normal, type Random, splitmix32, uniform } from "./random.ts";
export { benchRows, type RowsReport } from "./rows.ts";
export {
  type CompareOptions,
  type Comparison,
  compare,
  figures,
  median,
  quantile,
  type Summary,
  summarize,
} from "./statistics.ts";
export {
  type BatchOptions,
  batchSize,
  type Clock,
  type Contestant,
  type InterleaveOptions,
  interleave,
  type Run,
  type Samples,
  type TimedRuns,
  timerQuantum,
} from "./timing.ts";
