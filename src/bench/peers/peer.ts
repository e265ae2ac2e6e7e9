// What the bench asks of anything it times, ours or a peer's. Not here: any peer.

import type { TimedRuns } from "../../timing/index.ts";
import { PeerMissingError } from "../errors.ts";

/** One contestant made ready for one case: weights packed or caches filled, inputs at hand. */
export interface Session {
  /** Computes y once; f32 in, f32 out, quantizing what comes in included. */
  run(): void | Promise<void>;
  /** Where the runs happen elsewhere: how they are timed there, instead of around {@link run}. */
  readonly timed?: TimedRuns;
  /** y of the last run, row-major. */
  output(): Float32Array | Promise<Float32Array>;
  /** Frees what the session holds. */
  dispose(): void | Promise<void>;
}

/** Another's implementation of what a case asks, measured beside ours. */
export interface Peer<Case> {
  readonly name: string;
  /** Why the peer can't run a case, or undefined when it can. */
  unsupported(given: Case): string | undefined;
  /** @throws BenchError when the peer's package isn't installed, naming the command that installs it. */
  prepare(given: Case): Promise<Session>;
}

/**
 * Imports a peer's package, which is no dependency of ours.
 *
 * @throws BenchError naming the install command when the package isn't there; any other failure as it is.
 */
export async function importPeer<T>(peer: string, packageName: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const missing = code === "ERR_MODULE_NOT_FOUND" || code === "MODULE_NOT_FOUND";
    if (missing && message.includes(packageName)) {
      throw new PeerMissingError(`peer ${peer} needs the package ${packageName}: npm i -D ${packageName}`, {
        cause: error,
      });
    }
    throw error;
  }
}
