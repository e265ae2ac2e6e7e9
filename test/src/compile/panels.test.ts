// Panels of row blocks that do not divide the rows: the last one computes its last block again, and gives what panels of one block give, to the last bit.

import { expect, test } from "vitest";
import { WasmMemory } from "../../../backends/index.ts";
import type { MatmulWorkload } from "../../../ir/index.ts";
import { templateNamed } from "../../../schedules/index.ts";
import { buildArtifact, planPart, rangesOf, type WasmArtifact } from "../../../src/compile/index.ts";
import { guardedKernel, relaxed } from "./harness.ts";
import { activations, storedWeights } from "./tensors.ts";

const [m, k] = [9, 64];

/** The prefill kernel with a panel of so many blocks of 4 rows. */
function artifactWith(workload: MatmulWorkload, panel: number): WasmArtifact {
  const target = { workload, device: { ...relaxed, kind: "wasm" } } as const;
  const template = templateNamed("integer-dot-prefill");
  if (template === undefined) throw new Error("there is no such template");
  const point = { ...template.default(target), vectors: 1, tile: 1, panel };
  const [range] = rangesOf(workload);
  if (range === undefined) throw new Error("there is no range");
  const plan = {
    ...planPart(target, range),
    template: template.name,
    point,
    schedule: template.schedule(target, point),
  };
  return buildArtifact(target, [plan]);
}

test.each([17, 20, 33, 66])("%d rows", (n) => {
  const workload: MatmulWorkload = {
    op: "matmul",
    ...{ m, n, k },
    w: "int4_g32",
    bias: true,
    numerics: { compute: "i8", xGroup: 32 },
  };
  const data = { seed: n, exact: false };
  const weights = storedWeights(workload.w, n, k, data);
  const x = activations(m, k, 32, data);
  const bias = Float32Array.from({ length: n }, (_, i) => i);
  const memory = new WasmMemory();
  const results = [1, 2, 4, 16].map((panel) => {
    const artifact = artifactWith(workload, panel);
    const kernel = guardedKernel(artifact, weights, memory);
    const y = kernel.run(x, m, bias);
    kernel.free();
    return { y, layout: artifact.layout };
  });
  for (const result of results) expect(result).toEqual(results[0]);
});
