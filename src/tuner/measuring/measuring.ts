/**
 * The measuring process from inside, whatever runs it: a function that answers the tuner's requests. It may crash or hang; whatever matters is the tuner's to
 * remember. Loads in browsers. Not here: how requests arrive (`engines/`).
 */
import { openGpu, probeWasm } from "../../../backends/index.ts";
import { type Device, QloomError } from "../../../ir/index.ts";
import { interleave, type TimedRuns } from "../../timing/index.ts";
import { TunerError } from "../errors.ts";
import type { Candidate, Checked, GpuSelection, Hook, HookStage, Reply, Request, Setting, Timed } from "../protocol.ts";
import { buildCandidate } from "./build.ts";
import { type Arena, CandidateFailure, type Contestant } from "./contestant.ts";
import { gpuArena } from "./contestant-gpu.ts";
import { wasmArena } from "./contestant-wasm.ts";
import { makeProblem, type Problem } from "./problem.ts";

/** A newcomer this many times slower than the incumbent gets as few samples as this: no number of them would make it win. */
const hopeless = 3;
const hopelessSamples = 2;

/** What a kind of device takes to be measured. */
interface KindRow {
  readonly probe: (gpu: GpuSelection | undefined) => Promise<Device>;
  readonly arena: (setting: Setting, problem: Problem) => Promise<Arena>;
}

const nothing = async (): Promise<never> => {
  throw new TunerError("the interpreter is not measured; take a device of kind wasm or wgsl");
};

async function probeGpu(gpu: GpuSelection | undefined): Promise<Device> {
  const runtime = await openGpu(gpu);
  runtime.dispose();
  return runtime.device;
}

const kinds: Readonly<Record<Device["kind"], KindRow>> = {
  wasm: { probe: () => probeWasm(), arena: wasmArena },
  wgsl: { probe: probeGpu, arena: gpuArena },
  reference: { probe: nothing, arena: nothing },
};

interface Prepared {
  readonly setting: Setting;
  readonly arena: Arena;
  readonly hook: Hook | undefined;
}

interface Entry {
  readonly candidate: Candidate;
  readonly contestant: Contestant;
  /** Milliseconds of a run once its times have stopped falling. */
  steadyMs?: number;
}

type Op<O extends Request["op"]> = Extract<Request, { readonly op: O }>;

/** Makes what answers requests, one at a time. Throws what is neither a candidate's fault nor the setting's: the process is to end then. */
export function makeMeasuring(): (request: Request) => Promise<Reply> {
  let prepared: Prepared | undefined;
  const entries = new Map<string, Entry>();
  const tell = async (stage: HookStage, candidate: Candidate, outputs: Parameters<Hook>[3] = {}): Promise<void> =>
    prepared!.hook?.(stage, candidate, prepared!.setting.testHook?.data, outputs);

  const answers: { readonly [O in Request["op"]]: (request: Op<O>) => Promise<unknown> } = {
    probe: ({ kind, gpu }) => kinds[kind].probe(gpu),

    prepare: async ({ setting }) => {
      for (const { contestant } of entries.values()) contestant.dispose();
      entries.clear();
      prepared?.arena.dispose();
      prepared = undefined;
      const { workload, seed, device, testHook } = setting;
      const arena = await kinds[device.kind].arena(setting, makeProblem(workload, seed));
      const module = testHook && ((await import(testHook.module)) as { readonly hook: Hook });
      prepared = { setting, arena, hook: module?.hook };
      return null;
    },

    build: async ({ id, candidate }) => {
      await tell("build", candidate);
      const { setting, arena } = prepared!;
      const { artifact, built } = buildCandidate(setting, candidate);
      const contestant = arena.contestant(artifact, (stage, outputs) => tell(stage, candidate, outputs));
      entries.set(id, { candidate, contestant });
      return built;
    },

    check: ({ id }): Promise<Checked> => entries.get(id)!.contestant.check(),

    time: async ({ ids, sampling, newcomer }): Promise<Timed> => {
      const all = ids.map((id) => ({ id, entry: entries.get(id)! }));
      for (const { id, entry } of all) {
        await tell("time", entry.candidate);
        entry.steadyMs ??= await blaming(id, () => entry.contestant.settle());
      }
      const runMs = all.map(({ entry }) => entry.steadyMs!);
      const [first = 0, ...others] = runMs;
      const isLost = newcomer && others.length > 0 && first > hopeless * Math.min(...others);
      const given = isLost ? { seconds: 0, minSamples: hopelessSamples } : sampling;
      const samples = await interleave(
        all.map(({ id, entry }) => blamed(id, entry.contestant)),
        { ...given, runMs },
      );
      for (const { id, entry } of all) await blaming(id, () => entry.contestant.recheck());
      return {
        samples: samples.map(({ ms }) => ms),
        quantum: Math.max(...all.map(({ entry }) => entry.contestant.quantumMs)),
      };
    },

    drop: async ({ id }) => {
      entries.get(id)?.contestant.dispose();
      entries.delete(id);
      prepared!.arena.trim([...entries.values()].map(({ contestant }) => contestant));
      return null;
    },
  };

  return async (request) => {
    try {
      return { value: await (answers[request.op] as (request: Request) => Promise<unknown>)(request) };
    } catch (error) {
      if (error instanceof CandidateFailure) return { failure: error.failure };
      if (error instanceof QloomError) return { error: error.message };
      throw error;
    }
  };
}

/** The contestant's runs, adding to a failure whose it is. */
const blamed = (id: string, contestant: Contestant): TimedRuns => ({
  quantumMs: contestant.quantumMs,
  time: (count) => blaming(id, () => contestant.time(count)),
});

async function blaming<T>(id: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw error instanceof CandidateFailure ? new CandidateFailure({ ...error.failure, id }) : error;
  }
}
