// What the compiler itself takes: from a workload to a validated module, a look-up, packing.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { WasmRuntime } from "../../backends/index.ts";
import { containerBytes, type Device, formatOf, type MatmulWorkload } from "../../ir/index.ts";
import { lookup, makeKey, makeScope, openStore, type TuneStore } from "../../tune-db/index.ts";
import {
  type Artifact,
  buildArtifact,
  Executable,
  generatorHash,
  kernelFeatures,
  layoutVersion,
  planParts,
} from "../compile/index.ts";
import { median } from "../timing/index.ts";
import { BenchError } from "./errors.ts";

export interface CompilerReport {
  readonly device: Device;
  readonly workload: MatmulWorkload;
  /** Workload to validated module, or to shaders and the module that packs for them: the first in the process, and the median of later ones. */
  readonly compileFirstMs: number;
  readonly compileMs: number;
  /** A look-up that hits, among this many records. */
  readonly records: number;
  readonly lookupMs: number;
  /** Stored weights packed per second, 10^6 bytes. */
  readonly packMBs: number;
  /** Most memory held while packing besides the packed tensors, as a share of their size. */
  readonly packExtra: number;
}

/** Enough that most are past the engine's own warming up. */
const compilations = 50;
const repeats = 15;
const records = 1000;

/** Measures the compiler on one workload with a fixed M. */
export async function benchCompiler(workload: MatmulWorkload, device: Device): Promise<CompilerReport> {
  const [compileFirstMs, compileMs] = await compileTimes(workload, device);
  const lookupMs = await lookupTime(workload, device);
  return { device, workload, compileFirstMs, compileMs, records, lookupMs, ...(await packing(workload, device)) };
}

async function compileTimes(workload: MatmulWorkload, device: Device): Promise<readonly [number, number]> {
  const times: number[] = [];
  for (let i = 0; i < compilations; i++) {
    const start = performance.now();
    const artifact = await untuned(workload, device);
    if (!WebAssembly.validate(artifact.code)) throw new BenchError("compiler: the module does not validate here");
    times.push(performance.now() - start);
  }
  return [times[0] as number, median(times.slice(1))];
}

/** What the templates' defaults make. */
async function untuned(workload: MatmulWorkload, device: Device): Promise<Artifact> {
  const target = { workload, device: { ...device, features: kernelFeatures(device) } };
  const choices = await planParts(workload, target.device, []);
  return buildArtifact(
    target,
    choices.map((c) => c.plan),
  );
}

/** The median look-up in a store of records of other shapes, and one of this. */
async function lookupTime(workload: MatmulWorkload, device: Device): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), "qloom-bench-"));
  const store = await openStore(join(folder, "records.sqlite"));
  try {
    for (let i = 0; i < records; i++) await putRecord(store, { ...workload, n: workload.n + 16 * i }, device);
    const request = { workload, device, layoutVersion, generator: generatorHash(device.kind) };
    const times: number[] = [];
    for (let i = 0; i < repeats; i++) {
      const start = performance.now();
      await lookup(store, request);
      times.push(performance.now() - start);
    }
    return median(times);
  } finally {
    await store.close();
    await rm(folder, { recursive: true });
  }
}

async function putRecord(store: TuneStore, workload: MatmulWorkload, device: Device): Promise<void> {
  const key = makeKey(makeScope(workload, device, layoutVersion, generatorHash(device.kind)), "fallback", {});
  const id = await store.begin({ key, label: device.label, schedule: [], artifact: "none" });
  await store.finish(id, { outcome: "ok", reason: null, samples: [1e6, 1e6, 1e6], quantum: 1, maxError: 0 });
}

async function packing(workload: MatmulWorkload, device: Device): Promise<{ packMBs: number; packExtra: number }> {
  const runtime = new PeakMemory();
  const artifact = await untuned(workload, device);
  // Whatever the kernels are for, Wasm packs.
  const kernel = await Executable.load({ ...artifact, features: [], parts: [] }, runtime);
  try {
    const format = formatOf(workload.w);
    const sizes = Object.entries(containerBytes(format, workload.n, workload.k));
    const stored = Object.fromEntries(sizes.map(([name, bytes]) => [name, new Uint8Array(bytes)]));
    const source = sizes.reduce((sum, [, bytes]) => sum + bytes, 0);
    const times: number[] = [];
    let packExtra = 0;
    for (let i = 0; i < repeats; i++) {
      const before = runtime.usedBytes;
      runtime.peak = before;
      const start = performance.now();
      const packed = kernel.pack(stored);
      times.push(performance.now() - start);
      packExtra = (runtime.peak - before - packed.byteLength) / packed.byteLength;
      packed.dispose();
    }
    return { packMBs: source / median(times.slice(3)) / 1e3, packExtra };
  } finally {
    kernel.dispose();
    runtime.dispose();
  }
}

/** A runtime that notes how much was allocated at most. */
class PeakMemory extends WasmRuntime {
  peak = 0;

  override allocate(bytes: number): number {
    const address = super.allocate(bytes);
    this.peak = Math.max(this.peak, this.usedBytes);
    return address;
  }
}
