/** A sum whose element a loop inside repeats is begun anew by that loop, lowered as interpreted. */
import { expect, test } from "vitest";
import { b, emptyTensor, interpretKernel, type Kernel, lower, tensor } from "../../../ir/index.ts";

function result(kernel: Kernel): readonly number[] {
  const y = emptyTensor("i32", [2]);
  const x = tensor("i32", [3], [1, 2, 4]);
  interpretKernel(kernel, {
    symbols: {},
    buffers: new Map([
      ["x", x],
      ["y", y],
    ]),
  });
  return [...y.values];
}

test("for k: for n: y[m] += x[k] over k", () => {
  const [m, k] = [b.variable("m"), b.variable("k")];
  const x = b.buffer("x", "i32", [3], { role: "input" });
  const y = b.buffer("y", "i32", [2], { role: "output" });
  const body = [b.loop("m", 2, [b.loop("k", 3, [b.loop("n", 5, [b.reduce("y", [m], b.load(x, [k]), ["k"])])])])];
  const kernel = b.kernel("repeats", "main", { buffers: [x, y], body });
  // k = 0 begins anew five times, k = 1 and 2 add five times each.
  expect(result(kernel)).toEqual([31, 31]);
  expect(result(lower(kernel, "wasm"))).toEqual([31, 31]);
});
