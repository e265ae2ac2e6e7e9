/** Tuning on WebGPU in every implementation: points are measured by the GPU's clock, what fails is an outcome, and each device has records of its own. */
import { afterAll, describe, expect, test } from "vitest";
import {
  type AttentionWorkload,
  canonicalJson,
  type Device,
  type MatmulWorkload,
  type Workload,
} from "../../ir/index.ts";
import { type Point, templateFor } from "../../schedules/index.ts";
import { probeDevice, type TuneOptions, tuneWorkloads } from "../../src/tuner/index.ts";
import { countPoints, strategyFor } from "../../src/tuner/search/index.ts";
import { openMemoryStore } from "../../tune-db/index.ts";
import { all } from "../src/tuner/helpers.ts";
import { brief, faultyAnywhere } from "../src/tuner/setting.ts";
import { gpus } from "./gpus.ts";

const matmul: MatmulWorkload = {
  ...{ op: "matmul", m: 1, n: 64, k: 128, w: "int4_g32", bias: false },
  numerics: { compute: "i8", xGroup: 32 },
};
const attention: AttentionWorkload = {
  ...{ op: "attention", m: 1, heads: 2, kvHeads: 2, headSize: 32, keys: "f32", values: "f32", causal: true },
  numerics: { scores: "f32", weights: "f32" },
};
/** What is tuned in each engine: attention, which takes long to compile, in one. */
const workloads: readonly Workload[] = gpus.map((_, i) => (i === 0 ? attention : matmul));
const fingerprints = new Set<string>();

/** The point that is tried second, after the default. */
function secondPoint(workload: Workload, device: Device): Point {
  const target = { workload, device };
  const template = templateFor(target);
  const [space, reference] = [template.space(target), template.default(target)];
  const has = (point: Point): boolean => canonicalJson(point) === canonicalJson(reference);
  const tried = [{ point: reference, score: 1 }];
  return strategyFor(countPoints(space)).next({ space, seeds: [reference], tried, has, seed: 1 })!;
}

describe.each(gpus.map((gpu, i) => [...gpu, workloads[i] as Workload] as const))("%s", (_, engine, workload) => {
  test("measures, and goes on where a candidate is wrong", async () => {
    const device = await probeDevice(engine, "wgsl");
    const store = openMemoryStore();
    const testHook = faultyAnywhere([[secondPoint(workload, device), "beyond"]]);
    const options: TuneOptions = { workloads: [workload], device, store, engine, trials: 3, sampling: brief, testHook };
    const report = await tuneWorkloads({ ...options, weightCopies: 2 });
    const [part] = report.results[0]!.parts;
    expect(part).toMatchObject({ template: templateFor({ workload, device }).name, tried: 3 });
    expect(part?.default?.ms).toBeGreaterThan(0);
    const records = await all(store);
    expect(records).toHaveLength(3);
    expect(records.every(({ key }) => key.device.fingerprint === device.fingerprint)).toBe(true);
    expect(records.find(({ outcome }) => outcome === "wrong")?.reason).toBe(
      "y: 3 bytes behind the buffer's end a byte was overwritten",
    );
    const [right] = records.filter(({ outcome }) => outcome === "ok");
    expect(right).toMatchObject({ copies: 2, quantum: expect.any(Number) });
    expect(right!.count).toBeGreaterThanOrEqual(5);
    expect(right!.maxError).toBeLessThan(1e-5);
    fingerprints.add(device.fingerprint);
  }, 120_000);
});

afterAll(() => {
  expect(fingerprints.size).toBe(gpus.length);
});
