/**
 * What a matmul does with each sum before it is stored: the fusions of a decoder layer. Adding one is a name in `workload.ts` and a row
 * here; an input of its own also has a name among the runtime's arguments (`src/runtime/arguments.ts`, `src/compile/types.ts`).
 *
 *     y = residual + silu(x . gate) * (x . up)     is     { epilogue: ["silu"] } for `gate`, { epilogue: ["gate"] } for `up`, { epilogue: ["residual"] } for the matmul after them
 */
import { add, load, mul } from "../build.ts";
import { silu } from "../math.ts";
import type { Buffer, Expr } from "../nodes.ts";
import type { EpilogueName, MatmulWorkload } from "../workload.ts";

/** A step on the sum of row m and column n. */
export interface EpilogueStep {
  /** An input of the kernel that it takes a value from: per column (n values), or per result (m x n). */
  readonly input?: { readonly name: string; readonly per: "column" | "result" };
  readonly value: (sum: Expr, operand: Expr) => Expr;
  /** The same in float64. */
  readonly exact: (sum: number, operand: number) => number;
}

const steps: Readonly<Record<"bias" | EpilogueName, EpilogueStep>> = {
  bias: { input: { name: "bias", per: "column" }, value: add, exact: (sum, bias) => sum + bias },
  silu: { value: silu, exact: (sum) => sum / (1 + Math.exp(-sum)) },
  gate: { input: { name: "gate", per: "result" }, value: mul, exact: (sum, gate) => sum * gate },
  residual: { input: { name: "residual", per: "result" }, value: add, exact: (sum, residual) => sum + residual },
};

/** The steps of a matmul in their order; none where sums are stored as they are. */
export const epilogueOf = ({
  bias,
  epilogue = [],
}: Pick<MatmulWorkload, "bias" | "epilogue">): readonly EpilogueStep[] =>
  [...(bias ? (["bias"] as const) : []), ...epilogue].map((name) => steps[name]);

/** The inputs of a matmul's epilogue, by name: how many values each has in a row of results, and whether every row has its own. */
export const operandsOf = (
  workload: Pick<MatmulWorkload, "bias" | "epilogue">,
): readonly NonNullable<EpilogueStep["input"]>[] => epilogueOf(workload).flatMap(({ input }) => input ?? []);

/** Values of the inputs by name, row-major. */
export type Operands = Readonly<Record<string, Float32Array>>;

/** The result of row m and column n in float64, from its sum. */
export function exactResult(
  workload: MatmulWorkload,
  operands: Operands,
  sum: number,
  row: number,
  column: number,
): number {
  return epilogueOf(workload).reduce((value, { input, exact }) => {
    const at = input?.per === "result" ? row * workload.n + column : column;
    return exact(value, input === undefined ? Number.NaN : (operands[input.name]?.[at] ?? Number.NaN));
  }, sum);
}

/** The result at (row, column) from its sum, its operands read from `inputs`. */
export const resultAt = (
  workload: MatmulWorkload,
  inputs: readonly Buffer[],
  sum: Expr,
  row: Expr,
  column: Expr,
): Expr =>
  epilogueOf(workload).reduce((value, step) => {
    const input = inputs.find(({ name }) => name === step.input?.name);
    return step.value(
      value,
      input === undefined ? value : load(input, input.shape.length === 1 ? [column] : [row, column]),
    );
  }, sum);
