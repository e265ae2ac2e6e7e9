/** Steps keep the meaning of programs: random programs, random steps, data for which every order of summation is exact but where exponentials are summed. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  interpretProgram,
  type MatmulWorkload,
  type Program,
  printProgram,
  printSchedule,
  programOf,
  type Tensor,
  verifyProgram,
} from "../../ir/index.ts";
import {
  type AnyStep,
  applySchedule,
  pointsOf,
  type Schedule,
  scheduleOf,
  type Target,
  type Template,
  templates,
} from "../../schedules/index.ts";
import { arbitraryKernel } from "../ir/arbitrary.ts";
import { snapped, toleranceOf } from "./close.ts";
import { exactInputs } from "./exact.ts";
import { choiceOf } from "./random-scene.ts";
import { applied, everyOp, randomSteps } from "./random-steps.ts";
import { patience, runs } from "./runs.ts";
import { softmaxes } from "./softmaxes.ts";

/** A program and what it is run on. */
interface Sample {
  readonly [fc.toStringMethod]: () => string;
  readonly program: Program;
  readonly symbols: Readonly<Record<string, number>>;
  readonly inputs: ReadonlyMap<string, Tensor>;
}

/** Values of the outputs, `undefined` where nothing was written (-0 counts as 0). */
function outputs(program: Program, { symbols, inputs }: Sample): Map<string, readonly (number | undefined)[]> {
  const roles = new Map(program.kernels.flatMap((k) => k.buffers.map((b) => [b.name, b.role])));
  const made = interpretProgram(program, symbols, inputs, { run: () => true });
  // Where no kernel runs, as without rows, nothing makes an output of no elements.
  return new Map(
    [...made]
      .filter(([name, { values }]) => roles.get(name) === "output" && values.length > 0)
      .map(([name, { values, written }]) => [
        name,
        [...values].map((value, i) => (written?.[i] === 0 ? undefined : value + 0)),
      ]),
  );
}

/** How many steps were tried, and how many applied. */
interface Tally {
  tried: number;
  applied: number;
}

/** Tries a step of each of these primitives, one after another, and compares after each that applies. */
function expectKept(sample: Sample, ops: readonly AnyStep["op"][], tape: readonly number[], tally: Tally): void {
  const wanted = outputs(sample.program, sample);
  const tolerance = toleranceOf(sample.program);
  const choice = choiceOf(tape);
  const steps: AnyStep[] = [];
  let program = sample.program;
  for (const [i, op] of ops.entries()) {
    const tried = randomSteps(program, op, choice, i);
    if (tried === undefined) continue;
    const after = applied(program, ...tried);
    tally.tried++;
    if (after === undefined) continue;
    tally.applied++;
    steps.push(...tried);
    try {
      verify(after);
      const got = [...outputs(after, sample)].map(
        ([name, values]) => [name, snapped(values, wanted.get(name) ?? [], tolerance)] as const,
      );
      expect(new Map(got)).toEqual(wanted);
    } catch (error) {
      throw new Error(
        `${(error as Error).message}\n${printSchedule(steps)}\nbefore\n${printProgram(program)}\nafter\n${printProgram(after)}`,
      );
    }
    program = after;
  }
}

/** Every rule of programs, but for bounds that are not proven (the interpreter checks them) and outputs that masks leave out. */
function verify(program: Program): void {
  try {
    verifyProgram(program, "scheduled");
  } catch (error) {
    if (!/: in-bounds: .* not proven|: written-first: no kernel writes output/.test((error as Error).message))
      throw error;
  }
}

const tape = fc.array(fc.nat(2 ** 20), { minLength: 60, maxLength: 60 });
const opsOf = (from: readonly AnyStep["op"][], count: number): fc.Arbitrary<AnyStep["op"][]> =>
  fc.array(fc.constantFrom(...from), { minLength: count, maxLength: count });

const shown = (sample: Omit<Sample, typeof fc.toStringMethod>): Sample => ({
  ...sample,
  [fc.toStringMethod]: () => `${JSON.stringify(sample.symbols)}, ${sample.program.kernels.length} kernels`,
});

const kernels: fc.Arbitrary<Sample> = arbitraryKernel({ repeats: true }).map(({ kernel, symbols, inputs }) =>
  shown({ program: { name: "random", kernels: [{ ...kernel, name: "main" }] }, symbols, inputs }),
);

