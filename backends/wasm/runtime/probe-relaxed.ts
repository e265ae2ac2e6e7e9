/**
 * Confirms at load time that relaxed SIMD computes what kernels rely on: `i16x8.relaxed_dot_i8x16_i7x16_s` with the second operand in 0..127
 * gives the exact pair sums, whatever machine instruction the engine chose. (`relaxed_madd` promises nothing but one or two roundings.)
 */
import { b, type Kernel } from "../../../ir/index.ts";
import { compileModule } from "../module.ts";

const signed = 256;
const unsigned = 128;

/** `c[i] = a[2i] * b[2i] + a[2i+1] * b[2i+1]` over 8 pairs at a time. */
function dotKernel(pairs: number): Kernel {
  const a = b.buffer("a", "i8", [2 * pairs], { unit: "byte", role: "input" });
  const w = b.buffer("b", "i8", [2 * pairs], { unit: "byte", role: "input" });
  const c = b.buffer("c", "i16", [2 * pairs], { unit: "byte", role: "output" });
  const start = b.mul(b.variable("i"), 16);
  const bytes = b.lanes([8, 2], [2, 1]);
  const at = (name: string, lanes: ReturnType<typeof b.lanes>) => [b.add(b.add(b.variable(`&${name}`), start), lanes)];
  const sum = b.call("dot2_i16_i8_i7", b.load(a, at("a", bytes)), b.load(w, at("b", bytes)));
  return b.kernel("dot", "main", {
    buffers: [a, w, c],
    body: [b.loop("i", pairs / 8, [b.store("c", at("c", b.lanes([8], [2])), sum)])],
  });
}

/** Every product of a signed and a 7-bit operand, each beside an extreme one, in both places of the pair. */
function operands(): { readonly a: Int8Array; readonly b: Int8Array } {
  const extremes = [
    [-128, 127],
    [127, 127],
  ] as const;
  const a: number[] = [];
  const w: number[] = [];
  for (const [x, y] of extremes)
    for (let i = 0; i < signed; i++)
      for (let j = 0; j < unsigned; j++) {
        const first = (i + j) % 2 === 0;
        a.push(...(first ? [i - 128, x] : [x, i - 128]));
        w.push(...(first ? [j, y] : [y, j]));
      }
  return { a: new Int8Array(a), b: new Int8Array(w) };
}

/** Whether the engine has relaxed SIMD and its dot product is exact where kernels use it. */
export async function relaxedDotAgrees(): Promise<boolean> {
  const input = operands();
  const pairs = input.a.length / 2;
  const { bytes } = compileModule([dotKernel(pairs)], ["relaxed-simd"]);
  if (!WebAssembly.validate(bytes)) return false;
  const memory = new WebAssembly.Memory({ initial: Math.ceil((6 * pairs) / 65536) });
  const { instance } = await WebAssembly.instantiate(bytes, { env: { memory } });
  const { a, b: w } = input;
  new Int8Array(memory.buffer).set(a);
  new Int8Array(memory.buffer, 2 * pairs).set(w);
  (instance.exports["dot"] as (...args: number[]) => void)(0, 2 * pairs, 4 * pairs, 0, 0);
  const sums = new Int16Array(memory.buffer, 4 * pairs, pairs);
  return sums.every((sum, i) => {
    const [x0 = 0, x1 = 0] = [a[2 * i], a[2 * i + 1]];
    const [w0 = 0, w1 = 0] = [w[2 * i], w[2 * i + 1]];
    return sum === x0 * w0 + x1 * w1;
  });
}
