/** The form: what the visitor chooses. Not here: what becomes of it (main.ts). */
import { byId, h } from "./dom.ts";
import type { Settings, TargetName } from "./settings.ts";
import type { FoundTarget } from "./targets.ts";
import type { Job } from "./unfinished.ts";

const seconds = (): HTMLInputElement => byId("input", "seconds");
const boxes = (group: "targets" | "kernels"): readonly HTMLInputElement[] => [
  ...byId("div", group).querySelectorAll("input"),
];
const chosen = (group: "targets" | "kernels"): readonly string[] =>
  boxes(group).flatMap(({ checked, value }) => (checked ? [value] : []));

/** Fills the form with what there is to choose: what can't be is there and says why, by the device's card. */
export function fillForm(settings: Settings, found: readonly FoundTarget[]): void {
  byId("div", "targets").replaceChildren(
    ...found.map(({ name, title, device }) =>
      checkbox(name, device === undefined ? `${title} (not here)` : title, device !== undefined, device === undefined),
    ),
  );
  byId("div", "kernels").replaceChildren(
    ...settings.kernels.map(({ name, workload: { m, n, k, w } }) =>
      checkbox(name, `${name}: ${n} × ${k} ${w}${m === "any" ? "" : `, M = ${m}`}`, true, false),
    ),
  );
  seconds().value = String(settings.seconds);
}

function checkbox(value: string, text: string, checked: boolean, disabled: boolean): HTMLElement {
  return h("label", {}, h("input", { type: "checkbox", value, checked, disabled }), ` ${text}`);
}

/** The visitor's choice; undefined, and told in `say`, where there is nothing to do. */
export function readForm(say: (text: string) => void): Job | undefined {
  const job = {
    targets: chosen("targets") as readonly TargetName[],
    kernels: chosen("kernels"),
    seconds: seconds().valueAsNumber,
  };
  if (job.targets.length === 0) say("Choose what to tune on.");
  else if (job.kernels.length === 0) say("Choose a kernel.");
  else if (job.seconds > 0) return job;
  return undefined;
}

/** Chooses what an earlier job had chosen. */
export function restoreForm({ targets, kernels, seconds: of }: Job): void {
  for (const box of boxes("targets")) box.checked = !box.disabled && targets.includes(box.value as TargetName);
  for (const box of boxes("kernels")) box.checked = kernels.includes(box.value);
  seconds().value = String(of);
}

/** While a job runs nothing can be chosen, and it can be stopped. */
export function showRunning(running: boolean, goOn: boolean): void {
  for (const fieldset of byId("form", "form").querySelectorAll("fieldset")) fieldset.disabled = running;
  seconds().disabled = running;
  const [start, stop] = [byId("button", "start"), byId("button", "stop")];
  start.hidden = running;
  start.disabled = false;
  start.textContent = goOn ? "Go on" : "Start";
  stop.hidden = !running;
  stop.disabled = false;
}
