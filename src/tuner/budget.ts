/** Time and trials that a job may spend, shared evenly among what is still to be tuned: what one part leaves goes to those after it. */

export interface BudgetOptions {
  readonly seconds?: number | undefined;
  readonly trials?: number | undefined;
}

/** What one part may spend. */
export interface Share {
  /** Moment at which it ends; Infinity without a limit. */
  readonly deadline: number;
  /** Trials, earlier ones included; Infinity without a limit. */
  readonly trials: number;
}

export class Budget {
  readonly #deadline: number;
  readonly #clock: () => number;
  #trials: number;
  #parts: number;

  /** `clock` in milliseconds. */
  constructor({ seconds, trials }: BudgetOptions, parts: number, clock: () => number = () => performance.now()) {
    this.#clock = clock;
    this.#deadline = seconds === undefined ? Infinity : clock() + 1000 * seconds;
    this.#trials = trials ?? Infinity;
    this.#parts = parts;
  }

  /** The next part's share. */
  next(): Share {
    const parts = Math.max(1, this.#parts--);
    const now = this.#clock();
    return { deadline: now + (this.#deadline - now) / parts, trials: Math.ceil(this.#trials / parts) };
  }

  /** Takes note of the trials that a part has used, earlier ones included. */
  spend(trials: number): void {
    this.#trials = Math.max(0, this.#trials - trials);
  }
}
