/** Barriers: where they stand, where none is needed, and that none of those placed can be left out. */
import { describe, expect, test } from "vitest";
import { b, type Kernel, mapStmts, parseKernel, printKernel, type Stmt, withBody } from "../../../../ir/index.ts";
import { sampleOf } from "../same.ts";
import { type GridKernel, gridKernels, gridNames } from "./kernels.ts";
import { after, finished, outcome, shuffledLeaders } from "./run.ts";

const countIn = (kernel: Kernel): number => printKernel(kernel).match(/^ *barrier$/gm)?.length ?? 0;

/** The kernel without its barrier of this number. */
function without(kernel: Kernel, number: number): Kernel {
  let at = 0;
  const drop = (s: Stmt): readonly Stmt[] | undefined => (s.kind === "barrier" && at++ === number ? [] : undefined);
  return withBody(kernel, mapStmts(kernel.body, drop));
}

/** The statements after the pass. */
function placed(...lines: readonly string[]): string {
  const text = printKernel(after("barriers", parseKernel(["kernel k stage main", ...lines].join("\n  "))));
  return `\n${text
    .split("\n")
    .filter((line) => !/^(kernel| {2}(symbol|input|output|register|workgroup|workspace|subgroup)) /.test(line))
    .map((line) => line.slice(4))
    .join("\n")}`;
}

const counts: Readonly<Record<GridKernel, number>> = {
  tiles: 2,
  "two buffers": 1,
  tree: 4,
  "tree in a loop": 1,
  subgroups: 2,
  scale: 1,
  "first invocation": 2,
  workspace: 1,
  shapes: 1,
  "flat leader": 2,
};

describe.each(gridNames)("%s", (name) => {
  const kernel = after("barriers", parseKernel(gridKernels[name]));

  test("has no more barriers than it needs", () => {
    expect(countIn(kernel)).toBe(counts[name]);
  });

  test.each(Array.from({ length: counts[name] }, (_, i) => i))("is wrong in some order without barrier %i", (number) => {
    const sample = sampleOf(gridKernels[name], gridKernels[name].includes("symbol") ? { M: 6 } : {});
    const expected = outcome(sample, sample.kernel);
    const broken = finished(without(kernel, number));
    const whole = finished(kernel);
    const isRight = (k: Kernel, order: number): boolean => {
      try {
        return outcome(sample, k, { order, leader: shuffledLeaders(8, order) }) === expected;
      } catch (error) {
        if ((error as Error).name === "InterpretError") return false;
        throw error;
      }
    };
    const orders = Array.from({ length: 12 }, (_, i) => i);
    expect(orders.every((order) => isRight(whole, order))).toBe(true);
    expect(orders.every((order) => isRight(broken, order))).toBe(false);
  });
});
