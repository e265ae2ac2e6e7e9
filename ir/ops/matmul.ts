/**
 * Operator matmul: `y[m,n] = sum_k x[m,k] * w[n,k]` and what the epilogue makes of it, w stored in a quantization format. The naive program is the
 * definition of the result: both sides decoded to f32 (in f16 numerics rounded to f16), multiplied, summed in f32.
 */
import { buffer, cast, kernel, load, loop, mul, reduce, store, variable } from "../build.ts";
import { WorkloadError } from "../errors.ts";
import { decodeAt, type Format, fieldOf, formatOf, packedFields, spanOf, unpackKernel } from "../formats/index.ts";
import type { Buffer, Expr, Program, Stmt } from "../nodes.ts";
import type { IntegerNumerics, MatmulWorkload } from "../workload.ts";
import { epilogueOf, operandsOf, resultAt } from "./epilogue.ts";
import { quantizedBuffers, quantizeKernel, reachOf } from "./quantize.ts";
import { checkSize, groupOf, groupSize, rowsOf } from "./shapes.ts";

/** Greatest integer sum that an i32 holds. */
const sumLimit = 2 ** 31 - 1;

/** The activations as the main kernel sees them: its buffers and their value at (m, k). */
interface Activations {
  readonly buffers: readonly Buffer[];
  readonly at: (m: Expr, k: Expr) => Expr;
}

/**
 * The program of a matmul workload: kernels `pack`, `quantize` (numerics i8 of x in f32) and `main`, whose loops are m, n, k. With an epilogue the sums go to
 * the workspace `y.sum` and a second nest, `y/m`, `y/n`, makes results of them. Throws a `WorkloadError` naming field, reason and remedy.
 */
export function matmulProgram(workload: MatmulWorkload): Program {
  const { m, n, k, numerics } = workload;
  const format = formatOf(workload.w);
  checkSize("n", n);
  const fields = packedFields(format, n, k);
  const rows = rowsOf(m);
  const codes =
    numerics.compute === "i8"
      ? {
          group: activationGroup(format, numerics, k),
          reach: reachOf(numerics.xBits),
          isGiven: numerics.x !== undefined,
        }
      : undefined;
  const x = codes === undefined ? plainActivations(rows.extent, k) : quantizedActivations(rows.extent, k, codes);

  const y = buffer("y", "f32", [rows.extent, n], { role: "output" });
  const hasEpilogue = epilogueOf(workload).length > 0;
  const sum = hasEpilogue ? buffer("y.sum", "f32", [rows.extent, n]) : y;
  const [row, column, inner] = [variable("m"), variable("n"), variable("k")];
  const [left, right] = [x.at(row, inner), decodeAt(format, column, inner)];
  const product =
    numerics.compute === "f16" ? cast("f32", mul(cast("f16", left), cast("f16", right))) : mul(left, right);
  const nest = loop("m", rows.extent, [
    loop("n", n, [loop("k", k, [reduce(sum.name, [row, column], product, ["k"])])]),
  ]);
  const operands = operandsOf(workload).map(({ name, per }) =>
    buffer(name, "f32", per === "column" ? [n] : [rows.extent, n], { role: "input" }),
  );
  const main = kernel("main", "main", {
    symbols: rows.symbols,
    buffers: [...x.buffers, ...fields, ...operands, ...(hasEpilogue ? [sum] : []), y],
    body: hasEpilogue ? [nest, epilogueNest(workload, operands, sum, y)] : [nest],
  });
  const prologue =
    codes === undefined || codes.isGiven
      ? []
      : [quantizeKernel(m, k, codes.group, "prologue", "workspace", codes.reach)];
  return { name: "matmul", kernels: [unpackKernel(format, { n, k }), ...prologue, main] };
}

function plainActivations(rows: Expr, k: number): Activations {
  const x = buffer("x", "f32", [rows, k], { role: "input" });
  return { buffers: [x], at: (m, i) => load(x, [m, i]) };
}

function quantizedActivations(
  rows: Expr,
  k: number,
  { group, reach, isGiven }: { readonly group: number; readonly reach: number; readonly isGiven: boolean },
): Activations {
  const { q, s } = quantizedBuffers(rows, k, group, isGiven ? "input" : "workspace", reach);
  return {
    buffers: [q, s],
    at: (m, i) => mul(cast("f32", load(q, [m, i])), load(s, [m, groupOf(i, group, k)])),
  };
}

function epilogueNest(workload: MatmulWorkload, operands: readonly Buffer[], sum: Buffer, y: Buffer): Stmt {
  const [row, column] = [variable("y/m"), variable("y/n")];
  const value = resultAt(workload, operands, load(sum, [row, column]), row, column);
  return loop("y/m", rowsOf(workload.m).extent, [loop("y/n", workload.n, [store(y.name, [row, column], value)])]);
}

/**
 * Values of x per scale, checked against the weights: integer codes on both sides, groups of which one divides the other (so that both scales
 * are constant over the shorter), and no sum over the shorter that could leave i32.
 */
function activationGroup(format: Format, numerics: IntegerNumerics, k: number): number {
  const { xGroup } = numerics;
  const { codes } = format;
  if (codes === undefined || format.group === undefined)
    throw new WorkloadError(
      `numerics.compute: i8 multiplies integer codes and ${format.name} has none; use {"compute":"f32"} or a format with codes`,
    );
  const group = groupSize("numerics.xGroup", xGroup, k);
  const weights = spanOf(format.group, k);
  const shared = Math.min(group, weights);
  if (Math.max(group, weights) % shared !== 0)
    throw new WorkloadError(
      `numerics.xGroup: neither of ${group} and ${format.name}'s group of ${weights} divides the other; use a multiple or a divisor of ${weights}, or "row"`,
    );
  const zero = fieldOf(format, "z")?.range ?? [codes.zero, codes.zero];
  const reach = Math.max(...[codes.low, codes.high].flatMap((q) => [q, q - zero[0], q - zero[1]]).map(Math.abs));
  const most = reachOf(numerics.xBits);
  const longest = Math.floor(sumLimit / (most * reach));
  if (shared > longest)
    throw new WorkloadError(
      `numerics.xGroup: a sum of ${shared} products up to ${most} x ${reach} can leave i32; use groups of at most ${longest}`,
    );
  return group;
}
