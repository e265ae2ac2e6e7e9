/** What a measuring process of its own, in Node, Deno or Bun, does before anything else. */
import process from "node:process";
import { Worker } from "node:worker_threads";
import { workerUrl } from "./worker-url.ts";

/** Ends the process when the tuner is gone; a thread sees to it, for a kernel that never returns hears of nothing. */
export function guardProcess(): void {
  new Worker(workerUrl("watchdog"), { workerData: { parent: process.ppid } }).unref();
  // Ctrl-C in a terminal reaches the whole group of processes; when to stop is the tuner's to say.
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => {});
}
