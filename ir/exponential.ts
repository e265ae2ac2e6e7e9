/** e^x in f32: the constants, and the value that the operation `exp` has, to the bit. `math.ts` has the same steps as expressions. */

const { fround } = Math;

/** ln 2 as a part with 9 bits, so that its products by whole numbers up to 2^15 are exact, and the rest. */
export const ln2: readonly [number, number] = [0.693359375, fround(-2.1219444005469057e-4)];
export const log2e: number = fround(Math.LOG2E);

/** exp(r) = 1 + r + r^2 * p(r) for |r| <= ln(2) / 2, the highest power first (Cephes, `expf`). */
export const powers: readonly number[] = [
  1.98756915e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1,
].map(fround);

/** Below `least` the result is no normal f32, and 0 is taken for it; above `greatest` it would be infinite. */
export const least: number = fround(-87.33654);
export const greatest: number = fround(88.37626);

/** A float plus this has its nearest whole number in its lowest bits (while that has at most 22). */
export const wholeInBits: number = 1.5 * 2 ** 23;

/**
 * e^x of an f32: within 2 units in the last place; 0 below -87.3 (-Infinity included), at most 2.4e38, NaN for NaN.
 *
 *     n = nearest(x / ln 2), r = x - n * ln 2     ->     2^n * (1 + r + r^2 * p(r))
 */
export function exponential(x: number): number {
  if (Number.isNaN(x)) return x;
  if (x < least) return 0;
  const within = Math.min(x, greatest);
  const n = fround(fround(fround(within * log2e) + wholeInBits) - wholeInBits);
  const r = fround(fround(within - fround(n * ln2[0])) - fround(n * ln2[1]));
  const p = powers.reduce((sum, c) => fround(fround(sum * r) + c));
  return fround(fround(fround(fround(fround(p * r) * r) + r) + 1) * 2 ** n);
}
