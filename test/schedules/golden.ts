/**
 * Golden cases of primitives: text files `test/golden/schedules/<primitive>/<case>.txt` that hold a program, steps, and the program after them.
 *
 *     program ..
 *     --- steps
 *     split(loop: n, factor: 4, into: [no, ni], tail: guard)
 *     --- after
 *     program ..
 *
 * The last part is written by `npx vitest run test/schedules -u`; a new case is a file with the first two. Each case is also run: both programs must
 * compute the same (see `close.ts` for those with exponentials), and the one after must be well-formed.
 */
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import {
  interpretProgram,
  lower,
  type Program,
  parseProgram,
  parseSchedule,
  printProgram,
  scalarRange,
  sizeOf,
  type Tensor,
  tensor,
  verifyProgram,
} from "../../ir/index.ts";
import { applySchedule, type Schedule } from "../../schedules/index.ts";
import { randomOf } from "../ir/samples.ts";
import { snapped, toleranceOf } from "./close.ts";

/** Defines a test per case of a primitive. */
export function goldens(primitive: string): void {
  const folder = fileURLToPath(new URL(`../golden/schedules/${primitive}`, import.meta.url));
  describe(`${primitive}, golden`, () => {
    test.each(readdirSync(folder))("%s", async (file) => {
      const path = `${folder}/${file}`;
      const [before, steps] = readFileSync(path, "utf8").split(/^--- \w+\n/m) as [string, string];
      const program = parseProgram(before);
      const after = applySchedule(program, parseSchedule(steps) as unknown as Schedule);
      await expect(`${before}--- steps\n${steps}--- after\n${printProgram(after)}`).toMatchFileSnapshot(path);
      verifyProgram(after, "scheduled");
      const names = new Set(program.kernels.flatMap((k) => k.symbols.map(({ name }) => name)));
      const tolerance = toleranceOf(program);
      const lowered = { ...after, kernels: after.kernels.map((k) => lower(k, "wasm")) };
      for (const m of names.size > 0 ? [0, 1, 2, 3, 4, 5, 9] : [0]) {
        const symbols = Object.fromEntries([...names].map((name) => [name, m]));
        const inputs = inputsOf(program, symbols);
        const wanted = outputsOf(program, symbols, inputs);
        const got = (p: Program): Outputs => near(outputsOf(p, symbols, inputs), wanted, tolerance);
        expect(got(after), `M = ${m}`).toEqual(wanted);
        expect(got(lowered), `M = ${m}, lowered`).toEqual(wanted);
      }
    });
  });
}

/** Small integers for everything that the caller gives a program. */
function inputsOf(program: Program, symbols: Readonly<Record<string, number>>): Map<string, Tensor> {
  const random = randomOf(1);
  const inputs = new Map<string, Tensor>();
  for (const { name, role, scalar, shape, range, below } of program.kernels.flatMap((k) => k.buffers)) {
    if ((role !== "input" && role !== "weight") || inputs.has(name)) continue;
    const sizes = shape.map((size) => sizeOf(size, symbols));
    const declared = below ? ([0, sizeOf(below, symbols) - 1] as const) : range;
    const [low, high] = declared ?? [Math.max(-8, scalarRange(scalar)[0]), Math.min(15, scalarRange(scalar)[1])];
    const count = sizes.reduce((product, size) => product * size, 1);
    const values = Array.from({ length: count }, () => low + Math.floor(random() * (high - low + 1)));
    inputs.set(name, tensor(scalar, sizes, values));
  }
  return inputs;
}

type Outputs = Record<string, readonly number[]>;

function outputsOf(program: Program, symbols: Readonly<Record<string, number>>, inputs: Map<string, Tensor>): Outputs {
  const made = interpretProgram(program, symbols, inputs);
  const outputs = new Set(
    program.kernels.flatMap((k) => k.buffers.filter((b) => b.role === "output").map((b) => b.name)),
  );
  return Object.fromEntries(
    [...made]
      .filter(([name, { values }]) => outputs.has(name) && values.length > 0)
      .map(([name, { values }]) => [name, [...values].map((v) => v + 0)]),
  );
}

const near = (outputs: Outputs, wanted: Outputs, tolerance: number): Outputs =>
  Object.fromEntries(
    Object.entries(outputs).map(([name, values]) => [name, snapped(values, wanted[name] ?? [], tolerance)]),
  );

/** The text of a kernel `main`. */
export const main = (rest: string): string => `kernel main stage main${rest}`;

/** The message with which a step is refused. */
export function refusal(before: string, steps: string): string {
  try {
    applySchedule(parseProgram(`program p\n${before}`), parseSchedule(steps) as unknown as Schedule);
  } catch (error) {
    expect((error as Error).name).toBe("ScheduleError");
    return (error as Error).message;
  }
  throw new Error("the steps apply");
}
