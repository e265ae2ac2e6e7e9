// Every shader of a broad list (families of formats, templates, classes of features, shapes) is taken by Tint, in Dawn's null backend, which has every
// feature and makes pipelines, and by Naga, in Deno, where the adapter has the features.
import { beforeAll, expect, test } from "vitest";
import { compileShaders, type Shader } from "../../../backends/index.ts";
import { type Device, type Feature, lower, programOf } from "../../../ir/index.ts";
import { applySchedule, templateNamed } from "../../../schedules/index.ts";
import { casesFor } from "../../engines/cases.ts";
import { type Engine, inEngine, running } from "./engines.ts";

const device: Device = {
  kind: "wgsl",
  label: "",
  fingerprint: "",
  architecture: "",
  engine: "",
  features: ["f16", "subgroups", "packed-dot"],
  limits: {},
};

/** The shaders of one case: those of each kernel that runs on the device. */
function shadersOf({ workload, features, candidate }: ReturnType<typeof casesFor>[number]): readonly Shader[] {
  const target = { workload, device: { ...device, features } };
  const schedule = templateNamed(candidate.template)?.schedule(target, candidate.point) ?? [];
  const { kernels } = applySchedule(programOf(workload), schedule);
  const lowered = kernels.filter(({ stage }) => stage !== "pack").map((kernel) => lower(kernel, "wgsl"));
  return compileShaders(lowered, features);
}

let all: readonly (Shader & { readonly from: string })[] = [];

beforeAll(() => {
  all = casesFor(device, "2").flatMap((one) => shadersOf(one).map((shader) => ({ ...shader, from: one.name })));
});

async function expectTaken(engine: Engine, has: readonly Feature[], pipeline: boolean): Promise<number> {
  const shaders = all.filter(({ features }) => features.every((feature) => has.includes(feature)));
  const requests = shaders.map(({ from, name, code }) => ({ name: `${from}: ${name}`, code, pipeline }));
  const { results } = await inEngine(engine, requests);
  const bad = results.findIndex(({ errors }) => errors.length > 0);
  if (bad >= 0) expect.fail(`${requests[bad]?.name}: ${results[bad]?.errors[0]}\n${requests[bad]?.code}`);
  return shaders.length;
}

test("Tint takes every shader", { timeout: 120_000 }, async () => {
  expect(await expectTaken("dawn-null", device.features, true)).toBe(all.length);
  expect(all.length).toBeGreaterThan(40);
});

test("Naga takes every shader that needs no more than the adapter has", { timeout: 120_000 }, async () => {
  const hasHalves = running.includes("deno-llvmpipe");
  const has: readonly Feature[] = hasHalves ? ["f16", "packed-dot"] : ["packed-dot"];
  expect(await expectTaken(hasHalves ? "deno-llvmpipe" : "deno", has, false)).toBeGreaterThan(20);
});

test("shaders say what they need, and nothing more", () => {
  const directives = {
    f16: "enable f16;",
    subgroups: "enable subgroups;",
    "packed-dot": "requires packed_4x8",
  } as const;
  for (const { code, features } of all)
    for (const [feature, directive] of Object.entries(directives))
      expect(code.includes(directive)).toBe(features.includes(feature as Feature));
  for (const feature of device.features) expect(all.some(({ features }) => features.includes(feature))).toBe(true);
});

test("the same kernel gives the same text", () => {
  const again = casesFor(device, "2").slice(0, 10).flatMap(shadersOf);
  expect(again.map(({ code }) => code)).toEqual(all.slice(0, again.length).map(({ code }) => code));
});
