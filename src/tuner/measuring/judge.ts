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
  y: TensorArray,
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

/** Judges values that have to be the same. */
export function judgeEqual(
  name: string,
  values: TensorArray,
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
