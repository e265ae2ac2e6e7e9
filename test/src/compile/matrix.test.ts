// Compiled matmuls of all kinds of formats, numerics and shapes, between guards, against float64 sums over the same codes. `QLOOM_MATRIX=all npx vitest run
// test/src/compile/matrix.test.ts` runs every format with every numerics, with and without relaxed SIMD, in some ten minutes.

import { describe, expect, test } from "vitest";
import { type Point, pointsOf, type Target, templateFor } from "../../../schedules/index.ts";
import {
  buildArtifact,
  compile,
  planPart,
  rangesOf,
  typicalWorkload,
  type WasmArtifact,
} from "../../../src/compile/index.ts";
import { normals, randomOf } from "../../ir/samples.ts";
import { guardedKernel, poisonedRuntime, relaxed, strict, unprefixed } from "./harness.ts";
import { type Case, casesOf, rows } from "./matrix.ts";
import { expectProduct, groupOfX, reachOfX } from "./product.ts";
import { activations, storedWeights } from "./tensors.ts";

const runtime = poisonedRuntime(2 ** 22);

describe("compiled matmul", () => {
  test.each(casesOf(process.env["QLOOM_MATRIX"] ?? "1").map((c) => [nameOf(c), c] as const))("%s", async (_, c) => {
    const { workload, exact, seed } = c;
    const { m, n, k, w } = workload;
    const weights = storedWeights(w, n, k, c);
    const most = m === "any" ? (rows.at(-1) as number) : m;
    const all = activations(most, k, groupOfX(workload), c, reachOfX(workload));
    const bias = workload.bias ? (exact ? new Float32Array(n).fill(3.5) : normals(n, seed)) : undefined;

    const artifact = c.anyPoint ? atAnyPoint(c) : await viaApi(c, weights, all, bias);
    const kernel = guardedKernel(artifact, weights, runtime);
    const whole = kernel.run(all, most, bias);
    expectProduct(whole, workload, all, weights, bias, exact);
    // A row's result does not depend on how many rows there are.
    for (const fewer of m === "any" ? rows : [])
      expect(kernel.run(all.subarray(0, fewer * k), fewer, bias)).toEqual(whole.subarray(0, fewer * n));
    kernel.free();
  });

  test("leaves nothing behind in memory", () => {
    expect(runtime.usedBytes).toBe(0);
  });
});

const deviceOf = (c: Case) => (c.relaxed ? relaxed : strict);

function nameOf(c: Case): string {
  const { m, n, k, w, bias, numerics } = c.workload;
  const compute = numerics.compute === "i8" ? `i${numerics.xBits ?? 8} x ${numerics.xGroup}` : numerics.compute;
  const options = [bias && "bias", c.relaxed ? "relaxed" : "strict", c.exact && "exact", c.anyPoint && "any point"];
  return `${w} ${compute} m=${m} n=${n} k=${k} ${options.filter(Boolean).join(", ")} (seed ${c.seed})`;
}

/** The API gives what the artifact computes between guards, to the last bit. */
async function viaApi(
  c: Case,
  weights: ReturnType<typeof storedWeights>,
  x: Float32Array,
  bias?: Float32Array,
): Promise<WasmArtifact> {
  const { workload } = c;
  const compiled = await compile({ ...workload, m: workload.m as number }, { db: false, device: deviceOf(c), runtime });
  const packed = compiled.pack(unprefixed(weights));
  const m = x.length / workload.k;
  const y = compiled.run({ x, w: packed, m, ...(bias && { bias }) } as Parameters<typeof compiled.run>[0]);
  const guarded = guardedKernel(compiled.artifact, weights, runtime);
  expect(y).toEqual(guarded.run(x, m, bias));
  guarded.free();
  packed.dispose();
  compiled.dispose();
  return compiled.artifact;
}

/** The artifact at a random point; the parts of a symbolic M agree on the layout. */
function atAnyPoint({ workload, seed, ...c }: Case): WasmArtifact {
  const random = randomOf(seed + 3);
  const device = deviceOf({ ...c, workload, seed });
  const target = { workload, device };
  let layout: Point | undefined;
  const plans = rangesOf(workload).map((range) => {
    const typical: Target = { workload: typicalWorkload(workload, range), device };
    const template = templateFor(typical);
    const space = template.space(target);
    const points = [...pointsOf(space)].filter((p) =>
      space.layout.every((a) => layout === undefined || layout[a] === p[a]),
    );
    const point = points[Math.floor(random() * points.length)] as Point;
    layout ??= point;
    return { ...planPart(target, range, point), template: template.name, schedule: template.schedule(target, point) };
  });
  return buildArtifact({ ...target, device: { ...device, kind: "wasm" } }, plans);
}
