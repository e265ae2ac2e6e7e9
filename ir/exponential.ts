/** e^x in f32: the constants, and the value that the operation `exp` has, to the bit. `math.ts` has the same steps as expressions. */

const { fround } = Math;

/** ln 2 as a part with 9 bits, so that its products by whole numbers up to 2^15 are exact, and the rest. */
export const ln2: readonly [number, number] = [0.693359375, fround(-2.1219444005469057e-4)];
export const log2e: number = fround(Math.LOG2E);

/**
 * exp(r) = 1 + r + r^2 * p(r) for |r| <= ln(2) / 2, p(r) = sum powers[i] * r^i: the least greatest relative error, 3.1e-9, a twentieth of what rounding to f32 costs. Summed in pairs,
 * whose parts don't wait for each other: `(p0 + p1 * r) + (p2 + p3 * r) * r^2 + p4 * r^4`.
 */
export const powers: readonly number[] = [0.499999934, 0.166665201, 0.0416683942, 0.00836878041, 0.00138144669].map(
  fround,
);

/** Where x / ln 2 rounds to -127, whose power the bits of an f32 have as 0, and where it still rounds to 127: x is kept between the two. */
export const least = -88;
export const greatest: number = fround(88.37626);

/** A float plus this has its nearest whole number in its lowest bits (while that has at most 22). */
export const wholeInBits: number = 1.5 * 2 ** 23;

/**
 * e^x of an f32: within a unit in the last place; 0 below -87.7 (-Infinity included), at most 2.4e38, NaN for NaN. Between -87.7 and -87.3 it is no normal f32, for which a device may take 0.
 *
 *     n = nearest(x / ln 2), r = x - n * ln 2     ->     2^n * (1 + r + r^2 * p(r))
 */
export function exponential(x: number): number {
  if (Number.isNaN(x)) return x;
  const within = Math.min(Math.max(x, least), greatest);
  const n = fround(fround(fround(within * log2e) + wholeInBits) - wholeInBits);
  const r = fround(fround(within - fround(n * ln2[0])) - fround(n * ln2[1]));
  const square = fround(r * r);
  const [p0, p1, p2, p3, p4] = powers as [number, number, number, number, number];
  const pair = (c: number, linear: number): number => fround(fround(linear * r) + c);
  const low = fround(pair(p0, p1) + fround(pair(p2, p3) * square));
  const p = fround(low + fround(p4 * fround(square * square)));
  return fround(fround(fround(fround(p * square) + r) + 1) * (n < -126 ? 0 : 2 ** n));
}
