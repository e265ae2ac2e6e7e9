/**
 * The API: `compile(workload, options)` gives a kernel that packs weights and runs.
 */
import { type GpuRuntime, probeWasm, type WasmMemory } from "../../backends/index.ts";
import {
  checkContainers,
  type Device,
  formatOf,
  parseWorkload,
  programOf,
  type Workload,
  WorkloadError,
  workloadKey,
} from "../../ir/index.ts";
import type { Target } from "../../schedules/index.ts";
import {
  type LookupStep,
  openShipped,
  openStore,
  type RecordReader,
  recordKey,
  TuneDbError,
  type TuneKey,
  type TuneRecord,
  type TuneStore,
} from "../../tune-db/index.ts";
import {
  ApiError,
  Executable,
  GpuExecutable,
  type GpuKvCache,
  type GpuPackedTensors,
  type GpuPagedCache,
  gpuKernelOf,
  kernelOf,
  type LoadedGpuKernel,
  type LoadedKernel,
  type PackedTensors,
  type StoredArrays,
  type StoredTensors,
  shadersOf,
  storedBytes,
} from "../runtime/index.ts";
import { type Artifact, artifactHash, buildArtifact, type WasmArtifact, type WgslArtifact } from "./artifact.ts";
import { kernelFeatures, type MemoryKind, ownMemory, sharedAmong, withThreads } from "./granted.ts";
import { type Choice, planParts } from "./plan.ts";
import type { KnownFormat, RunArguments, RunResult, WeightsOf } from "./types.ts";

export interface CompileOptions {
  /** The device to compile for; the runtime's, or this machine's Wasm, unless given. */
  readonly device?: Device;
  /** Where tuned records are: a path, an open store, or false for template defaults only. By default the user's database, then the shipped records. */
  readonly db?: string | TuneStore | false;
  /** Memory to work in: kernels that share a runtime share packed tensors and can pass results on. By default a kernel has its own. */
  readonly runtime?: WasmMemory;
  /**
   * Threads that share a run, the caller's among them. `run` returns when all are done, with the same result as on one. More than one needs memory that can be shared (in a
   * browser a page that is cross-origin isolated), and a runtime made with `{ shared: true }` where one is given; without, compiling rejects with an `ApiError`: nothing
   * falls back to one thread unasked.
   * @default the device's, which is 1 unless it says otherwise
   */
  readonly threads?: number;
}

/** Options of a kernel that runs on a GPU. */
export interface GpuCompileOptions extends Omit<CompileOptions, "runtime" | "threads"> {
  /** What `openGpu` gave. */
  readonly runtime: GpuRuntime;
}

interface Compiled<W extends Workload, A extends Artifact> {
  readonly workload: W;
  readonly artifact: A;
  /** Why each part is what it is: the rungs of the look-up, one line each. */
  readonly explanation: readonly string[];
}

/** A compiled workload. */
export interface CompiledKernel<W extends Workload>
  extends Compiled<W, WasmArtifact>,
    LoadedKernel<WeightsOf<W>, RunArguments<W>, RunResult<W>> {
  /** Packs stored weights into the kernel's memory. Throws an `ApiError` for a missing tensor, one that has no place, a wrong length, or numbers that can't be (`PackOptions.check`). */
  pack(weights: WeightsOf<W>, options?: PackOptions): PackedTensors;
  /** `dispose`, for `using`. Threads end with the last kernel that they share. */
  [Symbol.dispose](): void;
}

/** A workload compiled for a GPU. */
export interface CompiledGpuKernel<W extends Workload>
  extends Compiled<W, WgslArtifact>,
    LoadedGpuKernel<WeightsOf<W>, RunArguments<W, GpuPackedTensors, GpuKvCache, GpuPagedCache>, RunResult<W>> {
  /** Packs stored weights on the CPU and uploads them. Rejects as `CompiledKernel.pack` throws. */
  pack(weights: WeightsOf<W>, options?: PackOptions): Promise<GpuPackedTensors>;
}

export interface PackOptions {
  /** Refuse scales and offsets that are NaN or infinite, and zero points out of range: a pass over them, far shorter than packing. True unless given. */
  readonly check?: boolean;
}

