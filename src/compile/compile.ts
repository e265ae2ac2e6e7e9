/**
 * The API: `compile(workload, options)` gives a kernel that packs weights and runs.
 */
import { probeWasm, type WasmRuntime } from "../../backends/index.ts";
import { type Device, type Feature, parseWorkload, type Workload } from "../../ir/index.ts";
import {
  type LookupStep,
  openShipped,
  openStore,
  type RecordReader,
  recordKey,
  TuneDbError,
  type TuneStore,
} from "../../tune-db/index.ts";
import { type Artifact, artifactHash, buildArtifact } from "./artifact.ts";
import { ApiError } from "./errors.ts";
import { Executable } from "./executable.ts";
import { PackedTensors } from "./packed.ts";
import { type Choice, planParts } from "./plan.ts";
import { evaluate } from "./size.ts";
import type { RunArguments, RunResult, WeightsOf } from "./types.ts";

export interface CompileOptions {
  /** The device to compile for; this machine's Wasm unless given. */
  readonly device?: Device;
  /** Where tuned records are: a path, an open store, or false for template defaults only. By default the user's database, then the shipped records. */
  readonly db?: string | TuneStore | false;
  /** Memory to work in: kernels that share a runtime share packed tensors and can pass results on. By default a kernel has its own. */
  readonly runtime?: WasmRuntime;
}

/** A compiled workload. */
export interface CompiledKernel<W extends Workload> {
  readonly workload: W;
  readonly artifact: Artifact;
  /** Why each part is what it is: the rungs of the look-up, one line each. */
  readonly explanation: readonly string[];
  /** Packs stored weights into the kernel's memory. Throws an `ApiError` for a missing tensor or a wrong length. */
  pack(weights: WeightsOf<W>): PackedTensors;
  /** Packed weights from a file that `PackedTensors.toBytes` gave. */
  loadPacked(bytes: Uint8Array): PackedTensors;
  /** Runs; results are copies. Throws an `ApiError` for a wrong length, or tensors packed for another layout. */
  run(args: RunArguments<W>): RunResult<W>;
  /** Frees what the kernel holds; packed tensors in its own memory go with it. */
  dispose(): void;
}

/** Compiles a workload. Throws a `WorkloadError` for one that can't be. */
export async function compile<const W extends Workload>(
  workload: W,
  options: CompileOptions = {},
): Promise<CompiledKernel<W>> {
  const checked = parseWorkload(workload);
  const device = options.device ?? (await probeWasm());
  const { artifact, choices, notes } = await resolve(checked, device, options.db);
  const executable = await Executable.load(artifact, options.runtime);
  return {
    workload,
    artifact,
    explanation: [...choices.flatMap(explain), ...notes],
    pack: (weights) => executable.pack(storedBytes(weights)),
    loadPacked: (bytes) => executable.loadPacked(bytes),
    run: (args) => run(executable, args as Arguments) as RunResult<W>,
    dispose: () => executable.dispose(),
  };
}

/** What the kernels may use on a device: threads need a shared memory, which is the caller's choice. */
export const kernelFeatures = (device: Device): readonly Feature[] =>
  device.features.filter((f) => f === "relaxed-simd");

/** The artifact of a workload: the best that is known and loads. A stored winner that fails is quarantined, and the next rung is tried. */
export async function resolve(
  workload: Workload,
  device: Device,
  db: CompileOptions["db"],
): Promise<{ artifact: Artifact; choices: readonly Choice[]; notes: readonly string[] }> {
  const target = { workload, device: { ...device, features: kernelFeatures(device) } };
  const notes: string[] = [];
  const { readers, store, close } = await openReaders(db, notes);
  try {
    for (;;) {
      const choices = await planParts(workload, { ...device, features: kernelFeatures(device) }, readers);
      const failure = await tryBuild(target, choices);
      if (failure.artifact) return { artifact: failure.artifact, choices, notes };
      const tuned = choices.find((c) => c.lookup?.record !== undefined);
      const key = tuned?.lookup?.key;
      if (tuned?.lookup?.record === undefined || key === undefined) throw failure.error;
      notes.push(`${key.template} ${JSON.stringify(key.point)} failed and is quarantined: ${failure.error.message}`);
      if (store === undefined) readers.length = 0;
      else await store.quarantine(recordKey(key), failure.error.message, { ...tuned.lookup.record, key });
    }
  } finally {
    await close();
  }
}

type Built = { artifact: Artifact; error?: undefined } | { artifact?: undefined; error: Error };

async function tryBuild(target: Parameters<typeof buildArtifact>[0], choices: readonly Choice[]): Promise<Built> {
  try {
    const artifact = buildArtifact(
      target,
      choices.map((c) => c.plan),
    );
    const recorded =
      choices.length === 1 && choices[0]?.lookup?.rung === "exact" ? choices[0].lookup.record?.artifact : undefined;
    const own = recorded === undefined ? undefined : artifactHash(artifact);
    if (recorded !== own)
      return {
        error: new ApiError(`its artifact hash ${recorded?.slice(0, 12)} is not the built one's ${own?.slice(0, 12)}`),
      };
    await WebAssembly.compile(artifact.code);
    return { artifact };
  } catch (error) {
    return { error: error as Error };
  }
}

