// The bench: our kernels and real peers measured side by side. Samples and statistics are src/timing's.

export {
  type AttentionBench,
  type AttentionFactory,
  type AttentionReport,
  type AttentionRow,
  type AttentionTable,
  benchAttention,
} from "./attention.ts";
export { type BitsReport, benchBits, bitsPlot } from "./bits.ts";
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
export type { Limit } from "./gpu/contest.ts";
export type { Figure } from "./gpu/figure.ts";
export { type GpuLimits, type LimitOptions, measureGpuLimits } from "./gpu/limits.ts";
export { gpuLimitMs, readSizes } from "./gpu/share.ts";
export { type Limits, limitMs, measureLimits } from "./limits.ts";
export { type BenchReport, type BenchRow, benchMatmul, type Factory, type MatmulBench } from "./matmul.ts";
export { formatWeightSource, numericsOf, ours } from "./ours.ts";
export { ourAttention } from "./ours-attention.ts";
export { ourAttentionInPage, ourAttentionOnGpu, oursInPage, oursOnGpu } from "./ours-gpu.ts";
export { type Peer, type PeerName, peers, type Session } from "./peers/index.ts";
export { type Plot, plotSvg } from "./plot.ts";
export { benchRows, type RowsReport } from "./rows.ts";
export { benchSizes, type SizesReport, sizesPlot } from "./sizes.ts";
export { benchTails, type TailsReport } from "./tails.ts";
export { benchThreads, type ThreadsReport } from "./threads.ts";