/** Compiles a workload: to Wasm, or to WGSL where the runtime is a GPU's. Throws a `WorkloadError` for one that can't be. */
export function compile<const W extends Workload>(
  workload: W & KnownFormat<W>,
  options: GpuCompileOptions,
): Promise<CompiledGpuKernel<W>>;
export function compile<const W extends Workload>(
  workload: W & KnownFormat<W>,
  options?: CompileOptions,
): Promise<CompiledKernel<W>>;
export async function compile<W extends Workload>(
  workload: W,
  options: CompileOptions | GpuCompileOptions = {},
): Promise<CompiledKernel<W> | CompiledGpuKernel<W>> {
  const checked = parseWorkload(workload);
  const { device, db, runtime } = options;
  const checkOf = ({ check = true }: PackOptions): ((stored: StoredTensors) => void) | undefined =>
    check ? (stored) => checkNumbers(checked, stored) : undefined;
  if (runtime !== undefined && "gpu" in runtime) {
    const { artifact, ...why } = await resolveGpu(checked, runtime, db, device);
    const executable = await GpuExecutable.load(artifact, runtime);
    return {
      ...{ workload, artifact: executable.artifact, explanation: explanationOf(why) },
      ...gpuKernelOf<WeightsOf<W>, RunArguments<W, GpuPackedTensors, GpuKvCache, GpuPagedCache>, RunResult<W>>(
        executable,
      ),
      pack: async (weights, options = {}) => executable.pack(storedBytes(weights as StoredArrays), checkOf(options)),
    };
  }
  const granted = withThreads(device ?? (await thisDevice()), options as CompileOptions);
  programOf(checked); // What can't be computed has no sizes.
  const { artifact, ...why } = await resolve(checked, granted, db, runtime ?? ownMemory(checked, granted));
  const executable = await Executable.load(artifact, runtime, sharedAmong(granted));
  return {
    ...{ workload, artifact: executable.artifact, explanation: explanationOf(why) },
    ...kernelOf<WeightsOf<W>, RunArguments<W>, RunResult<W>>(executable),
    pack: (weights, options = {}) => executable.pack(storedBytes(weights as StoredArrays), checkOf(options)),
    [Symbol.dispose]: () => executable.dispose(),
  };
}

let probed: Device | undefined;

/** This machine's Wasm, looked at once: it takes longer than a kernel takes to compile. */
async function thisDevice(): Promise<Device> {
  probed ??= await probeWasm();
  return probed;
}

/** Throws an `ApiError` that names the row and group of a scale, offset or zero point that can't be. */
function checkNumbers(workload: Workload, stored: StoredTensors): void {
  if (!("w" in workload)) return;
  try {
    checkContainers(formatOf(workload.w), stored, workload.n, workload.k);
  } catch (error) {
    throw error instanceof WorkloadError ? new ApiError(`weights: ${error.message}`) : error;
  }
}

interface Resolved<A extends Artifact> {
  readonly artifact: A;
  readonly choices: readonly Choice[];
  readonly notes: readonly string[];
}

/** Loads code, to find out whether it does. */
type Load<A> = (artifact: A) => Promise<unknown>;

/** The artifact of a workload for Wasm, on a memory of a kind: the best that is known and loads. A stored winner that fails is quarantined, and the next rung is tried. */
export const resolve = (
  workload: Workload,
  device: Device,
  db: CompileOptions["db"],
  memory?: Partial<MemoryKind>,
): Promise<Resolved<WasmArtifact>> =>
  best<WasmArtifact>(workload, { ...device, kind: "wasm" }, db, ({ code }) => WebAssembly.compile(code), memory);

/** As `resolve`, for a GPU; `device` may be another than the runtime's own in what it allows. */
export const resolveGpu = (
  workload: Workload,
  runtime: GpuRuntime,
  db: CompileOptions["db"],
  device: Device = runtime.device,
): Promise<Resolved<WgslArtifact>> =>
  best<WgslArtifact>(workload, { ...device, kind: "wgsl" }, db, (a) => runtime.compile(shadersOf(a)));

/** As `resolve`, for a GPU that is elsewhere, in a browser's page say: whether a winner loads is seen there. */
export const resolveShaders = (
  workload: Workload,
  device: Device,
  db: CompileOptions["db"],
): Promise<Resolved<WgslArtifact>> =>
  best<WgslArtifact>(workload, { ...device, kind: "wgsl" }, db, ({ code }) => WebAssembly.compile(code));

async function best<A extends Artifact>(
  workload: Workload,
  device: Device & { readonly kind: A["target"] },
  db: CompileOptions["db"],
  load: Load<A>,
  memory?: Partial<MemoryKind>,
): Promise<Resolved<A>> {
  programOf(workload); // What can't be computed is no record's fault.
  const target = { workload, device: { ...device, features: kernelFeatures(device, memory) } };
  const notes: string[] = [];
  const failed = new Map<string, string>();
  const { readers, store, close } = await openReaders(db, notes);
  try {
    for (;;) {
      const choices = await planParts(workload, target.device, readers, failed);
      const built = await tryBuild(target, choices, load);
      if (built.artifact !== undefined) return { artifact: built.artifact, choices, notes };
      const culprit = await culpritOf(target, choices, load);
      if (culprit === undefined) throw built.error;
      const { key, record } = culprit;
      const { message } = built.error as Error;
      failed.set(recordKey(key), message);
      const withdrawn = store === undefined ? undefined : await quarantine(store, key, message, record);
      notes.push(`${key.template} ${JSON.stringify(key.point)} failed and is ${withdrawn ?? "left out"}: ${message}`);
    }
  } finally {
    await close();
  }
}

