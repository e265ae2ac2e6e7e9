/**
 * The job that was running when the tab was reloaded or crashed. What was measured is in the database; all that has to be remembered is that
 * the visitor wanted it to go on, and what was chosen. It ends with the tab.
 */
import { z } from "zod";
import { type TargetName, targetNames } from "./settings.ts";

const jobSchema = z.object({
  targets: z.array(z.enum(targetNames)),
  kernels: z.array(z.string()),
  seconds: z.number().positive(),
});

/** What a visitor has chosen; kernels by name. */
export interface Job {
  readonly targets: readonly TargetName[];
  readonly kernels: readonly string[];
  readonly seconds: number;
}

const name = "qloom-job";

/** A browser that keeps nothing for this page remembers nothing. */
function storage(): Storage | undefined {
  try {
    return sessionStorage;
  } catch {
    return undefined;
  }
}

export function rememberJob(job: Job): void {
  storage()?.setItem(name, JSON.stringify(job));
}

export function forgetJob(): void {
  storage()?.removeItem(name);
}

/** The job to go on with, if there is one. */
export function unfinishedJob(): Job | undefined {
  try {
    const read = jobSchema.safeParse(JSON.parse(storage()?.getItem(name) ?? "null"));
    return read.success ? read.data : undefined;
  } catch {
    return undefined;
  }
}
