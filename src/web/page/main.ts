/**
 * The page that `qloom serve` serves: says what this device can do, tunes matmuls on it, shows what came of it. Begins here, read top to
 * bottom in `begin`. Not here: tuning (src/tuner), where records lie (tune-db).
 */
import { QloomError } from "../../../ir/index.ts";
import { openIndexedDb, openMemoryStore, TuneDbError, type TuneStore } from "../../../tune-db/index.ts";
import { deviceCard } from "./device-cards.ts";
import { byId } from "./dom.ts";
import { fillForm, readForm, restoreForm, showRunning } from "./form.ts";
import { JobDisplay } from "./job-display.ts";
import { standingRows } from "./results.ts";
import { parseSettings, type Settings, targetNames } from "./settings.ts";
import { type FoundTarget, findTarget } from "./targets.ts";
import { count, exportFile, importFiles } from "./transfer.ts";
import { type TuningOptions, type TuningReport, tuneHere } from "./tuning.ts";
import { forgetJob, type Job, rememberJob, unfinishedJob } from "./unfinished.ts";

/** All that the page works with. */
interface Page {
  readonly settings: Settings;
  readonly store: TuneStore;
  readonly found: readonly FoundTarget[];
  readonly display: JobDisplay;
}

const say = (text: string): void => byId("p", "status").replaceChildren(text);

async function begin(): Promise<void> {
  const settings = parseSettings(location.search);
  const store = await openRecords(settings.database);
  const found = await showDevices(settings);
  fillForm(settings, found);
  const page: Page = { settings, store, found, display: new JobDisplay() };
  await showStanding(page);
  connectRecords(page);
  connectJob(page);
}

/** A browser that keeps nothing tunes all the same. */
async function openRecords(name: string): Promise<TuneStore> {
  try {
    return await openIndexedDb(name);
  } catch (error) {
    if (!(error instanceof TuneDbError)) throw error;
    showProblem(`${error.message}. Records are kept only as long as this page is open: export them before you leave.`);
    return openMemoryStore("this page");
  }
}

async function showDevices({ target }: Settings): Promise<readonly FoundTarget[]> {
  const place = byId("div", "devices");
  const found: FoundTarget[] = [];
  for (const name of target === undefined ? targetNames : [target]) found.push(await findTarget(name));
  place.replaceChildren(...found.map(deviceCard));
  place.removeAttribute("aria-busy");
  return found;
}

/** What the records say, of this device and these kernels. */
async function showStanding({ settings, store, found, display }: Page): Promise<void> {
  for (const { name, device } of found) {
    if (device === undefined) continue;
    for (const kernel of settings.kernels) display.set(await standingRows(kernel, name, device, store));
  }
  await countRecords(store);
}

async function countRecords(store: TuneStore): Promise<void> {
  const { records, workloads } = await store.summary();
  byId("p", "records").textContent = `${count(records, "record")} of ${count(workloads, "kernel")} in this browser.`;
}

function connectRecords(page: Page): void {
  const told = byId("p", "transfer");
  const tell = async (work: Promise<string>): Promise<void> => {
    try {
      told.textContent = await work;
    } catch (error) {
      told.textContent = messageOf(error);
    }
  };
  byId("button", "export").addEventListener("click", () => void tell(exportFile(page.store)));
  const input = byId("input", "import");
  input.addEventListener("change", () => {
    const work = importFiles(page.store, [...(input.files ?? [])]).then(async (said) => {
      if (!page.display.running) await showStanding(page);
      return said;
    });
    void tell(work).then(() => {
      input.value = "";
    });
  });
}

function connectJob(page: Page): void {
  let controller: AbortController | undefined;
  let leaving = false;
  const start = async (job: Job | undefined): Promise<void> => {
    if (job === undefined || controller !== undefined) return;
    controller = new AbortController();
    rememberJob(job);
    try {
      await runJob(page, job, controller.signal);
    } finally {
      controller = undefined;
      // A page that is left is to go on when it comes back.
      if (!leaving) forgetJob();
      showRunning(false, page.display.begun);
    }
  };
  byId("form", "form").addEventListener("submit", (event) => {
    event.preventDefault();
    void start(readForm(say));
  });
  const stop = byId("button", "stop");
  stop.addEventListener("click", () => {
    stop.disabled = true;
    controller?.abort(new Error("stopped by the visitor"));
  });
  // Nothing is held against what is running when the page is left.
  addEventListener("pagehide", () => {
    leaving = true;
    controller?.abort(new Error("the page was left"));
  });
  addEventListener("pageshow", () => {
    leaving = false;
  });
  showRunning(false, page.display.begun);
  const unfinished = unfinishedJob();
  if (unfinished !== undefined) restoreForm(unfinished);
  if (unfinished !== undefined || page.settings.start) void start(readForm(say));
}

async function runJob({ settings, store, found, display }: Page, job: Job, signal: AbortSignal): Promise<void> {
  const { trials, seed } = settings;
  const targets = found.flatMap(({ name, device }) =>
    device !== undefined && job.targets.includes(name) ? [{ name, device }] : [],
  );
  const kernels = settings.kernels.filter(({ name }) => job.kernels.includes(name));
  showRunning(true, false);
  display.start(targets, kernels, job.seconds, say);
  let ending: string;
  try {
    const progress: TuningOptions["progress"] = (target, event) => {
      display.take(target, event);
      // Where the database fails, the job says so.
      if (event.kind === "done") countRecords(store).catch(() => {});
    };
    const report = await tuneHere({ store, targets, kernels, seconds: job.seconds, trials, seed, signal, progress });
    const crashed =
      report.crashes === 0
        ? ""
        : ` ${count(report.crashes, "configuration")} had ended this page before: left out now.`;
    ending = `${endings[report.ended]}${crashed}`;
  } catch (error) {
    ending = messageOf(error);
  }
  display.end();
  await showStanding({ settings, store, found, display });
  // Last of all: who reads it may leave the page.
  say(ending);
}

const endings = {
  stopped: "Stopped. What was measured is kept: go on whenever you like.",
  time: "Done for now. What was measured is kept: go on for more trials.",
  searched: "Done: there is no more to try.",
} as const satisfies Record<TuningReport["ended"], string>;

function showProblem(text: string): void {
  const place = byId("p", "problem");
  place.textContent = text;
  place.hidden = false;
}

/** What a visitor can do something about is a line; anything else is a bug, and the console has it all. */
function messageOf(error: unknown): string {
  if (error instanceof QloomError) return `${error.message}.`;
  console.error(error);
  return `A fault of qloom’s: ${String(error)}; please report it.`;
}

begin().catch((error) => showProblem(messageOf(error)));
