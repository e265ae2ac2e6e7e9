/** Operator rope: pairs of a head's values turned by angles that grow with the position. Kernels `angles`, `main` and `rest` (`turning.ts`). */
import { buffer } from "../build.ts";
import type { Program } from "../nodes.ts";
import type { RopeWorkload } from "../workload.ts";
import { f32Bound, type Operator, type Tensors, valuesOf } from "./operator.ts";
import { checkSize, rowsOf } from "./shapes.ts";
import { checkRotation, turningKernels } from "./turning.ts";

function program(workload: RopeWorkload): Program {
  const { m, d, heads } = workload;
  checkSize("d", d);
  checkSize("heads", heads);
  checkRotation(workload, d, { rotary: "rotary", d: "d" });
  const shape = [rowsOf(m).extent, heads, d];
  const kernels = turningKernels({
    ...{ m, heads, d, rotation: workload, stage: "main", kernels: { turn: "main", rest: "rest" } },
    x: buffer("x", "f32", shape, { role: "input" }),
    y: buffer("y", "f32", shape, { role: "output" }),
  });
  return { name: "rope", kernels };
}

function reference({ heads, d, rotary, pairing, scale }: RopeWorkload, inputs: Tensors): Tensors {
  const [x, positions] = [valuesOf(inputs, "x"), valuesOf(inputs, "positions")];
  const frequencies = valuesOf(inputs, "frequencies");
  const y = Float64Array.from(x);
  for (let head = 0; head < positions.length * heads; head++)
    for (let i = 0; i < rotary / 2; i++) {
      // Exact: an integer of 24 bits times an f32 has no more than 48.
      const angle = (positions[Math.floor(head / heads)] as number) * (frequencies[i] as number);
      const [cos, sin] = [scale * Math.cos(angle), scale * Math.sin(angle)];
      const a = head * d + (pairing === "neox" ? i : 2 * i);
      const b = a + (pairing === "neox" ? rotary / 2 : 1);
      y[a] = (x[a] as number) * cos - (x[b] as number) * sin;
      y[b] = (x[b] as number) * cos + (x[a] as number) * sin;
    }
  return { y };
}

export const rope: Operator<RopeWorkload> = {
  ...{ program, reference },
  meaning: () => "y[m,heads,d] = x[m,heads,d], pairs turned by positions[m] * frequencies[i]",
  bound: () => f32Bound,
};
