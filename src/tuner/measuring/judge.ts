/** Judging the results of a candidate against what they should be. */
import type { TensorArray } from "../../runtime/index.ts";

/** What a result came to. */
export interface Verdict {
  /** max |y - reference| / max |reference|. */
  readonly maxError: number;
  /** What is wrong, in one line; undefined when the result is within the workload's bound. */
  readonly fault: string | undefined;
}

/** The verdict on several outputs: the first fault, the largest error. */
export function together(verdicts: readonly Verdict[]): Verdict {
  return {
    maxError: verdicts.reduce((most, { maxError }) => Math.max(most, maxError), 0),
    fault: verdicts.find(({ fault }) => fault !== undefined)?.fault,
  };
}

/** Judges every row of an output: its mean of squared errors over its mean of squares is at most `bound`. */
export function judgeRows(
  name: string,
  y: ArrayLike<number>,
  n: number,
  bound: number,
  expected: (row: number, column: number) => number,
): Verdict {
  let [largest, worst, fault] = [0, 0, undefined as string | undefined];
  for (let row = 0; row < y.length / n; row++) {
    let [squares, errors, rowWorst, at] = [0, 0, -1, 0];
    for (let column = 0; column < n; column++) {
      const reference = expected(row, column);
      const value = y[row * n + column]!;
      if (!Number.isFinite(value)) {
        const place = `${name}[${row},${column}]`;
        return { maxError: Number.NaN, fault: `${place} is ${value}: it was not written, or read what is not there` };
      }
      const off = Math.abs(value - reference);
      squares += reference * reference;
      errors += off * off;
      largest = Math.max(largest, Math.abs(reference));
      if (off > rowWorst) [rowWorst, at] = [off, column];
    }
    worst = Math.max(worst, rowWorst);
    if (errors > bound * squares)
      fault ??= `row ${row} of ${name} is off by NMSE ${(errors / squares).toExponential(1)}, ${bound} is allowed; most at ${name}[${row},${at}] = ${y[row * n + at]}, which should be ${expected(row, at)}`;
  }
  return { maxError: worst === 0 ? 0 : worst / largest, fault };
}

/**
 * Judges codes and scales as those of rows of n values: the values nearest to what is expected that have such codes (within half a step; of the greatest in a group, whose
 * code is the reach, one value) are within the bound.
 */
export function judgeQuantized(
  name: string,
  { q, s }: { readonly q: TensorArray; readonly s: TensorArray },
  n: number,
  reach: number,
  bound: number,
  expected: (row: number, column: number) => number,
): Verdict {
  const group = q.length / s.length;
  const nearest = new Float32Array(q.length);
  for (let first = 0; first < q.length; first += group) {
    const step = s[first / group]!;
    const wanted = Array.from({ length: group }, (_, i) => expected(Math.floor(first / n), (first % n) + i));
    const most = Math.max(...wanted.map(Math.abs));
    wanted.forEach((value, i) => {
      const code = q[first + i]!;
      const reached = Math.abs(value) === most && Math.abs(code) === reach;
      const [low, high] = reached ? [code, code] : [code - 0.5, code + 0.5];
      nearest[first + i] = Math.min(Math.max(value, low * step), high * step);
    });
  }
  return judgeRows(name, nearest, n, bound, expected);
}

/** Judges values that have to be the same. */
export function judgeEqual(
  name: string,
  values: ArrayLike<number>,
  columns: number,
  expected: (row: number, column: number) => number,
): Verdict {
  for (let at = 0; at < values.length; at++) {
    const [row, column] = [Math.floor(at / columns), at % columns];
    const reference = expected(row, column);
    if (!Object.is(values[at], reference) && values[at] !== reference)
      return {
        maxError: Number.NaN,
        fault: `${name}[${row},${column}] is ${values[at]}, which should be ${reference}`,
      };
  }
  return { maxError: 0, fault: undefined };
}
