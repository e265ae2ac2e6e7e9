/**
 * Confirms at load time that relaxed SIMD computes what kernels rely on: `i16x8.relaxed_dot_i8x16_i7x16_s` with the second operand in 0..127
 * gives the exact pair sums, whatever machine instruction the engine chose. (`relaxed_madd` promises nothing but one or two roundings.)
 * Without imports: builds carry it along. Not here: the module that computes them (probe-relaxed.ts).
 */

const signed = 256;
const unsigned = 128;

/** Pairs of operands that are tried. */
export const pairs: number = 2 * signed * unsigned;

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

/** Whether the module `dot` (see `dotModule`) validates here and computes the exact sums. */
export async function relaxedDotAgrees(dot: BufferSource): Promise<boolean> {
  if (!WebAssembly.validate(dot)) return false;
  const memory = new WebAssembly.Memory({ initial: Math.ceil((6 * pairs) / 65536) });
  const { exports } = await WebAssembly.instantiate(await WebAssembly.compile(dot), { env: { memory } });
  const { a, b: w } = operands();
  new Int8Array(memory.buffer).set(a);
  new Int8Array(memory.buffer, 2 * pairs).set(w);
  (exports["dot"] as (...args: number[]) => void)(0, 2 * pairs, 4 * pairs, 0, 0);
  const sums = new Int16Array(memory.buffer, 4 * pairs, pairs);
  return sums.every((sum, i) => {
    const [x0 = 0, x1 = 0] = [a[2 * i], a[2 * i + 1]];
    const [w0 = 0, w1 = 0] = [w[2 * i], w[2 * i + 1]];
    return sum === x0 * w0 + x1 * w1;
  });
}
