// `qloom db`: what the tune-db holds; moving records between databases; withdrawing one. The work is in ../records.ts.

import { workloadText } from "../../../ir/index.ts";
import { type ImportResult, OUTCOMES } from "../../../tune-db/index.ts";
import { figures } from "../../timing/index.ts";
import { type Command, defineCommand } from "../command.ts";
import { dbOption } from "../database.ts";
import { UsageError } from "../errors.ts";
import { exportTo, importFrom, type Overview, type RecordRow, rowsOf, summarize, withdraw } from "../records.ts";
import { bytesText, table } from "../table.ts";
import { list } from "../values.ts";
import { workloadFilter, workloadOptions } from "../workload.ts";

/** What each action results in. */
type Result =
  | ({ readonly action: "summary" } & Overview)
  | { readonly action: "list"; readonly records: readonly RecordRow[] }
  | { readonly action: "export"; readonly lines: readonly string[]; readonly out: string | undefined }
  | ({ readonly action: "import" } & ImportResult)
  | { readonly action: "quarantine"; readonly key: string; readonly reason: string };

export const db: Command = defineCommand({
  summary: "Show, move and withdraw tuned records",
  operands: {
    usage: "[list | export | import <files> | quarantine [key]]",
    help: "What to do; without it, a summary. quarantine without a key lists what was withdrawn",
    min: 0,
    max: Number.MAX_SAFE_INTEGER,
  },
  options: {
    ...dbOption,
    out: { type: "string", short: "o", placeholder: "file", help: "export: into this file instead of the output" },
    strict: { type: "boolean", help: "import: nothing, if any line is refused" },
    reason: { type: "string", placeholder: "text", help: "quarantine: why" },
    outcome: {
      type: "string",
      placeholder: "names",
      help: `list: only these outcomes: ${OUTCOMES.join(", ")}`,
      schema: list(...OUTCOMES).optional(),
    },
    workload: { type: "string", placeholder: "json", help: "list: only this workload; or by the flags of a matmul:" },
    ...workloadOptions,
  },
  async run({ options, operands }, { progress, fail }): Promise<Result> {
    const [action = "summary", ...rest] = operands;
    const { db: path, reason = "withdrawn by hand" } = options;
    const most = { import: rest.length, quarantine: 1 }[action] ?? 0;
    if (rest.length > most) throw new UsageError(`unexpected argument "${rest[most]}"; see qloom db --help`);
    switch (action) {
      case "summary":
        return { action, ...(await summarize(path, progress)) };
      case "list": {
        const workload = workloadFilter("db", options, options.workload);
        return { action, records: await rowsOf(path, { workload, outcomes: options.outcome ?? OUTCOMES }, progress) };
      }
      case "export":
        return { action, ...(await exportTo(path, options.out, progress)) };
      case "import":
        return { action, ...(await importFrom(path, rest, options.strict, fail)) };
      case "quarantine": {
        const [prefix] = rest;
        if (prefix !== undefined) return { action, key: await withdraw(path, prefix, reason), reason };
        const workload = workloadFilter("db", options, options.workload);
        return { action: "list", records: await rowsOf(path, { workload, outcomes: ["quarantined"] }, progress) };
      }
      default:
        throw new UsageError(`db knows list, export, import and quarantine, not "${action}"; see qloom db --help`);
    }
  },
  render: (result: Result) => {
    switch (result.action) {
      case "summary":
        return overviewText(result);
      case "list":
        return listText(result.records);
      case "export":
        return result.out === undefined
          ? result.lines.map((line) => `${line}\n`).join("")
          : `${result.lines.length} records in ${result.out}\n`;
      case "import":
        return `${result.added} added, ${result.replaced} replaced, ${result.kept} kept, ${result.refused.length} lines refused\n`;
      case "quarantine":
        return `${result.key} is withdrawn: ${result.reason}\n`;
    }
  },
});

function overviewText({ summary, quarantined }: Overview): string {
  const outcomes = Object.entries(summary.outcomes).filter(([, count]) => count > 0);
  return [
    `${summary.place} (${bytesText(summary.bytes)})\n`,
    `${summary.records} records of ${summary.workloads} workloads${outcomes.map(([name, count]) => `, ${count} ${name}`).join("")}\n`,
    ...summary.devices.map(({ kind, fingerprint, records }) => `  ${records} on ${kind}: ${fingerprint}\n`),
    ...summary.running.map(({ owner, begun }) => `running since ${begun} in ${owner}\n`),
    ...(summary.damaged === 0 ? [] : [`${summary.damaged} damaged texts put aside\n`]),
    ...(quarantined.length === 0 ? [] : ["quarantined:\n", listText(quarantined)]),
  ].join("");
}

const listText = (records: readonly RecordRow[]): string =>
  table(
    records.map(({ key, workload, template, point, outcome, reason, medianMs }) => [
      key.slice(0, 12),
      workloadText(workload),
      medianMs === null ? "" : `${figures(medianMs, 4)} ms`,
      reason === null ? outcome : `${outcome}: ${reason}`,
      `${template} ${Object.entries(point)
        .map(([axis, value]) => `${axis}=${String(value)}`)
        .join(" ")}`,
    ]),
    [2],
  );
