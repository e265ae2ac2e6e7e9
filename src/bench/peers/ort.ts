// ONNX Runtime: what every build of it is asked, and how the native and the Wasm one do it on a CPU. Not here: how these are loaded (ort-node.ts, ort-web.ts), the one on a
// GPU (ort-webgpu.ts), or which models contestants are (matmul.ts, attention.ts).

import type { Feed, Tensors } from "../onnx/model.ts";
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
    fetches: Readonly<Record<string, unknown>>,
  ): Promise<{ readonly [output: string]: { readonly data: unknown } }>;
  release(): Promise<void>;
}

/** A build of ONNX Runtime. */
export interface OrtBuild {
  readonly name: string;
  /**
   * A model as a contestant: a run is given the same feeds each time, by name, and makes `y` (f32) and `results`. What is said to stay is not moved by a run.
   *
   * @throws PeerMissingError where its package isn't installed
   */
  session(model: Uint8Array<ArrayBuffer>, tensors: Tensors, threads: number): Promise<Session>;
}

/** A build that runs on a CPU. */
interface CpuBuild {
  readonly name: string;
  readonly provider: string;
  /** Whether it leaves outputs in the tensors that it is given for them; else it hands back others, to be given to the next step. */
  readonly fillsTensors: boolean;
  /** Imports the package, ready for this many threads. Throws a `PeerMissingError` where it isn't installed. */
  load(threads: number): Promise<Ort>;
}

/** Results are left in their tensors where the build can, one that is a feed, too, in place. */
export const cpuBuild = ({ name, provider, fillsTensors, load }: CpuBuild): OrtBuild => ({
  name,
  async session(model, { feeds, results }, threads) {
    const ort = await load(threads);
    const session = await ort.InferenceSession.create(model, {
      executionProviders: [provider],
      intraOpNumThreads: threads,
      interOpNumThreads: 1,
      graphOptimizationLevel: "all",
      // Errors only: warnings would go to the terminal in the middle of our own output.
      logSeverityLevel: 3,
    });
    const tensors = new Map(
      [...feeds.values(), ...results.values()].map((of) => [of, new ort.Tensor(of.type, of.data, of.dims)]),
    );
    const tensorsOf = (named: ReadonlyMap<string, Feed>): Record<string, unknown> =>
      Object.fromEntries([...named].map(([name, feed]) => [name, tensors.get(feed)]));
    const given = tensorsOf(feeds);
    const left = fillsTensors
      ? tensorsOf(results)
      : Object.fromEntries([...results.keys()].map((name) => [name, null]));
    let y = new Float32Array(0);
    return {
      run: async () => {
        y = (await session.run(given, { ...left, y: null }))["y"]!.data as typeof y;
      },
      output: () => y,
      dispose: () => session.release(),
    };
  },
});
