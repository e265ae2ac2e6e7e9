// `qloom show`: how a workload becomes a kernel, step by step. The listings themselves are in listing.ts.

import { z } from "zod";
import { type Device, programOf, QloomError, type Workload, workloadText } from "../../../ir/index.ts";
import { explain, type Point, type Schedule } from "../../../schedules/index.ts";
import {
  type Artifact,
  artifactHash,
  type Choice,
  type Dispatch,
  kernelFeatures,
  type Launch,
  openReaders,
  planParts,
  rangesOf,
  type Size,
  sizeText,
  typicalWorkload,
} from "../../compile/index.ts";
import { type Command, defineCommand } from "../command.ts";
import { recordOptions, withRecords } from "../database.ts";
import { UsageError } from "../errors.ts";
import {
  type Listed,
  type ListedStage,
  type Listing,
  listingText,
  listPipeline,
  passLabels,
  stages,
} from "../listing.ts";
import { overridden, type SourcedPlan } from "../plans.ts";
import { bytesText, table } from "../table.ts";
import { chooseTarget, targetOptions, threadsOption } from "../target.ts";
import { choice, integer } from "../values.ts";
import { requiredWorkload, workloadOptions } from "../workload.ts";

/** What `--json` prints. */
interface Shown {
  readonly workload: Workload;
  readonly device: Pick<Device, "label" | "features">;
  readonly parts: readonly ShownPart[];
  /** Absent where the pipeline failed. */
  readonly module?: ShownModule;
  /** What was worth a note while records were asked. */
  readonly notes: readonly string[];
  /** Absent where the overview was asked for. */
  readonly listings?: readonly Listing[];
}

interface ShownPart {
  readonly name: string;
  /** Rows that it serves. */
  readonly min: number;
  readonly max: number;
  /** Why each template does not take it; null where it does. The first that does is chosen, unless a record says otherwise. */
  readonly templates: readonly { readonly template: string; readonly refusal: string | null }[];
  readonly template: string;
  readonly point: Point;
  readonly source: string;
  /** The rungs of the look-up. */
  readonly lookup: readonly string[];
  readonly schedule: Schedule;
  /** Bytes of workspaces, by the symbols of a run: M rows, T tokens of a cache. Absent where the pipeline failed. */
  readonly peak?: Size;
}

interface ShownModule {
  readonly artifact: string;
  readonly bytes: number;
  readonly features: readonly string[];
  readonly layout: string;
  readonly weights: Artifact["weights"];
  readonly packed: Artifact["packed"];
  readonly launches: readonly {
    readonly function: string;
    readonly stage: string;
    readonly tensors: readonly string[];
  }[];
}

const point: z.ZodType<Point, string> = z
  .string()
  .refine((text) => text.split(",").every((pair) => /^[\w-]+=[\w-]+$/.test(pair)), {
    error: "must be axis=value,axis=value",
  })
  .transform((text) =>
    Object.fromEntries(
      text.split(",").map((pair) => {
        const [axis = "", value = ""] = pair.split("=");
        return [axis, /^\d+$/.test(value) ? Number(value) : value];
      }),
    ),
  );

export const show: Command = defineCommand({
  summary: "Show how a workload becomes a kernel, step by step",
  operands: { usage: "[workload]", help: "The workload as JSON, instead of its flags", min: 0, max: 1 },
  options: {
    ...workloadOptions,
    stage: {
      type: "string",
      placeholder: "stage",
      help: `Print kernels: ${stages.join(", ")} or all; without it, an overview`,
      schema: choice(...stages, "all").optional(),
    },
    part: { type: "string", placeholder: "name", help: "Only this range of M: decode, prefill or all" },
    kernel: { type: "string", placeholder: "name", help: "Only this kernel: main, pack, quantize, .." },
    step: { type: "string", placeholder: "number", help: "Only what this step changed", schema: integer(1).optional() },
    pass: {
      type: "string",
      placeholder: "name",
      help: "Lowered as far as this pass, instead of the last",
      schema: choice(...passLabels).optional(),
    },
    template: { type: "string", placeholder: "name", help: "This template instead of the chosen one" },
    point: {
      type: "string",
      placeholder: "axes",
      help: "Other choices on some axes of the space: vectors=4,rows=2",
      schema: point.optional(),
    },
    ...threadsOption,
    ...targetOptions,
    ...recordOptions,
  },
  async run({ options, operands }, { fail, signal }) {
    const workload = requiredWorkload("show", options, operands[0]);
    programOf(workload);
    const selection = { stages: stagesOf(options), kernel: options.kernel, step: options.step, pass: options.pass };
    const { device: probed } = await chooseTarget(options, signal);
    const device = { ...probed, features: kernelFeatures(probed) };
    const { choices, notes } = await withRecords(options, (db) => plan(workload, device, db));
    const plans = overridden(workload, device, choices, options);
    const listed = listPipeline(
      { workload, device },
      plans.map((p) => p.plan),
      selection,
    );
    if (listed.failure !== undefined) {
      if (!(listed.failure instanceof QloomError)) throw listed.failure;
      fail(listed.failure.message);
    } else if (selection.stages.length > 0 && listed.listings.length === 0) throw nothingListed(options, plans, listed);
    const result: Shown = {
      workload,
      device: { label: device.label, features: device.features },
      parts: plans.map((p, i) => ({
        ...partOf(p, workload, device, choices),
        ...(listed.artifact && { peak: (listed.artifact.parts[i] as Artifact["parts"][number]).peak }),
      })),
      ...(listed.artifact && { module: moduleOf(listed.artifact) }),
      notes,
      ...(selection.stages.length > 0 && { listings: listed.listings }),
    };
    return result;
  },
  render: (shown: Shown) => (shown.listings === undefined ? overview(shown) : listingText(shown.listings)),
});

