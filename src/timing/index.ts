/** What bench and tuner measure with: seeded randomness, samples of times, and what they say. Loads in browsers. */
export { normal, type Random, splitmix32, uniform } from "./random.ts";
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
  timeRuns,
  timerQuantum,
} from "./timing.ts";
