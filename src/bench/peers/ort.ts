// ONNX Runtime on a CPU: what its native and its Wasm build share. Not here: how a build is loaded (ort-node.ts, ort-web.ts), or which models
// contestants are (matmul.ts, attention.ts).

import type { Feed } from "../onnx/model.ts";
import type { Session } from "./peer.ts";

/** The part of onnxruntime-common that both packages export and this uses. */
export interface Ort {
  readonly Tensor: new (type: Feed["type"], data: Feed["data"], dims: readonly number[]) => unknown;
  readonly InferenceSession: {
    create(model: Uint8Array, options: Readonly<Record<string, unknown>>): Promise<OrtSession>;
  };
}

interface OrtSession {
  run(
    feeds: Readonly<Record<string, unknown>>,
    fetches: readonly string[],
  ): Promise<{ readonly [output: string]: { readonly data: unknown } }>;
  release(): Promise<void>;
}

/** A build of ONNX Runtime. */
export interface OrtBuild {
  readonly name: string;
  /** The execution provider that it runs on a CPU. */
  readonly provider: string;
  /** Imports the package, ready for this many threads. Throws a `PeerMissingError` where it isn't installed. */
  load(threads: number): Promise<Ort>;
}

/** A model as a contestant: a run is given the same feeds each time, by name, and its output `y` (f32) is handed back, no other one. */
export async function ortSession(
  { load, provider }: OrtBuild,
  threads: number,
  model: Uint8Array,
  given: ReadonlyMap<string, Feed>,
): Promise<Session> {
  const ort = await load(threads);
  const session = await ort.InferenceSession.create(model, {
    executionProviders: [provider],
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    graphOptimizationLevel: "all",
    // Errors only: warnings would go to the terminal in the middle of our own output.
    logSeverityLevel: 3,
  });
  const feeds = Object.fromEntries(
    [...given].map(([name, { type, data, dims }]) => [name, new ort.Tensor(type, data, dims)]),
  );
  let y = new Float32Array(0);
  return {
    run: async () => {
      y = (await session.run(feeds, ["y"]))["y"]!.data as typeof y;
    },
    output: () => y,
    dispose: () => session.release(),
  };
}
