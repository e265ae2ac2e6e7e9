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
import { interleave, timerQuantum } from "../timing/index.ts";
import { type Arena, buildCandidate, CandidateFailure, Contestant, makeArena, trimPacked } from "./contestant.ts";
import { makeProblem } from "./problem.ts";
import type { Checked, Hook, Reply, Request, Setting, Timed } from "./protocol.ts";
import { warmUp } from "./warm-up.ts";

/** A newcomer this many times slower than the incumbent gets as few samples as this: no number of them would make it win. */
const hopeless = 3;
const hopelessSamples = 2;

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

async function time({ ids, sampling, newcomer }: Extract<Request, { op: "time" }>): Promise<Timed> {
  const all = ids.map((id) => ({ id, contestant: contestants.get(id)! }));
  const runs = all.map(({ id, contestant }) => blaming(id, () => contestant.run()));
  for (const [i, { contestant }] of all.entries()) {
    await contestant.call("time");
    contestant.steadyMs ??= warmUp(runs[i]!);
  }
  const runMs = all.map(({ contestant }) => contestant.steadyMs!);
  const [first = 0, ...others] = runMs;
  const isLost = newcomer && others.length > 0 && first > hopeless * Math.min(...others);
  const given = isLost ? { seconds: 0, minSamples: hopelessSamples } : sampling;
  const samples = await interleave(runs, { ...given, runMs });
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
  contestants.get(id)?.dispose();
  contestants.delete(id);
  trimPacked(arena!, contestants.values());
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
      return time(request);
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
