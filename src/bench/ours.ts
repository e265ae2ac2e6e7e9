// Our own kernels as contestants: a case's weights as our formats store them, through the public API. Not here: what is
// measured, or which records the kernels are planned from (the caller's choice).

import {
  encode,
  formatOf,
  type MatmulWorkload,
  type Numerics,
  numericsNamed,
  numericsNames,
  rowReader,
  valueAt,
} from "../../ir/index.ts";
import { type Artifact, type CompileOptions, compile } from "../compile/index.ts";
import { normal } from "../timing/index.ts";
import type { MatmulCase, WeightSource, Weights } from "./case.ts";
import { BenchError } from "./errors.ts";
import type { Factory } from "./matmul.ts";

/**
 * The source of every format that qloom knows: normal values, encoded. The last one to ask.
 *
 * @throws WorkloadError naming the nearest formats where it is none, or the nearest k.
 */
export const formatWeightSource: WeightSource = (format, n, k, random) => {
  const row = formatOf(format);
  const unit = 1 / Math.sqrt(k);
  const values = Float32Array.from({ length: n * k }, () => unit * normal(random));
  const containers = encode(row, values, n, k);
  const read = rowReader(row, containers, n, k);
  return {
    kind: "blocks",
    format,
    stored: Object.fromEntries(Object.entries(containers).map(([name, bytes]) => [name.replace(/^w\./, ""), bytes])),
    decodeRow: (r, out) => {
      const decoded = read(r);
      for (let i = 0; i < k; i++) out[i] = valueAt(decoded, i);
    },
  };
};

/**
 * What activations of this name are computed in.
 *
 * @throws BenchError for any other name.
 */
export function numericsOf(activations: string): Numerics {
  const numerics = numericsNamed(activations);
  if (numerics === undefined)
    throw new BenchError(`bench: activations "${activations}" are unknown; take ${numericsNames}, as in i8_g32`);
  return numerics;
}

/** A matmul whose result stays f32. */
export type PlainMatmul = MatmulWorkload & { readonly quantize?: undefined };

/** The workload of a case. */
export function workloadOf({ m, n, k, weights, activations }: MatmulCase): PlainMatmul {
  const zeros = weights.kind === "int" && weights.zeroPoints !== undefined ? "_z" : "";
  return { op: "matmul", m, n, k, w: `${weights.format}${zeros}`, bias: false, numerics: numericsOf(activations) };
}

/** Our kernel as a contestant, compiled with these options; a run is the public API's: x copied in, y copied out. `told` sees what was compiled. */
export const ours =
  (options: CompileOptions, told: (artifact: Artifact) => void = () => {}): Factory =>
  async (matmul) => {
    const kernel = await compile(workloadOf(matmul), options);
    told(kernel.artifact);
    try {
      const w = kernel.pack(storedWeights(matmul.weights));
      const { m } = matmul;
      const x = matmul.given(m);
      let y: Float32Array = new Float32Array(0);
      return {
        run: () => {
          y = kernel.run({ m, x, w });
        },
        output: () => y,
        dispose: () => kernel.dispose(),
      };
    } catch (error) {
      kernel.dispose();
      throw error;
    }
  };

/** A case's weights under the names that `pack` takes. */
export function storedWeights(weights: Weights): Readonly<Record<string, ArrayBufferView>> {
  if (weights.kind === "blocks") return weights.stored;
  const { codes, bits, scales, zeroPoints } = weights;
  return { codes: denseCodes(codes, bits), scales, ...(zeroPoints && { zeros: zeroPoints }) };
}

/** Codes of `bits` bits one after another, low bits first; a row of whole groups is whole bytes. */
function denseCodes(codes: Uint8Array, bits: number): Uint8Array {
  if (bits === 8) return codes;
  const bytes = new Uint8Array((codes.length * bits) / 8);
  let held = 0;
  let width = 0;
  let at = 0;
  for (const code of codes) {
    held |= code << width;
    width += bits;
    while (width >= 8) {
      bytes[at++] = held & 0xff;
      held >>= 8;
      width -= 8;
    }
  }
  return bytes;
}
