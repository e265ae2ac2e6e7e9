/** The table, the picture and the progress of a job, kept up to date. Not here: what a row says (results.ts), how it looks (table.ts). */
import type { NamedMatmul } from "../../models/index.ts";
import type { Progress } from "../../tuner/index.ts";
import { barPicture } from "./bars.ts";
import { byId } from "./dom.ts";
import { concerns, type ResultRow, updated } from "./results.ts";
import type { TargetName } from "./settings.ts";
import { sayMs, sayRow, tableRow, targetTitles } from "./table.ts";

interface Running {
  /** The job's rows, in the order tuned. */
  readonly ids: readonly string[];
  readonly finished: Set<string>;
  readonly deadline: number;
  readonly say: (text: string) => void;
}

export class JobDisplay {
  readonly #rows = new Map<string, ResultRow>();
  readonly #elements = new Map<string, HTMLTableRowElement>();
  #job: Running | undefined;

  get running(): boolean {
    return this.#job !== undefined;
  }

  /** Whether there is anything on record of what is shown. */
  get begun(): boolean {
    return [...this.#rows.values()].some(({ trials }) => trials > 0);
  }

  /** Shows rows, new ones at the end. */
  set(rows: readonly ResultRow[]): void {
    for (const row of rows) {
      this.#rows.set(row.id, row);
      const element = tableRow(row);
      const old = this.#elements.get(row.id);
      this.#elements.set(row.id, element);
      if (old === undefined) byId("tbody", "rows").append(element);
      else old.replaceWith(element);
    }
    const picture = barPicture([...this.#rows.values()]);
    byId("div", "bars").replaceChildren(...(picture === undefined ? ["Nothing is measured yet."] : [picture]));
  }

  /** A job begins; what it is at is told in `say`, once for each kernel. */
  start(
    targets: readonly { readonly name: TargetName }[],
    kernels: readonly NamedMatmul[],
    seconds: number,
    say: (text: string) => void,
  ): void {
    const ids = targets.flatMap(({ name }) =>
      [...this.#rows.values()].filter((r) => r.target === name && kernels.includes(r.kernel)).map(({ id }) => id),
    );
    this.#job = { ids, finished: new Set(), deadline: performance.now() + 1000 * seconds, say };
    byId("div", "progress").hidden = false;
    byId("progress", "bar").value = 0;
    byId("p", "detail").textContent = "";
    say("Starting …");
  }

  /** What the job tells. */
  take(target: TargetName, event: Progress): void {
    const job = this.#job;
    if (job === undefined) return;
    const rows = job.ids.flatMap((id) => this.#rows.get(id) ?? []);
    const concerned = rows.filter((row) => row.target === target && concerns(row, event));
    this.set(concerned.map((row) => updated(row, event)));
    if (event.kind === "done" || event.kind === "failed") for (const { id } of concerned) job.finished.add(id);
    const [row] = concerned;
    if (row === undefined) return;
    const place = `${Math.min(job.finished.size + 1, job.ids.length)} of ${job.ids.length}`;
    if (event.kind === "start") job.say(`Tuning ${sayRow(row)}, on ${targetTitles[target]} (${place}).`);
    byId("p", "detail").textContent = event.kind === "trial" ? detail(event, job.deadline) : "making ready";
    byId("progress", "bar").value = (job.finished.size + partDone(event, job.deadline)) / job.ids.length;
  }

  /** No job runs any more. */
  end(): void {
    this.#job = undefined;
    byId("div", "progress").hidden = true;
  }
}

type Trial = Extract<Progress, { readonly kind: "trial" }>;

/** How much of a part is done, as far as can be told. */
function partDone(event: Progress, deadline: number): number {
  if (event.kind !== "trial") return 0;
  const byTrials = event.of === undefined ? 0 : event.trial / event.of;
  const left = event.etaSeconds ?? Math.max(0, (deadline - performance.now()) / 1000);
  return Math.min(1, Math.max(byTrials, left === 0 ? 1 : 0));
}

function detail({ trial, of, best, default: reference, etaSeconds, outcome }: Trial, deadline: number): string {
  const left = Math.max(etaSeconds ?? 0, (deadline - performance.now()) / 1000);
  return [
    of === undefined ? `trial ${trial}` : `trial ${trial} of ${of}`,
    ...(outcome === "ok" || outcome === "rejected" ? [] : [`the last came to ${outcome}`]),
    best === undefined ? "nothing right yet" : `best ${sayMs(best.ms)} ms, default ${sayMs(reference?.ms)} ms`,
    `at most ${sayTime(left)} left`,
  ].join(" · ");
}

/** `1:05`. */
function sayTime(seconds: number): string {
  const whole = Math.ceil(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}
