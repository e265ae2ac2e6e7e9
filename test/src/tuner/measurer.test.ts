/** Candidates in the measuring process: every way in which one can fail is an outcome, and the next one is measured all the same. */
import { afterAll, describe, expect, onTestFinished, test } from "vitest";
import { templateFor } from "../../../schedules/index.ts";
import { Measurer } from "../../../src/tuner/measurer.ts";
import type { Candidate } from "../../../src/tuner/protocol.ts";
import { brief, device, faulty, firstPoints, matmul } from "./setting.ts";

const workload = matmul();
const template = templateFor({ workload, device }).name;
const points = firstPoints(workload, 8);
const [good, other, ...bad] = points.map((point): Candidate => ({ template, point })) as [
  Candidate,
  Candidate,
  ...Candidate[],
];
const setting = { workload, device, seed: 1, copies: 1, testHook: undefined };

describe("a process without faults", () => {
  const measurer = new Measurer(setting);
  afterAll(() => measurer.close());

  test("builds, checks and times candidates beside each other", async () => {
    for (const candidate of [good, other]) {
      const built = await measurer.build(candidate);
      expect(built).toMatchObject({
        value: { artifact: expect.stringMatching(/^[0-9a-f]{64}$/), kernels: expect.stringMatching(/^[0-9a-f]{64}$/) },
      });
      const checked = await measurer.check(candidate);
      expect(checked.failure).toBeUndefined();
    }
    const timed = await measurer.time([good, other], brief);
    expect("value" in timed && timed.value.samples.map((samples) => samples.length)).toEqual([5, 5]);
    expect("value" in timed && timed.value.samples.flat().every((ms) => ms > 0)).toBe(true);
  });

  test.each([
    [
      { template, point: { ...good.point, tile: 8, vectors: 1 } },
      /^integer-dot-decode: tile divides vectors: 8 is not a divisor of 1$/,
    ],
    [
      { template, point: { ...good.point, tile: 3 } },
      /^integer-dot-decode: tile = 3 is not a choice; it takes 1, 2, 4, 8$/,
    ],
    [{ template: "f32-decode", point: good.point }, /^f32-decode: it computes in i8$/],
    [{ template: "none", point: {} }, /^there is no template none$/],
  ])("refuses %j by name and reason, and lives on", async (candidate, reason) => {
    const { pid } = measurer;
    const { failure } = await measurer.build(candidate);
    expect(failure?.outcome).toBe("rejected");
    expect(failure?.reason).toMatch(reason);
    expect(measurer.pid).toBe(pid);
  });
});

describe("faults", () => {
  test.each([
    ["fatal", "crash", /^the process ended while it was checked: code 5: FATAL ERROR: out of everything$/],
    ["beyond", "wrong", /^y: 3 bytes behind the buffer's end a byte was overwritten$/],
    ["killed", "crash", /^the process ended while it was timed: signal SIGKILL$/],
    ["hang", "hang", /^past 1\.\d+ s while it was checked; the process was killed$/],
    ["stuckBuild", "hang", /^past 1 s while it was built; the process was killed$/],
  ] as const)("%s is a %s, and the process is another one afterwards", async (fault, outcome, reason) => {
    const candidate = bad[0]!;
    const limits = { build: fault === "stuckBuild" ? 1 : 20, run: fault === "hang" ? 1 : 20 };
    const measurer = new Measurer({ ...setting, testHook: faulty([[candidate.point, fault]]) }, limits);
    onTestFinished(() => measurer.close());
    const built = await measurer.build(candidate);
    const checked = built.failure === undefined ? await measurer.check(candidate) : built;
    const timed = checked.failure === undefined ? await measurer.time([candidate], brief) : checked;
    expect(timed).toMatchObject({ failure: { outcome } });
    expect("failure" in timed && timed.failure?.reason).toMatch(reason);
    expect(measurer.pid).toBeUndefined();
  });

  test("the next candidate is measured in a new process, the incumbent loaded again", async () => {
    const measurer = new Measurer({ ...setting, testHook: faulty([[bad[0]!.point, "exit"]]) });
    onTestFinished(() => measurer.close());
    expect((await measurer.ensure(good)).failure).toBeUndefined();
    expect((await measurer.ensure(bad[0]!)).failure?.outcome).toBe("crash");
    expect((await measurer.ensure(good)).failure).toBeUndefined();
    expect((await measurer.ensure(other)).failure).toBeUndefined();
    expect(await measurer.time([other, good], brief)).toHaveProperty("value");
  });
});

test("a newcomer that is far slower than the incumbent gets few samples, an incumbent that is slower all of them", async () => {
  const large = matmul(16, 64, 256);
  const target = { workload: large, device };
  const quick: Candidate = { template: templateFor(target).name, point: templateFor(target).default(target) };
  const slow: Candidate = { template: "fallback", point: {} };
  const measurer = new Measurer({ ...setting, workload: large });
  onTestFinished(() => measurer.close());
  for (const candidate of [quick, slow]) expect((await measurer.ensure(candidate)).failure).toBeUndefined();
  const counts = async (candidates: readonly Candidate[]): Promise<readonly number[]> => {
    const timed = await measurer.time(candidates, brief, true);
    return "value" in timed ? timed.value.samples.map((samples) => samples.length) : [];
  };
  expect(await counts([slow, quick])).toEqual([2, 2]);
  expect(await counts([quick, slow])).toEqual([5, 5]);
});