/** A matmul, and the schedule of its template. */
const scheduledMatmuls: fc.Arbitrary<Sample & { readonly schedule: Schedule }> = fc
  .record({
    w: fc.constantFrom(
      "int2_g16",
      "int4_g16",
      "int4_g16_z",
      "int3_g16_zf",
      "int8_g16",
      "q8_0",
      "q4_1",
      "f16",
      "int6_g16",
    ),
    m: fc.constantFrom<MatmulWorkload["m"][]>("any", 1, 3),
    n: fc.integer({ min: 1, max: 9 }),
    bias: fc.boolean(),
    epilogue: fc.constantFrom<MatmulWorkload["epilogue"][]>(undefined, undefined, ["silu"], ["gate", "residual"]),
    integer: fc.boolean(),
    device: fc.constantFrom<Target["device"][]>(
      { kind: "wasm", features: ["relaxed-simd"], limits: {} },
      { kind: "wasm", features: [], limits: {} },
      { kind: "wgsl", features: ["subgroups"], limits: { invocations: 32 } },
    ),
    place: fc.nat(),
    rows: fc.integer({ min: 0, max: 5 }),
    seed: fc.nat(),
  })
  .map(({ w, m, n, bias, epilogue, integer, device, place, rows, seed }) => {
    const group = w === "q8_0" || w === "q4_1" ? 32 : 16;
    const numerics: MatmulWorkload["numerics"] =
      integer && w !== "f16" ? { compute: "i8", xGroup: group } : { compute: "f32" };
    const workload: MatmulWorkload = { op: "matmul", m, n, k: 32, w, bias, epilogue, numerics };
    const target = { workload, device };
    const takers = templates.filter((t) => t.refuses(target) === undefined);
    const template = takers[place % takers.length] as Template;
    const points = device.kind === "wgsl" ? [...pointsOf(template.space(target))] : [];
    const schedule = scheduleOf(template, target, points[place % points.length] ?? template.default(target));
    const inputs = exactInputs(workload, m === "any" ? rows : m, seed);
    const sample = { program: programOf(workload), symbols: m === "any" ? { M: rows } : {}, inputs };
    return { ...shown(sample), schedule };
  });

/** Matmuls somewhere along the schedule of their template. */
const matmuls: fc.Arbitrary<Sample> = fc
  .tuple(scheduledMatmuls, fc.double({ min: 0, max: 1, noNaN: true }))
  .map(([sample, progress]) => {
    const steps = sample.schedule.slice(0, Math.floor(progress * sample.schedule.length));
    return shown({ ...sample, program: applySchedule(sample.program, steps) });
  });

/** What attention is derived by, and then anything. */
const towardsOnline = ["split", "reorder", "distribute", "online", "contract", "skip"] as const;
const plain = everyOp.filter((op) => op !== "tensorize" && op !== "lookup");

test("matmuls mean the same after each step of a template's schedule", { timeout: patience }, () => {
  fc.assert(
    fc.property(scheduledMatmuls, (sample) => {
      const wanted = outputs(sample.program, sample);
      let number = 0;
      applySchedule(sample.program, sample.schedule, (step, after) => {
        number++;
        const place = `step ${number}: ${printSchedule([step])}`;
        verify(after);
        expect(outputs(after, sample), place).toEqual(wanted);
      });
    }),
    { numRuns: runs(6) },
  );
});

describe.each([
  // Hardly a random kernel is a tile that an intrinsic computes, or has packed codes to look up.
  ["kernels", kernels, plain, 300],
  ["softmaxes", softmaxes.map(shown), [...towardsOnline, ...towardsOnline, ...towardsOnline, ...plain], 100],
  ["matmuls", matmuls, everyOp, 60],
] as const)("random %s mean the same", (_, samples, ops, count) => {
  test("after a step", { timeout: patience }, () => {
    const tally: Tally = { tried: 0, applied: 0 };
    fc.assert(
      fc.property(samples, opsOf(ops, 1), tape, (sample, chosen, decisions) => {
        expectKept(sample, chosen, decisions, tally);
      }),
      { numRuns: runs(count) },
    );
    expect(tally.applied / tally.tried).toBeGreaterThan(0.25);
  });

  test("after each of several steps", { timeout: patience }, () => {
    const tally: Tally = { tried: 0, applied: 0 };
    fc.assert(
      fc.property(samples, opsOf(ops, 8), tape, (sample, chosen, decisions) => {
        expectKept(sample, chosen, decisions, tally);
      }),
      { numRuns: runs(count / 2) },
    );
    expect(tally.applied / tally.tried).toBeGreaterThan(0.25);
  });
});
