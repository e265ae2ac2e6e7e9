// What the runtime does on a real device, whichever engine runs this file: a program for Node and Deno, one JSON line per check.
// Not here: starting it (engines.test.ts).

import assert from "node:assert/strict";
import { openGpu } from "../../../../backends/wgsl/runtime/index.ts";
import { faultChecks } from "./checks-faults.ts";
import { runningChecks } from "./checks-running.ts";

/** A line of the program's output. */
export interface Outcome {
  readonly check: string;
  /** What went wrong; undefined where nothing did. */
  readonly failure?: string;
}

const checks = { ...runningChecks, ...faultChecks };

export const checkNames: readonly string[] = Object.keys(checks);

/** Runs every check on the GPU that this engine finds. */
export async function main(): Promise<void> {
  const gpu = await openGpu();
  const { label, fingerprint, kind } = gpu.device;
  console.error(`${label} (${fingerprint})`);
  assert.equal(kind, "wgsl");
  for (const [check, run] of Object.entries(checks)) {
    const failure = await run(gpu).then(
      () => undefined,
      (error: unknown) => (error instanceof Error ? (error.stack ?? error.message) : String(error)),
    );
    process.stdout.write(
      `${JSON.stringify({ check, failure } satisfies { check: string; failure: string | undefined })}\n`,
    );
  }
  gpu.dispose();
}
