/**
 * What `qloom show` prints of the pipeline: the program before and after each step, each kernel after each pass, the module's disassembly.
 * Not here: how a workload is planned, or the options that choose among the listings.
 */
import { decodeModule, printWat } from "../../backends/index.ts";
import { type Device, type Kernel, type Program, passes, printKernel, printSchedule } from "../../ir/index.ts";
import type { Target } from "../../schedules/index.ts";
import { type Artifact, buildArtifact, type PartPlan } from "../compile/index.ts";

export const stages = ["naive", "steps", "lowered", "wat", "wgsl"] as const;
export type ListedStage = (typeof stages)[number];

/** A piece of the pipeline as text: a comment that says what it is, then what the text form or Wasm's reads. */
export interface Listing {
  readonly stage: ListedStage;
  /** `decode`, `prefill`, `all`; absent where it is not one part's. */
  readonly part?: string;
  /** The kernel's name without its part; absent where a step changed none. */
  readonly kernel?: string;
  /** Number of the step that was just applied, from 1. */
  readonly step?: number;
  /** Label of the pass that just ran. */
  readonly pass?: string;
  readonly title: string;
  readonly text: string;
}

type Lowering = keyof typeof passes;

const labelsOf = (kind: Lowering): readonly string[] =>
  passes[kind].map(([name], i) => {
    const before = passes[kind].slice(0, i).filter(([other]) => other === name).length;
    return before === 0 ? name : `${name}.${before + 1}`;
  });

const labels: Readonly<Record<Lowering, readonly string[]>> = { wasm: labelsOf("wasm"), wgsl: labelsOf("wgsl") };

/** Names of the lowering passes; the second of a name is `name.2`. */
export const passLabels: readonly string[] = [...new Set([...labels.wasm, ...labels.wgsl])];

/** What a kernel is lowered for: kernels that pack always run on the CPU. */
const loweringOf = (kernel: Kernel, { kind }: Pick<Device, "kind">): Lowering =>
  kind === "wgsl" && kernel.name.includes("/") ? "wgsl" : "wasm";

/** What is to be listed; everything where nothing is said. */
export interface Selection {
  readonly stages: readonly ListedStage[];
  /** Only what this step did. */
  readonly step?: number | undefined;
  readonly kernel?: string | undefined;
  /** Each kernel after this pass instead of the last. */
  readonly pass?: string | undefined;
}

export interface Listed {
  readonly artifact?: Artifact;
  /** Why there is no artifact: the listings reach as far as the pipeline did. */
  readonly failure?: unknown;
  readonly listings: readonly Listing[];
  /** Names of all kernels that came by. */
  readonly kernels: readonly string[];
}

/** Runs the pipeline and lists what the selection takes, also of one that fails half way. */
export function listPipeline(target: Target, plans: readonly PartPlan[], selection: Selection): Listed {
  const { collect, listings, kernels } = collector(selection);
  const before = new Map<string, Program>();
  const steps = new Map<string, number>();
  const passesOf = new Map<string, number>();
  let artifact: Artifact | undefined;
  let failure: unknown;
  try {
    artifact = buildArtifact(target, plans, {
      program: (part, step, program) => {
        const number = step === "naive" ? 0 : (steps.get(part) ?? 0) + 1;
        const plan = plans.find((p) => p.name === part) as PartPlan;
        const kernels = changed(before.get(part), program);
        for (const kernel of kernels) collect(number === 0 ? naive(part, kernel) : stepped(plan, number, kernel));
        if (kernels.length === 0) collect(stepped(plan, number, undefined));
        steps.set(part, number);
        before.set(part, program);
      },
      kernel: (name, _pass, kernel) => {
        const i = passesOf.get(name) ?? 0;
        passesOf.set(name, i + 1);
        collect(lowered(kernel, labels[loweringOf(kernel, target.device)], i));
      },
    });
    for (const listing of [...disassembled(artifact), ...shaders(artifact)]) collect(listing);
  } catch (error) {
    failure = error;
  }
  const order = (l: Listing): number => stages.indexOf(l.stage);
  return {
    ...(artifact && { artifact }),
    ...(failure !== undefined && { failure }),
    listings: listings.sort((a, b) => order(a) - order(b)),
    kernels: [...kernels],
  };
}

