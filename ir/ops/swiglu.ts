/** Operator swiglu: `y[m,k] = silu(gate[m,k]) * up[m,k]`. */
import { buffer, kernel, load, loop, mul, store, variable } from "../build.ts";
import { silu } from "../math.ts";
import type { Program } from "../nodes.ts";
import type { SwigluWorkload } from "../workload.ts";
import { f32Bound, type Operator, type Tensors, valuesOf } from "./operator.ts";
import { checkSize, rowsOf } from "./shapes.ts";

function program({ m, k }: SwigluWorkload): Program {
  checkSize("k", k);
  const { extent, symbols } = rowsOf(m);
  const gate = buffer("gate", "f32", [extent, k], { role: "input" });
  const up = buffer("up", "f32", [extent, k], { role: "input" });
  const y = buffer("y", "f32", [extent, k], { role: "output" });
  const at = [variable("m"), variable("k")];
  const value = mul(silu(load(gate, at)), load(up, at));
  const main = kernel("main", "main", {
    symbols,
    buffers: [gate, up, y],
    body: [loop("m", extent, [loop("k", k, [store(y.name, at, value)])])],
  });
  return { name: "swiglu", kernels: [main] };
}

function reference(_: SwigluWorkload, inputs: Tensors): Tensors {
  const up = valuesOf(inputs, "up");
  return { y: Float64Array.from(valuesOf(inputs, "gate"), (g, i) => (g / (1 + Math.exp(-g))) * (up[i] as number)) };
}

export const swiglu: Operator<SwigluWorkload> = {
  ...{ program, reference },
  meaning: () => "y[m,k] = silu(gate[m,k]) * up[m,k]",
  bound: () => f32Bound,
};
