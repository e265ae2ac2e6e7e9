/** What the tuner's tests and the processes that they start share: a workload that takes no time, this device, faults. */
import { readFileSync } from "node:fs";
import { stripTypeScriptTypes } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { probeWasm } from "../../../backends/index.ts";
import { canonicalJson, type Device, type MatmulWorkload } from "../../../ir/index.ts";
import { type Point, templateFor } from "../../../schedules/index.ts";
import { kernelFeatures } from "../../../src/compile/index.ts";
import type { TestHook, TuneOptions } from "../../../src/tuner/index.ts";
import { exhaustive } from "../../../src/tuner/search/exhaustive.ts";
import type { PlainFault } from "./hooks/anywhere.ts";
import type { Fault, FaultyData } from "./hooks/faulty.ts";

const probed: Device = await probeWasm();
/** This machine, with the features that kernels may use. */
export const device: Device = { ...probed, features: kernelFeatures(probed) };

/** Small, and of 8-bit codes, for which there is one template to try. */
export function matmul(m: number | "any" = 1, n = 32, k = 64, w = "int8_g32"): MatmulWorkload {
  return { op: "matmul", m, n, k, w, bias: false, numerics: { compute: "i8", xGroup: 32 } };
}

/** As few samples as there may be. */
export const brief = { seconds: 0, minSamples: 5 } as const;

/** The first points that a job of seed 1 tries: the default, then the exhaustive strategy's. */
export function firstPoints(workload: MatmulWorkload, count: number): readonly Point[] {
  const target = { workload, device };
  const template = templateFor(target);
  const reference = template.default(target);
  const tried = [{ point: reference, score: 1 }];
  const has = (p: Point): boolean => tried.some(({ point }) => canonicalJson(point) === canonicalJson(p));
  while (tried.length < count) {
    const point = exhaustive.next({ space: template.space(target), seeds: [reference], tried, has, seed: 1 });
    if (point === undefined) break;
    tried.push({ point, score: 1 });
  }
  return tried.map(({ point }) => point);
}

type Faults<F> = readonly (readonly [Point, F])[];

const byPoint = (faults: Faults<string>) =>
  Object.fromEntries(faults.map(([point, fault]) => [canonicalJson(point), fault]));

export function faulty(faults: Faults<Fault>, pidFile?: string): TestHook {
  const data: FaultyData = { faults: byPoint(faults), ...(pidFile !== undefined && { pidFile }) };
  return { module: new URL("./hooks/faulty.ts", import.meta.url).href, data };
}

/** Faults that every engine can have: a browser knows no files. */
export function faultyAnywhere(faults: Faults<PlainFault>): TestHook {
  const text = stripTypeScriptTypes(readFileSync(new URL("./hooks/anywhere.ts", import.meta.url), "utf8"));
  return {
    module: `data:text/javascript;base64,${Buffer.from(text).toString("base64")}`,
    data: { faults: byPoint(faults) },
  };
}

export function job(given: Pick<TuneOptions, "workloads" | "store"> & Partial<TuneOptions>): TuneOptions {
  return { device, sampling: brief, limits: { run: 20 }, ...given };
}

// Many measuring processes are started: Node need not compile the compiler for each of them.
process.env["NODE_COMPILE_CACHE"] ??= join(tmpdir(), "qloom-test-compile-cache");
