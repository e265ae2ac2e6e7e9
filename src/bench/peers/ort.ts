// ONNX Runtime as a peer: what its native and its Wasm build share. A case becomes a MatMulNBits model; not here: how
// a build is loaded (ort-node.ts, ort-web.ts).

import type { IntWeights, MatmulCase } from "../case.ts";
import { BenchError } from "../errors.ts";
import { matMulNBitsModel } from "../onnx.ts";
import type { Peer, Session } from "./peer.ts";

/** The part of onnxruntime-common that both packages export and this uses. */
export interface Ort {
  readonly Tensor: new (type: "float32", data: Float32Array, dims: readonly number[]) => unknown;
  readonly InferenceSession: {
    create(model: Uint8Array, options: Readonly<Record<string, unknown>>): Promise<OrtSession>;
  };
}

interface OrtSession {
  run(feeds: Readonly<Record<string, unknown>>): Promise<{ readonly [output: string]: { readonly data: unknown } }>;
  release(): Promise<void>;
}

/**
 * ONNX Runtime's MatMulNBits as a peer.
 *
 * @param provider the execution provider that the build runs on a CPU.
 * @param load imports the package, ready for this many threads.
 */
export function ortPeer(name: string, provider: string, load: (threads: number) => Promise<Ort>): Peer {
  return {
    name,
    unsupported: ({ weights }) => unsupportedByMatMulNBits(weights),
    prepare: async (matmul) => {
      const { weights } = matmul;
      const reason = unsupportedByMatMulNBits(weights);
      if (weights.kind !== "int" || reason) throw new BenchError(`peer ${name}: ${reason}`);
      return createSession(await load(matmul.threads), provider, matmul, weights);
    },
  };
}

/** Why MatMulNBits can't take these weights. */
export function unsupportedByMatMulNBits(weights: MatmulCase["weights"]): string | undefined {
  if (weights.kind !== "int") return `MatMulNBits takes integer codes with a scale per group, not ${weights.format}`;
  const { bits, group } = weights;
  if (![2, 4, 8].includes(bits)) return `MatMulNBits takes 2, 4 or 8 bits, not ${bits}`;
  if (![16, 32, 64, 128, 256].includes(group))
    return `MatMulNBits takes groups of 16, 32, 64, 128 or 256, not ${group}`;
  return undefined;
}

async function createSession(
  ort: Ort,
  provider: string,
  { m, n, k, x, threads, accuracy }: MatmulCase,
  weights: IntWeights,
): Promise<Session> {
  const session = await ort.InferenceSession.create(matMulNBitsModel({ n, k, ...weights }, accuracy.accuracyLevel), {
    executionProviders: [provider],
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    graphOptimizationLevel: "all",
    // Errors only: warnings would go to the terminal in the middle of our own output.
    logSeverityLevel: 3,
  });
  const feeds = { x: new ort.Tensor("float32", x, [m, k]) };
  let y = new Float32Array(0);
  return {
    run: async () => {
      y = (await session.run(feeds))["y"]!.data as typeof y;
    },
    output: () => y,
    dispose: () => session.release(),
  };
}
