/**
 * A thread of the measuring process that ends it when the tuner is gone: the main thread may be inside a kernel that never returns, where it hears of nothing.
 */
import process from "node:process";
import { workerData } from "node:worker_threads";

const periodMs = 500;
const { parent } = workerData as { readonly parent: number };

/** Systems with parents that change give an orphan another one; elsewhere the process has to be looked for. */
function parentLives(): boolean {
  if (process.ppid !== parent) return false;
  try {
    process.kill(parent, 0);
    return true;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}

setInterval(() => {
  if (!parentLives()) process.kill(process.pid, "SIGKILL");
}, periodMs);
