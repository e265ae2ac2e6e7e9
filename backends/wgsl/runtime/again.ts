/** Runs this program again in the environment that its GPU needs: a Vulkan loader reads its variables when a process starts. Node only. */
import { type EnvironmentOptions, type GpuEnvironment, gpuEnvironment } from "./environment.ts";
import { nodeChild, nodeOs } from "./node.ts";

/** Set in the second run, so that there is no third. */
const marker = "QLOOM_GPU_ENVIRONMENT";

/**
 * Runs the program of this process once more, with the same arguments and streams, where it needs other environment variables to find a GPU.
 *
 * @returns the exit code to end with; undefined where this process can go on itself
 */
export async function runAgainForGpu(options: EnvironmentOptions = {}): Promise<number | undefined> {
  if (process.env[marker] !== undefined) return undefined;
  const found = await gpuEnvironment(options);
  return Object.keys(found.env).length === 0 ? undefined : runWith(found);
}

function runWith({ env, why }: GpuEnvironment): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const child = nodeChild().spawn(process.execPath, [...process.execArgv, ...process.argv.slice(1)], {
    stdio: "inherit",
    env: { ...process.env, ...env, [marker]: why },
  });
  // Ctrl-C reaches both; this process waits for what the other makes of it.
  const pass = (signal: NodeJS.Signals): void => void (signal === "SIGINT" || child.kill(signal));
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  for (const signal of signals) process.on(signal, pass);
  child.once("error", reject);
  child.once("exit", (code, signal) => {
    for (const s of signals) process.off(s, pass);
    resolve(code ?? 128 + (signal === null ? 0 : nodeOs().constants.signals[signal]));
  });
  return promise;
}
