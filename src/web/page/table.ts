/** The table of results, a row at a time. */
import { figures } from "../../timing/index.ts";
import { h } from "./dom.ts";
import { type ResultRow, ratesOf } from "./results.ts";
import type { TargetName } from "./settings.ts";

export const targetTitles: Readonly<Record<TargetName, string>> = { webgpu: "WebGPU", wasm: "WebAssembly" };

export const sayMs = (ms: number | undefined): string => (ms === undefined ? "" : figures(ms, 3));

/** How many times faster: nothing before there is a comparison. */
export const saySpeedUp = (speedUp: number | undefined): string =>
  speedUp === undefined ? "" : speedUp === 1 ? "none" : `${figures(speedUp, 3)}×`;

/** `attn_q_o, M = 1`. */
export const sayRow = ({ kernel, workload }: ResultRow): string => `${kernel.name}, M = ${workload.m}`;

export function tableRow(row: ResultRow): HTMLTableRowElement {
  const { kernel, target, workload, state, defaultMs, tunedMs, speedUp, trials, of } = row;
  const rates = tunedMs === undefined ? undefined : ratesOf(workload, tunedMs);
  const number = (text: string): HTMLElement => h("td", { class: "number" }, text);
  const sizes = `${workload.n} × ${workload.k} ${workload.w}`;
  return h(
    "tr",
    { class: state === "tuning" ? "tuning" : undefined, "data-row": row.id },
    h(
      "th",
      { scope: "row" },
      kernel.name,
      ...(kernel.name === `${workload.n}x${workload.k}` ? [` ${workload.w}`] : [` ${sizes}`]),
    ),
    h("td", {}, targetTitles[target]),
    number(String(workload.m)),
    number(sayMs(defaultMs)),
    number(sayMs(tunedMs)),
    number(saySpeedUp(speedUp)),
    number(rates === undefined ? "" : figures(rates.gigabytes, 3)),
    number(rates === undefined ? "" : figures(rates.gigaoperations, 3)),
    number(of === undefined ? String(trials) : `${trials} of ${of}`),
    h("td", {}, row.note ?? pointText(row)),
  );
}

function pointText({ template, point }: ResultRow): string {
  if (point === undefined) return "";
  const axes = Object.entries(point).map(([axis, value]) => `${axis}=${value}`);
  // In the order of records, whose points are canonical JSON.
  return [template, ...axes.sort()].join(" ");
}
