/**
 * Operator rmsnorm (Zhang and Sennrich, arXiv:1910.07467), alone or with the sum of a residual before it:
 *
 *     s = x (+ residual)          y[m,k] = s[m,k] * weight[k] / sqrt(mean_k(s[m,k]^2) + eps)
 */
import { add, buffer, constant, div, kernel, load, loop, mul, op, reduce, store, variable } from "../build.ts";
import type { Buffer, BufferRole, Expr, Program } from "../nodes.ts";
import type { RmsNormWorkload } from "../workload.ts";
import { f32Bound, type Operator, type Tensors, valuesOf } from "./operator.ts";
import { checkSize, rowsOf } from "./shapes.ts";

/** One kernel: loop m, and in it `squares/k`, which sums squares, then k. With a residual the sum of it and x is the output `sum`. */
function program({ m, k, eps, residual: hasResidual }: RmsNormWorkload): Program {
  checkSize("k", k);
  const { extent, symbols } = rowsOf(m);
  const rowsNamed = (name: string, role: BufferRole): Buffer => buffer(name, "f32", [extent, k], { role });
  const [x, residual] = [rowsNamed("x", "input"), rowsNamed("residual", "input")];
  const weight = buffer("weight", "f32", [k], { role: "input" });
  const [sum, y] = [rowsNamed("sum", "output"), rowsNamed("y", "output")];
  const squares = buffer("squares", "f32", [], { scope: "register" });
  const inverse = buffer("inverse", "f32", [], { scope: "register" });
  const [row, column] = [variable("m"), variable("k")];
  const valueAt = (at: Expr): Expr =>
    hasResidual ? add(load(x, [row, at]), load(residual, [row, at])) : load(x, [row, at]);
  const each = valueAt(variable("squares/k"));
  const mean = div(load(squares, []), k);
  const body = [
    loop("squares/k", k, [reduce(squares.name, [], mul(each, each), ["squares/k"])]),
    store(inverse.name, [], div(constant(1, "f32"), op("sqrt", add(mean, Math.fround(eps))))),
    loop("k", k, [
      ...(hasResidual ? [store(sum.name, [row, column], valueAt(column))] : []),
      store(y.name, [row, column], mul(mul(valueAt(column), load(inverse, [])), load(weight, [column]))),
    ]),
  ];
  const tensors = hasResidual ? [x, residual, weight, sum, y] : [x, weight, y];
  const main = kernel("main", "main", {
    symbols,
    buffers: [...tensors, squares, inverse],
    body: [loop("m", extent, body)],
  });
  return { name: "rmsnorm", kernels: [main] };
}

function reference({ k, eps, residual }: RmsNormWorkload, inputs: Tensors): Tensors {
  const [x, weight] = [valuesOf(inputs, "x"), valuesOf(inputs, "weight")];
  const added = residual ? valuesOf(inputs, "residual") : undefined;
  const sum = Float64Array.from(x, (value, i) => value + (added?.[i] ?? 0));
  const y = new Float64Array(sum.length);
  for (let begin = 0; begin < sum.length; begin += k) {
    const row = sum.subarray(begin, begin + k);
    const mean = row.reduce((total, value) => total + value * value, 0) / k;
    row.forEach((value, i) => {
      y[begin + i] = (value * (weight[i] as number)) / Math.sqrt(mean + eps);
    });
  }
  return residual ? { sum, y } : { y };
}

function meaning({ residual }: RmsNormWorkload): string {
  const [sum, s] = residual ? ["sum = x + residual, ", "sum"] : ["", "x"];
  return `${sum}y[m,k] = ${s}[m,k] * weight[k] / sqrt(mean_k(${s}[m,k]^2) + eps)`;
}

export const rmsnorm: Operator<RmsNormWorkload> = { program, reference, meaning, bound: () => f32Bound };
