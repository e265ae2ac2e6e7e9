/**
 * The measuring process: builds candidates and runs them, one request at a time, for the tuner that forked it (`measurer.ts`). It may crash or hang; whatever
 * matters is the tuner's to remember.
 */
import { flushCompileCache } from "node:module";
import process from "node:process";
import { setFlagsFromString } from "node:v8";
import { Worker } from "node:worker_threads";
import { WasmRuntime } from "../../backends/index.ts";
import { QloomError } from "../../ir/index.ts";
import { interleave, timerQuantum } from "../bench/index.ts";
import { type Arena, buildCandidate, CandidateFailure, Contestant, makeArena } from "./contestant.ts";
import { makeProblem } from "./problem.ts";
import type { Checked, Hook, Reply, Request, SamplingOptions, Setting, Timed } from "./protocol.ts";
import { warmUp } from "./warm-up.ts";

/** A contestant this many times slower than the fastest gets the fewest samples. */
const hopeless = 3;

/** Only the optimizing compiler: no step in the times, and the first run of a candidate is as fast as the others. */
setFlagsFromString("--no-liftoff");

const watchdog = import.meta.url.endsWith(".ts") ? "./watchdog.ts" : "./watchdog.js";
new Worker(new URL(watchdog, import.meta.url), { workerData: { parent: process.ppid } }).unref();

// Ctrl-C in a terminal reaches the whole group of processes; when to stop is the tuner's to say.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => {});
process.on("disconnect", () => process.exit());

let setting: Setting | undefined;
let arena: Arena | undefined;
let hook: Hook | undefined;
const contestants = new Map<string, Contestant>();

async function prepare(given: Setting): Promise<null> {
  setting = given;
  const runtime = new WasmRuntime({});
  arena = makeArena(runtime, makeProblem(given.workload, given.seed), given.copies);
  // The process is killed rather than ended and would never save what Node has compiled, where a cache is enabled (NODE_COMPILE_CACHE).
  flushCompileCache();
  if (given.testHook !== undefined) hook = ((await import(given.testHook.module)) as { readonly hook: Hook }).hook;
  return null;
}

async function build({ id, candidate }: Extract<Request, { op: "build" }>): Promise<unknown> {
  const { workload, device, testHook } = setting!;
  await hook?.("build", candidate, testHook?.data, {});
  const { artifact, built } = buildCandidate({ workload, device }, candidate);
  contestants.set(id, new Contestant(candidate, artifact, arena!, hook, testHook?.data));
  return built;
}

async function check(id: string): Promise<Checked> {
  return contestants.get(id)!.check();
}

async function time(ids: readonly string[], sampling: SamplingOptions): Promise<Timed> {
  const all = ids.map((id) => ({ id, contestant: contestants.get(id)! }));
  const runs = all.map(({ id, contestant }) => blaming(id, () => contestant.run()));
  const steady: number[] = [];
  for (const [i, { contestant }] of all.entries()) {
    await contestant.call("time");
    steady.push(warmUp(runs[i]!));
  }
  const hopelessly = hopeless * Math.min(...steady);
  const seconds = steady.some((ms) => ms > hopelessly) ? 0 : sampling.seconds;
  const samples = await interleave(runs, { seconds, minSamples: sampling.minSamples });
  for (const { id, contestant } of all) blaming(id, () => contestant.recheck())();
  return { samples: samples.map(({ ms }) => ms), quantum: timerQuantum() };
}

/** The work, adding to a failure whose it is. */
function blaming(id: string, work: () => void): () => void {
  return () => {
    try {
      work();
    } catch (error) {
      throw error instanceof CandidateFailure ? new CandidateFailure({ ...error.failure, id }) : error;
    }
  };
}

async function drop(id: string): Promise<null> {
  const contestant = contestants.get(id);
  if (contestant === undefined) return null;
  contestants.delete(id);
  contestant.dispose();
  const { layout } = contestant;
  if ([...contestants.values()].some((other) => other.layout === layout)) return null;
  arena!.packed.get(layout)?.free();
  arena!.packed.delete(layout);
  return null;
}

function answer(request: Request): Promise<unknown> {
  switch (request.op) {
    case "prepare":
      return prepare(request.setting);
    case "build":
      return build(request);
    case "check":
      return check(request.id);
    case "time":
      return time(request.ids, request.sampling);
    case "drop":
      return drop(request.id);
  }
}

async function reply(request: Request): Promise<Reply> {
  try {
    return { value: await answer(request) };
  } catch (error) {
    if (error instanceof CandidateFailure) return { failure: error.failure };
    if (error instanceof QloomError) return { error: error.message };
    throw error;
  }
}

process.on("message", (request: Request) => {
  void reply(request).then((answered) => process.send!(answered));
});
