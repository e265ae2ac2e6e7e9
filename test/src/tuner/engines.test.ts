/** Every engine measures alike: candidates are checked and timed in it, and what fails there is the same outcome for the same reason. */
import { afterAll, describe, expect, onTestFinished, test } from "vitest";
import { templateFor } from "../../../schedules/index.ts";
import { enginesFor, hostsOf, probeDevice, type TestHook, tuneWorkloads } from "../../../src/tuner/index.ts";
import { Measurer } from "../../../src/tuner/measurer.ts";
import type { Candidate } from "../../../src/tuner/protocol.ts";
import { store } from "./helpers.ts";
import { brief, device, faulty, faultyAnywhere, firstPoints, job, matmul } from "./setting.ts";

const workload = matmul();

describe.each(enginesFor("wasm"))("%s", (engine) => {
  const startHost = hostsOf(engine);
  const probed = probeDevice(startHost, "wasm");
  const setting = async (testHook?: TestHook) => {
    const probe = await probed;
    const device = { ...probe, features: probe.features.filter((f) => f === "relaxed-simd") };
    return { workload, device, seed: 1, copies: 1, testHook };
  };
  const candidates = async (): Promise<readonly [Candidate, Candidate]> => {
    const template = templateFor(await setting()).name;
    return firstPoints(workload, 2).map((point) => ({ template, point })) as [Candidate, Candidate];
  };
  let measurer: Measurer | undefined;
  afterAll(() => measurer?.close());

  test("says what its device is", async () => {
    const device = await probed;
    expect(device.kind).toBe("wasm");
    expect(device.engine).toMatch(engine === "bun" ? /^javascriptcore of Bun \d+/ : /^v8 \d+/);
    expect(device.label).toContain({ node: "Node ", deno: "Deno ", bun: "Bun ", chromium: "v8 " }[engine]);
  });

  test("builds, checks, times and drops", async () => {
    measurer = new Measurer(await setting(), {}, undefined, startHost);
    const [good, other] = await candidates();
    for (const candidate of [good, other]) {
      expect(await measurer.build(candidate)).toMatchObject({
        value: { artifact: expect.stringMatching(/^[0-9a-f]{64}$/) },
      });
      const checked = await measurer.check(candidate);
      expect(checked.failure).toBeUndefined();
      if (checked.failure === undefined) expect(checked.value.maxError).toBeLessThan(1e-5);
    }
    const timed = await measurer.time([good, other], brief);
    expect("value" in timed && timed.value.samples.map((samples) => samples.length)).toEqual([5, 5]);
    expect("value" in timed && timed.value.samples.flat().every((ms) => ms > 0)).toBe(true);
    await measurer.drop(other);
    expect(await measurer.time([good], brief)).toHaveProperty("value");
    expect(await measurer.build({ template: "none", point: {} })).toEqual({
      failure: { outcome: "rejected", reason: "there is no template none" },
    });
  });

  // A browser takes its time to start: it need not show all.
  const faults = (
    [
      ["hang", "hang", /^past 1\.\d+ s while it was checked; the process was killed$/],
      ["bug", "crash", /^the process ended while it was timed: .*error: out of everything$/i],
      ["trap", "trap", /^RuntimeError: unreachable$/],
      ["wrong", "wrong", /^row 0 of y is off by NMSE /],
      ["beyond", "wrong", /^y: 3 bytes behind the buffer's end a byte was overwritten$/],
    ] as const
  ).slice(0, engine === "chromium" ? 2 : undefined);

  test.each(faults)(
    "%s is a %s, and the next candidate runs in another process",
    async (fault, outcome, reason) => {
      const [bad, good] = await candidates();
      const testHook = faultyAnywhere([[bad.point, fault]]);
      const failing = new Measurer(await setting(testHook), { run: fault === "hang" ? 1 : 20 }, undefined, startHost);
      onTestFinished(() => failing.close());
      const ensured = await failing.ensure(bad);
      const timed = ensured.failure === undefined ? await failing.time([bad], brief) : ensured;
      expect(timed).toMatchObject({ failure: { outcome } });
      expect("failure" in timed && timed.failure?.reason).toMatch(reason);
      expect((await failing.ensure(good)).failure).toBeUndefined();
    },
    60_000,
  );

  test("tunes, and keeps its records apart", async () => {
    const db = await store();
    const device = await probed;
    const report = await tuneWorkloads(job({ workloads: [workload], store: db, device, engine, trials: 2 }));
    expect(report.results[0]?.parts).toMatchObject([{ tried: 2, trials: { ok: expect.any(Number) } }]);
    expect((await db.summary()).records).toBe(2);
  }, 60_000);
});

describe.each(["node", "deno"] as const)("a process of its own, %s", (engine) => {
  test.each([
    ["fatal", "crash", /^the process ended while it was checked: code 5: FATAL ERROR: out of everything$/],
    ["killed", "crash", /^the process ended while it was timed: signal SIGKILL$/],
  ] as const)("that is %s is a %s", async (fault, outcome, reason) => {
    const candidate = { template: templateFor({ workload, device }).name, point: firstPoints(workload, 1)[0]! };
    const testHook = faulty([[candidate.point, fault]]);
    const failing = new Measurer({ workload, device, seed: 1, copies: 1, testHook }, {}, undefined, hostsOf(engine));
    onTestFinished(() => failing.close());
    const ensured = await failing.ensure(candidate);
    const timed = ensured.failure === undefined ? await failing.time([candidate], brief) : ensured;
    expect(timed).toMatchObject({ failure: { outcome, reason: expect.stringMatching(reason) } });
  });
});

test("an engine whose program is missing is told by name, with the remedy", async () => {
  const host = probeDevice(hostsOf("deno", { command: "no-such-program" }), "wasm");
  await expect(host).rejects.toThrow(
    "the engine's device is not known: the process ended while being probed: Deno is not there (spawn no-such-program ENOENT): npm install deno, or put it on the PATH",
  );
});

test("a browser that is missing is told by name, with the remedy", async () => {
  const host = probeDevice(hostsOf("chromium", { command: "/no/such/browser" }), "wasm");
  await expect(host).rejects.toThrow(/\/no\/such\/browser/);
});