/** The stages to print; a step or a pass alone says its stage. */
function stagesOf({
  stage,
  step,
  pass,
  kernel,
}: {
  readonly stage: ListedStage | "all" | undefined;
  readonly step: number | undefined;
  readonly pass: string | undefined;
  readonly kernel: string | undefined;
}): readonly ListedStage[] {
  if (step !== undefined && pass !== undefined) throw new UsageError("--step and --pass exclude each other");
  if (step !== undefined && stage !== undefined && stage !== "steps")
    throw new UsageError("--step goes with --stage steps");
  if (pass !== undefined && stage !== undefined && stage !== "lowered")
    throw new UsageError("--pass goes with --stage lowered");
  if (step !== undefined) return ["steps"];
  if (pass !== undefined) return ["lowered"];
  if (stage !== undefined) return stage === "all" ? stages : [stage];
  return kernel === undefined ? [] : stages;
}

async function plan(
  workload: Workload,
  device: Device,
  db: Parameters<typeof openReaders>[0],
): Promise<{ choices: readonly Choice[]; notes: readonly string[] }> {
  const notes: string[] = [];
  const { readers, close } = await openReaders(db, notes);
  try {
    return { choices: await planParts(workload, device, readers), notes };
  } finally {
    await close();
  }
}

function nothingListed(
  { kernel, step }: { readonly kernel: string | undefined; readonly step: number | undefined },
  plans: readonly SourcedPlan[],
  { kernels }: Listed,
): QloomError {
  if (kernel !== undefined && !kernels.includes(kernel))
    return new QloomError(`there is no kernel ${kernel}; there are ${kernels.join(", ")}`);
  const counts = plans.map(({ plan: { name, schedule } }) => `${name} has ${schedule.length} steps`).join(", ");
  return new QloomError(`step ${step} changed nothing that was asked for; ${counts}`);
}

function partOf(
  { plan, source }: SourcedPlan,
  workload: Workload,
  device: Device,
  choices: readonly Choice[],
): ShownPart {
  const { name, min, max, template, point: at, schedule } = plan;
  const range = rangesOf(workload).find((r) => r.name === name);
  const typical = { workload: range === undefined ? workload : typicalWorkload(workload, range), device };
  const found = choices.find((c) => c.plan.name === name)?.lookup;
  return {
    name,
    min,
    max,
    templates: explain(typical).map((row) => ({ template: row.template, refusal: row.refusal ?? null })),
    template,
    point: at,
    source,
    lookup: (found?.steps ?? []).map((s) => `${s.rung} (${s.source}): ${s.reason}`),
    schedule,
  };
}

function moduleOf(artifact: Artifact): ShownModule {
  const run: readonly (Launch | Dispatch)[] = artifact.parts.flatMap<Launch | Dispatch>((part) => part.launches);
  const launches = [...artifact.pack, ...run];
  return {
    artifact: artifactHash(artifact),
    bytes: artifact.code.length,
    features: artifact.features,
    layout: artifact.layout,
    weights: artifact.weights,
    packed: artifact.packed,
    launches: launches.map(({ function: name, stage, tensors }) => ({ function: name, stage, tensors })),
  };
}

function overview({ workload, device, parts, module, notes }: Shown): string {
  const features = device.features.length === 0 ? "nothing optional" : device.features.join(", ");
  return [
    `${workloadText(workload)}\non ${device.label}, with ${features}\n`,
    ...notes.map((note) => `note: ${note}\n`),
    ...parts.map(partText),
    ...(module === undefined ? [] : [moduleText(module)]),
    "Kernels: --stage naive | steps | lowered | wat | wgsl, --part, --kernel, --step, --pass.\n",
  ].join("\n");
}

function partText({
  name,
  min,
  max,
  templates,
  template,
  point: at,
  source,
  lookup,
  schedule,
  peak = 0,
}: ShownPart): string {
  const rows =
    max === 0
      ? ""
      : min === max
        ? ` (M = ${min})`
        : max === 2 ** 31 - 1
          ? ` (M from ${min} up)`
          : ` (M = ${min} to ${max})`;
  const chosen = Object.entries(at)
    .map(([axis, value]) => `${axis}=${value}`)
    .join(" ");
  const reasons = templates.map((row) => [
    `  ${row.template}`,
    row.refusal ?? (row.template === template ? "takes it, and is chosen" : "takes it"),
  ]);
  return [
    `${name}${rows}: ${template}, point from ${source}\n`,
    `  ${chosen === "" ? "no axes" : chosen}; ${schedule.length} steps\n`,
    ...(peak === 0
      ? []
      : [`  workspaces of ${typeof peak === "number" ? bytesText(peak) : `${sizeText(peak)} bytes`}\n`]),
    ...lookup.map((line) => `  ${line}\n`),
    table(reasons),
  ].join("");
}

function moduleText({ artifact, bytes, features, layout, weights, packed, launches }: ShownModule): string {
  const tensors = (specs: ShownModule["packed"]): string =>
    specs.map(({ name, scalar, bytes: size }) => `${name} ${scalar} ${bytesText(Number(size))}`).join(", ");
  const needs = features.length === 0 ? "nothing optional" : features.join(", ");
  const packing =
    packed.length === 0
      ? ""
      : `  packs ${tensors(weights)}\n  into ${tensors(packed)} (layout ${layout.slice(0, 12)})\n`;
  return [
    `module: ${bytesText(bytes)}, needs ${needs}, artifact ${artifact.slice(0, 12)}\n`,
    packing,
    table(launches.map((l) => [`  ${l.function}`, l.stage, l.tensors.join(", ")])),
  ].join("");
}
