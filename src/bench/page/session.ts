// A contestant in a page: what the process at the other end asks of it. Runs in the page; not here: how it is asked (../browser.ts).

import { type TimedRuns, timeRuns, timerQuantum } from "../../timing/index.ts";
import type { Session } from "../peers/peer.ts";

/** A session whose runs are timed in the page. */
export interface PageSession extends TimedRuns {
  /** f32 [m, n] of the last run. */
  output(): Float32Array | Promise<Float32Array>;
  dispose(): void | Promise<void>;
}

export const pageSession = ({ run, output, dispose }: Omit<Session, "timed">): PageSession => ({
  quantumMs: timerQuantum(),
  time: (count) => timeRuns(run, count),
  output,
  dispose,
});

/** What the process published under a path. Throws where it is not there. */
export async function publishedBytes(path: string): Promise<Uint8Array<ArrayBuffer>> {
  const response = await fetch(path);
  if (!response.ok) throw new Error(`${path}: ${response.status}`);
  return new Uint8Array(await response.arrayBuffer());
}
