/** The tune-db: what was measured, where, and the best of it for a workload on a device. */
export type { OpenOptions } from "./connect.ts";
export { TuneDbError, type TuneDbFault } from "./errors.ts";
export { openIndexedDb } from "./indexeddb.ts";
export {
  type ExportOptions,
  exportRecords,
  type ImportOptions,
  type ImportResult,
  importFiles,
  importRecords,
  type RefusedLine,
} from "./jsonl.ts";
export {
  type DeviceKey,
  type Json,
  makeKey,
  makeScope,
  type Point,
  recordKey,
  type ScopeKey,
  shapeDistance,
  type TuneKey,
} from "./key.ts";
export { type LookupRequest, type LookupResult, type LookupStep, lookup } from "./lookup.ts";
export { memoryReader } from "./memory.ts";
export { openMemoryStore } from "./memory-store.ts";
export { openStore } from "./open.ts";
export { defaultPlace } from "./place.ts";
export {
  type Configuration,
  type Measurement,
  OUTCOMES,
  type Outcome,
  type Parsed,
  parseRecord,
  RECORD_VERSION,
  type RecordedStep,
  recordText,
  sealRecord,
  type TuneRecord,
  tuneRecordSchema,
} from "./record.ts";
export { openShipped } from "./shipped.ts";
export { summarize } from "./statistics.ts";
export {
  FAILED_OUTCOMES,
  type MergeCounts,
  preferred,
  type RecordReader,
  type RowFilter,
  type Rung,
  type RunningEntry,
  records,
  type State,
  type StoredRow,
  type Summary,
  type TuneStore,
} from "./store.ts";
