/**
 * Operator merge: attention over a whole from attention over its parts (tokens that are shared, or elsewhere), each with the logarithm of its divisor. Parts that saw
 * nothing, of which that is -Infinity, take no part.
 *
 *     y = sum_p e^lse[p] * o[p] / sum_p e^lse[p]          lse = log sum_p e^lse[p]
 */
import type { MergeWorkload } from "../attention.ts";
import {
  add,
  buffer,
  constant,
  div,
  kernel,
  load,
  loop,
  lt,
  mul,
  op,
  reduce,
  select,
  store,
  sub,
  variable,
} from "../build.ts";
import { exp, leastFinite, log } from "../math.ts";
import type { Buffer, Expr, Program, Stmt } from "../nodes.ts";
import { f32Bound, type Operator, type Tensors, valuesOf } from "./operator.ts";
import { checkSize, rowsOf } from "./shapes.ts";

/** Loops m, h; in them the greatest logarithm `top`, the weights `w` of the parts, their sum, the weighted sum `acc`. */
function program({ m, parts, heads, headSize }: MergeWorkload): Program {
  checkSize("parts", parts);
  checkSize("heads", heads);
  checkSize("headSize", headSize);
  const { extent: M, symbols } = rowsOf(m);
  const tensor = (name: string, shape: readonly (Expr | number)[], role?: "input" | "output"): Buffer =>
    buffer(name, "f32", shape, { role: role ?? "workspace" });
  const o = tensor("o", [parts, M, heads, headSize], "input");
  const l = tensor("l", [parts, heads, M], "input");
  const y = tensor("y", [M, heads, headSize], "output");
  const lse = tensor("lse", [heads, M], "output");
  const [top, w, sum, acc] = [
    tensor("top", [M, heads]),
    tensor("w", [M, heads, parts]),
    tensor("sum", [M, heads]),
    tensor("acc", [M, heads, headSize]),
  ];
  const at = [variable("m"), variable("h")] as const;
  const d = variable("d");
  const eachPart = (name: string, s: (p: Expr) => Stmt): Stmt => loop(`${name}/p`, parts, [s(variable(`${name}/p`))]);
  const zero = constant(0, "f32");
  const greatest = op("pmax", load(top, at), constant(leastFinite, "f32"));
  const isSeen = lt(zero, load(sum, at));
  const body = [
    eachPart("top", (p) => reduce("top", at, load(l, [p, at[1], at[0]]), ["top/p"], "pmax")),
    eachPart("w", (p) => store("w", [...at, p], exp(sub(load(l, [p, at[1], at[0]]), greatest)))),
    eachPart("sum", (p) => reduce("sum", at, load(w, [...at, p]), ["sum/p"])),
    loop("d", headSize, [
      eachPart("acc", (p) => reduce("acc", [...at, d], mul(load(w, [...at, p]), load(o, [p, ...at, d])), ["acc/p"])),
    ]),
    loop("y/d", headSize, [
      store(
        "y",
        [...at, variable("y/d")],
        select(isSeen, div(load(acc, [...at, variable("y/d")]), load(sum, at)), zero),
      ),
    ]),
    store(
      "lse",
      [at[1], at[0]],
      select(isSeen, add(greatest, log(load(sum, at))), constant(Number.NEGATIVE_INFINITY, "f32")),
    ),
  ];
  const main = kernel("main", "main", {
    symbols,
    buffers: [o, l, top, w, sum, acc, y, lse],
    body: [loop("m", M, [loop("h", heads, body)])],
  });
  return { name: "merge", kernels: [main] };
}

function reference({ parts, heads, headSize }: MergeWorkload, inputs: Tensors): Tensors {
  const [o, l] = [valuesOf(inputs, "o"), valuesOf(inputs, "l")];
  const rows = l.length / parts / heads;
  const y = new Float64Array(rows * heads * headSize);
  const lse = new Float64Array(heads * rows);
  for (let m = 0; m < rows; m++)
    for (let h = 0; h < heads; h++) {
      const logs = Array.from({ length: parts }, (_, p) => l[(p * heads + h) * rows + m] as number);
      const top = logs.reduce((a, b) => Math.max(a, b));
      lse[h * rows + m] = top;
      if (top === Number.NEGATIVE_INFINITY) continue;
      const weights = logs.map((value) => Math.exp(value - top));
      const total = weights.reduce((a, b) => a + b);
      lse[h * rows + m] = top + Math.log(total);
      for (let d = 0; d < headSize; d++) {
        const value = (p: number): number => o[((p * rows + m) * heads + h) * headSize + d] as number;
        y[(m * heads + h) * headSize + d] = weights.reduce((sum, weight, p) => sum + weight * value(p), 0) / total;
      }
    }
  return { y, lse };
}

export const merge: Operator<MergeWorkload> = {
  ...{ program, reference },
  meaning: () => "y[m,h,d] = sum_p e^l[p,h,m] * o[p,m,h,d] / sum_p e^l[p,h,m]",
  bound: () => f32Bound,
};
