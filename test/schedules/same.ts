/** What tests of templates share: the sizes and numerics that a format takes, and whether a scheduled program computes what the naive one does. */
import fc from "fast-check";
import { expect } from "vitest";
import {
  buffersWithRole,
  type Expr,
  formatOf,
  interpretProgram,
  lower,
  type MatmulWorkload,
  type Program,
  type ProgramOptions,
  printSchedule,
  programOf,
  sizeOf,
  type Tensor,
  verifyKernel,
  verifyProgram,
} from "../../ir/index.ts";
import { applySchedule, type Point, scheduleOf, type Target, type Template } from "../../schedules/index.ts";
import { randomOf } from "../ir/samples.ts";
import { exactInputs, firstRows } from "./exact.ts";

/** Runs the naive program once for the most rows, and the scheduled one for each of `rows`: each row must come out the same. */
export function expectSame(
  target: Target,
  point: Point,
  template: Template,
  rows: readonly number[],
  seed: number,
): void {
  const workload = target.workload as MatmulWorkload;
  const naive = programOf(workload);
  const schedule = scheduleOf(template, target, point);
  const scheduled = applySchedule(naive, schedule);
  const forGpu = target.device.kind === "wgsl";
  verifyProgram(scheduled, forGpu ? "grid" : "scheduled");
  const any = workload.m === "any";
  const most = Math.max(...rows);
  const inputs = exactInputs(workload, any ? most : (workload.m as number), seed);
  const symbols = (m: number): Record<string, number> => (any ? { M: m } : {});
  const wanted = interpretProgram(naive, symbols(most), inputs);
  const packed = packedOf(scheduled, inputs, symbols(most));
  const expectWanted = (program: Program, m: number, what: string, options: ProgramOptions = {}): void => {
    const given = new Map([...firstRows(inputs, m), ...packed]);
    const made = interpretProgram(program, symbols(m), given, { run: (stage) => stage !== "pack", ...options });
    for (const { name, shape } of buffersWithRole(naive, "output")) {
      // Without rows no kernel runs, and nothing makes y.
      const output = made.get(name);
      const y = [...(output?.values ?? [])];
      const columns = sizeOf(shape[1] as Expr, {});
      expect(output?.written?.includes(0) ?? false, "elements never written").toBe(false);
      expect(y.length).toBe(m * columns);
      const right = wanted.get(name)?.values ?? [];
      const wrong = y.findIndex((value, i) => value !== right[i]);
      if (wrong >= 0)
        throw new Error(
          `${what}, M = ${m}: ${name}[${Math.floor(wrong / columns)}, ${wrong % columns}] is ${y[wrong]}, expected ${right[wrong]}\n${printSchedule(schedule)}`,
        );
    }
  };
  for (const m of any ? rows : [workload.m as number]) expectWanted(scheduled, m, "scheduled");
  if (!forGpu) return;
  const kernels = scheduled.kernels.map((k) => (k.stage === "pack" ? k : lower(k, "wgsl")));
  for (const k of kernels) if (k.stage !== "pack") verifyKernel(k, "invocation");
  const m = any ? (rows[0] as number) : (workload.m as number);
  expectWanted({ ...scheduled, kernels }, m, "lowered", { order: seed, leader: leadersOf(seed) });
}

/** Subgroups of any size up to all of a workgroup, of invocations anywhere in it. */
const leadersOf =
  (seed: number) =>
  (invocations: number): Int32Array => {
    const random = randomOf(seed);
    const groups = 1 + Math.floor(random() * invocations);
    const leaders = new Map<number, number>();
    return Int32Array.from({ length: invocations }, (_, i) => {
      const group = Math.floor(random() * groups);
      if (!leaders.has(group)) leaders.set(group, i);
      return leaders.get(group) as number;
    });
  };

/** One packing serves every M. */
export function packedOf(
  program: Program,
  inputs: ReadonlyMap<string, Tensor>,
  symbols: Readonly<Record<string, number>>,
): ReadonlyMap<string, Tensor> {
  const made = interpretProgram(program, symbols, inputs, { run: (stage) => stage === "pack" });
  return new Map([...made].filter(([name]) => !inputs.has(name)));
}

/** Sizes that a format takes: short rows, of at least one block and one group. */
export function widthsOf(w: string): readonly number[] {
  const { block, group } = formatOf(w);
  const unit = Math.max(block, typeof group === "number" ? group : 16);
  return unit >= 128 ? [unit] : [unit, 2 * unit, 3 * unit].filter((k) => k <= 128);
}

/** The workload as it is, or with x that comes quantized, a result that is quantized in groups that divide its rows, or both. */
export function quantizedOrNot(workload: MatmulWorkload): fc.Arbitrary<MatmulWorkload> {
  const { n, numerics } = workload;
  const groups = [1, 4, 16, 32].filter((group) => n % group === 0);
  const given = numerics.compute === "i8" ? ({ ...numerics, x: "quantized" } as const) : numerics;
  return fc
    .record({
      numerics: fc.constantFrom(numerics, given),
      quantize: fc.option(fc.record({ group: fc.constantFrom("row" as const, ...groups), keep: fc.boolean() }), {
        nil: undefined,
      }),
    })
    .map((made) => ({ ...workload, ...made }));
}

/** Numerics that a format takes in rows of k. */
export function numericsOf(w: string, k: number): readonly MatmulWorkload["numerics"][] {
  const { group, codes } = formatOf(w);
  const span = typeof group === "number" ? group : k;
  if (codes === undefined) return [{ compute: "f32" }, { compute: "f16" }];
  const groups = [...new Set([16, 32, span, k])].filter((g) => k % g === 0 && (g % span === 0 || span % g === 0));
  return [
    { compute: "f32" },
    { compute: "f16" },
    ...[...groups, "row" as const].map((xGroup) => ({ compute: "i8", xGroup }) as const),
    // Activations of few bits, where counting bits is a way.
    ...(codes.bits <= 4 ? [2, 4] : [3]).map(
      (xBits) => ({ compute: "i8", xGroup: groups.at(-1) ?? "row", xBits }) as const,
    ),
  ];
}