/** The readers in order: the user's store, then the shipped records. A store that can't be opened is noted, not fatal, unless it was named. */
async function openReaders(
  db: CompileOptions["db"],
  notes: string[],
): Promise<{ readers: RecordReader[]; store: TuneStore | undefined; close: () => Promise<void> }> {
  if (db === false) return { readers: [], store: undefined, close: async () => {} };
  const shipped = await openShipped();
  if (typeof db === "object") return { readers: [db, shipped], store: db, close: async () => {} };
  try {
    const store = await openStore(db);
    return { readers: [store, shipped], store, close: async () => store.close() };
  } catch (error) {
    if (db !== undefined || !(error instanceof TuneDbError)) throw error;
    notes.push(`the database is not used: ${error.message}`);
    return { readers: [shipped], store: undefined, close: async () => {} };
  }
}

function explain({ plan, lookup }: Choice): readonly string[] {
  const steps = (lookup?.steps ?? []).map((s: LookupStep) => `${plan.name}: ${s.rung} (${s.source}): ${s.reason}`);
  const source = lookup?.record ? `${lookup.rung} record` : "template default";
  return [...steps, `${plan.name}: ${plan.template} ${JSON.stringify(plan.point)}, from ${source}`];
}

/** Stored weights under their buffers' names, as bytes. */
function storedBytes(weights: Readonly<Record<string, ArrayBufferView>>): Record<string, Uint8Array> {
  return Object.fromEntries(
    Object.entries(weights).map(([name, data]) => {
      if (!ArrayBuffer.isView(data)) throw new ApiError(`weights: ${name} is not a typed array`);
      return [`w.${name}`, new Uint8Array(data.buffer, data.byteOffset, data.byteLength)];
    }),
  );
}

interface Arguments {
  readonly x?: Float32Array;
  readonly w?: PackedTensors;
  readonly bias?: Float32Array;
  readonly m?: number;
}

function run(executable: Executable, args: Arguments): Float32Array | { q: Int8Array; s: Float32Array } {
  const { artifact, runtime } = executable;
  const { workload } = artifact;
  const m = rowsOf(workload, args.m);
  const symbols = { M: m };
  const packed = weightsFor(artifact, args.w, runtime);
  const at = new Map(packed);
  const own: number[] = [];
  const place = (name: string, bytes: number): number => {
    const address = runtime.allocate(bytes);
    own.push(address);
    at.set(name, address);
    return address;
  };
  try {
    for (const { name, bytes } of artifact.inputs) {
      const data = args[name as "x" | "bias"];
      const expected = evaluate(bytes, symbols);
      if (!(data instanceof Float32Array))
        throw new ApiError(`${name} is missing; it is a Float32Array of ${expected / 4} values`);
      if (data.byteLength !== expected)
        throw new ApiError(`${name} has ${data.length} values, expected ${expected / 4} (m = ${m})`);
      runtime.write(place(name, expected), data);
    }
    for (const { name, bytes } of artifact.outputs) place(name, evaluate(bytes, symbols));
    executable.launch(m, at);
    const result = (name: string): Uint8Array<ArrayBuffer> => {
      const spec = artifact.outputs.find((o) => o.name === name);
      return runtime.read(at.get(name) as number, spec === undefined ? 0 : evaluate(spec.bytes, symbols));
    };
    if (workload.op !== "quantize") return new Float32Array(result("y").buffer);
    return { q: new Int8Array(result("x.q").buffer), s: new Float32Array(result("x.s").buffer) };
  } finally {
    for (const address of own) runtime.free(address);
  }
}

function rowsOf(workload: Workload, given: number | undefined): number {
  if (!("m" in workload)) return 0;
  if (workload.m !== "any") {
    if (given === undefined || given === workload.m) return workload.m;
    throw new ApiError(`m = ${given}: the kernel was compiled for m = ${workload.m}; compile with m: "any"`);
  }
  if (given !== undefined && Number.isInteger(given) && given >= 0) return given;
  throw new ApiError(`m = ${given}: the number of rows of x, an integer from 0 up`);
}

function weightsFor(
  artifact: Artifact,
  w: PackedTensors | undefined,
  runtime: WasmRuntime,
): ReadonlyMap<string, number> {
  if (artifact.packed.length === 0) return new Map();
  if (!(w instanceof PackedTensors)) throw new ApiError("w is missing; pass what pack() gave");
  w.requireLive();
  if (w.layout !== artifact.layout)
    throw new ApiError(
      `w was packed with layout ${w.layout.slice(0, 12)}, the kernel reads ${artifact.layout.slice(0, 12)}; pack the weights with this kernel`,
    );
  if (w.runtime !== runtime)
    throw new ApiError("w was packed in another memory; compile both kernels with one runtime");
  return w.addresses;
}