function collector({ stages: wanted, step, kernel, pass = labels.wasm.at(-1) }: Selection): {
  collect: (listing: Lazy) => void;
  listings: Listing[];
  kernels: Set<string>;
} {
  const listings: Listing[] = [];
  const kernels = new Set<string>();
  const takes = (l: Lazy): boolean =>
    wanted.includes(l.stage) &&
    (kernel === undefined || l.kernel === kernel) &&
    (l.step === undefined || step === undefined || l.step === step) &&
    (l.pass === undefined || l.pass === pass);
  return {
    listings,
    kernels,
    collect: (lazy) => {
      if (lazy.kernel !== undefined) kernels.add(lazy.kernel);
      if (!takes(lazy)) return;
      const { print, ...listing } = lazy;
      listings.push({ ...listing, text: print() });
    },
  };
}

/** A listing that is printed only if it is taken. */
type Lazy = Omit<Listing, "text"> & { readonly print: () => string };

const naive = (part: string, kernel: Kernel): Lazy => ({
  stage: "naive",
  part,
  kernel: kernel.name,
  title: `${part}, naive: ${kernel.name}`,
  print: () => printKernel(kernel),
});

/** Without a kernel the step changed none: some points leave a step nothing to do. */
function stepped({ name: part, schedule }: PartPlan, step: number, kernel: Kernel | undefined): Lazy {
  const applied = schedule[step - 1];
  const text = applied === undefined ? "" : printSchedule([applied]).trimEnd();
  return {
    stage: "steps",
    part,
    ...(kernel && { kernel: kernel.name }),
    step,
    title: `${part}, step ${step} of ${schedule.length}: ${text}`,
    print: () => (kernel === undefined ? "# changes nothing\n" : printKernel(kernel)),
  };
}

/** The kernels that a step changed or made. */
function changed(before: Program | undefined, after: Program): readonly Kernel[] {
  const known = new Map(before?.kernels.map((k) => [k.name, k]));
  return after.kernels.filter((k) => {
    const old = known.get(k.name);
    return old === undefined || (old !== k && printKernel(old) !== printKernel(k));
  });
}

function lowered(kernel: Kernel, passLabelsOf: readonly string[], i: number): Lazy {
  const pass = passLabelsOf[i] ?? "";
  const { part, name } = partOf(kernel.name);
  return {
    stage: "lowered",
    ...(part !== undefined && { part }),
    kernel: name,
    pass,
    title: `${kernel.name}, lowered, after pass ${i + 1} of ${passLabelsOf.length}: ${pass}`,
    print: () => printKernel(kernel),
  };
}

/** Each function of the very bytes that run. */
function disassembled({ code }: Artifact): readonly Lazy[] {
  const module = decodeModule(code);
  return module.functions.map((f) => {
    const { part, name } = partOf(f.name);
    return {
      stage: "wat",
      ...(part !== undefined && { part }),
      kernel: name,
      title: `${f.name}, as Wasm; the module has ${code.length} bytes`,
      print: () => printWat({ ...module, functions: [f], exports: module.exports.filter((e) => e.item === f.name) }),
    };
  });
}

/** Each shader. */
function shaders(artifact: Artifact): readonly Lazy[] {
  if (artifact.target !== "wgsl") return [];
  return artifact.parts.flatMap(({ launches }) =>
    launches.map(({ function: whole, workgroup }) => {
      const { part, name } = partOf(whole);
      return {
        stage: "wgsl",
        ...(part !== undefined && { part }),
        kernel: name,
        title: `${whole}, as WGSL; workgroups of ${workgroup.join(" x ")}`,
        print: () => artifact.shaders[whole] ?? "",
      };
    }),
  );
}

/** `decode/main.1` is kernel main.1 of part decode; kernels that pack are no part's. */
function partOf(name: string): { readonly part: string | undefined; readonly name: string } {
  const at = name.indexOf("/");
  return at < 0 ? { part: undefined, name } : { part: name.slice(0, at), name: name.slice(at + 1) };
}

const comments: Readonly<Partial<Record<ListedStage, string>>> = { wat: ";;", wgsl: "//" };

/** Listings as one text; comments begin as the text form or Wasm's has it. */
export function listingText(listings: readonly Listing[]): string {
  return listings.map(({ stage, title, text }) => `${comments[stage] ?? "#"} ${title}\n${text.trimEnd()}\n`).join("\n");
}