/** Withdraws a record; one that can't be must not keep a kernel from being found. Gives what became of it. */
async function quarantine(store: TuneStore, key: TuneKey, reason: string, record: TuneRecord): Promise<string> {
  try {
    await store.quarantine(recordKey(key), reason, { ...record, key });
    return "quarantined";
  } catch (error) {
    if (!(error instanceof TuneDbError)) throw error;
    return `left out, not quarantined (${error.message})`;
  }
}

/** A target with all that is known of its device. */
type TargetDevice = Target & { readonly device: Device };

type Built<A> =
  | { readonly artifact: A; readonly error?: undefined }
  | { readonly artifact?: undefined; readonly error: Error };

/** The record because of which a build failed: that of the only part that has one, else of the first part that fails alone, else the last. */
async function culpritOf<A extends Artifact>(
  target: TargetDevice,
  choices: readonly Choice[],
  load: Load<A>,
): Promise<{ readonly key: TuneKey; readonly record: TuneRecord } | undefined> {
  const tuned = choices.flatMap((choice) => {
    const { key, record } = choice.lookup ?? {};
    return key === undefined || record === undefined ? [] : [{ choice, key, record }];
  });
  for (const one of tuned.length > 1 ? tuned : [])
    if ((await tryBuild(target, [one.choice], load)).error !== undefined) return one;
  return tuned.at(-1);
}

async function tryBuild<A extends Artifact>(
  target: TargetDevice,
  choices: readonly Choice[],
  load: Load<A>,
): Promise<Built<A>> {
  try {
    // The target's kind is the artifact's.
    const artifact = buildArtifact(
      target,
      choices.map((c) => c.plan),
    ) as A;
    for (const { lookup } of choices) {
      // Only a record of this very workload names the hash of this very artifact: one of a fixed M is not for any M.
      const { record } = lookup ?? {};
      if (record === undefined || lookup?.rung !== "exact" || !isAsMeasured(target)) continue;
      if (workloadKey(record.key.workload) !== workloadKey(target.workload)) continue;
      const own = artifactHash(artifact);
      if (record.artifact !== own)
        throw new ApiError(
          `its artifact hash ${record.artifact?.slice(0, 12)} is not the built one's ${own.slice(0, 12)}`,
        );
    }
    await load(artifact);
    return { artifact };
  } catch (error) {
    return { error: error as Error };
  }
}

/** Whether the kernels are on the kind of memory that they were measured on: on a shared one that a kernel of one thread works in, or with addresses of 64 bits, they are other bytes. */
const isAsMeasured = ({ device: { features, threads = 1 } }: TargetDevice): boolean =>
  features.includes("shared-memory") === threads > 1 && !features.includes("memory64");

/** The readers in order: the user's store, then the shipped records. A store that can't be opened is noted, not fatal, unless it was named. */
export async function openReaders(
  db: CompileOptions["db"],
  notes: string[],
): Promise<{ readers: RecordReader[]; store: TuneStore | undefined; close: () => Promise<void> }> {
  if (db === false) return { readers: [], store: undefined, close: async () => {} };
  const shipped = await openShipped();
  if (typeof db === "object") return { readers: [db, shipped], store: db, close: async () => {} };
  try {
    const store = await openReadable(db);
    return { readers: [store, shipped], store, close: async () => store.close() };
  } catch (error) {
    if (db !== undefined || !(error instanceof TuneDbError)) throw error;
    notes.push(`the database is not used: ${error.message}`);
    return { readers: [shipped], store: undefined, close: async () => {} };
  }
}

/** A database that can only be read is read: what it can't keep is whether a record failed. */
async function openReadable(path: string | undefined): Promise<TuneStore> {
  try {
    return await openStore(path);
  } catch (error) {
    if (!(error instanceof TuneDbError) || error.fault !== "read-only") throw error;
    return await openStore(path, { readOnly: true });
  }
}

const explanationOf = ({ choices, notes }: Omit<Resolved<Artifact>, "artifact">): readonly string[] => [
  ...choices.flatMap(explain),
  ...notes,
];

function explain({ plan, lookup }: Choice): readonly string[] {
  const steps = (lookup?.steps ?? []).map((s: LookupStep) => `${plan.name}: ${s.rung} (${s.source}): ${s.reason}`);
  const source = lookup?.record ? `${lookup.rung} record` : "template default";
  return [...steps, `${plan.name}: ${plan.template} ${JSON.stringify(plan.point)}, from ${source}`];
}
