/** Time and trials that a job may spend, shared by weight among what is still to be tuned: what one part leaves goes to those after it. */

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
  readonly #weights: number[];

  /** `weights` of the parts, in their order; `clock` in milliseconds. */
  constructor(
    { seconds, trials }: BudgetOptions,
    weights: readonly number[],
    clock: () => number = () => performance.now(),
  ) {
    this.#clock = clock;
    this.#deadline = seconds === undefined ? Infinity : clock() + 1000 * seconds;
    this.#trials = trials ?? Infinity;
    this.#weights = [...weights];
  }

  /** The next part's share. */
  next(): Share {
    const left = this.#weights.reduce((sum, weight) => sum + weight, 0);
    const part = this.#weights.shift();
    const share = part === undefined || left === 0 ? 1 : part / left;
    const now = this.#clock();
    return { deadline: now + (this.#deadline - now) * share, trials: Math.ceil(this.#trials * share) };
  }

  /** Takes note of the trials that a part has used, earlier ones included. */
  spend(trials: number): void {
    this.#trials = Math.max(0, this.#trials - trials);
  }
}
