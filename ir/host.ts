/**
 * Node's own modules, asked for when they are used instead of imported: every folder loads in browsers, bundles for them need no
 * stand-ins, and only what is called there and can't be done fails. Not here: what the host can do (the backends' probes).
 */
import { QloomError } from "./errors.ts";

/** What Node, Deno and Bun have on `process`, and browsers lack. */
interface HostProcess {
  getBuiltinModule?(name: string): unknown;
}

/** One of Node's modules as its importer types it; undefined in a host without it. */
export function findNodeModule<T>(name: `node:${string}`): T | undefined {
  const { process } = globalThis as { readonly process?: HostProcess };
  return process?.getBuiltinModule?.(name) as T | undefined;
}

/** The same, needed. Throws a `QloomError` that names `what` needs it where there is none. */
export function nodeModule<T>(name: `node:${string}`, what: string): T {
  const found = findNodeModule<T>(name);
  if (found === undefined) throw new QloomError(`${what}: needs ${name}, which this host lacks; do it in Node`);
  return found;
}
