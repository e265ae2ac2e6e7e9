/** Records out of this browser and into it, as JSON Lines: what `qloom db import` takes, and what `qloom db export` writes. */
import { exportRecords, importRecords, type TuneStore } from "../../../tune-db/index.ts";

/** Refused lines that are told one by one. */
const shown = 5;

/** Gives the visitor a file; says what is in it. */
export async function exportFile(store: TuneStore): Promise<string> {
  const lines: string[] = [];
  let damaged = 0;
  for await (const line of exportRecords(store, { onDamaged: () => damaged++ })) lines.push(`${line}\n`);
  const address = URL.createObjectURL(new Blob(lines, { type: "application/jsonl" }));
  const link = document.createElement("a");
  link.href = address;
  link.download = `qloom-records-${new Date().toISOString().slice(0, 10)}.jsonl`;
  link.click();
  // The download has begun, or has its own hold of the content, long before.
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
  const left = damaged === 0 ? "" : `; ${damaged} are left out: they were altered or damaged`;
  return `${count(lines.length, "record")} in ${link.download}${left}.`;
}

/** Merges files of the visitor's; says what came of it. Throws `TuneDbError`, having stored nothing of the file that it came to. */
export async function importFiles(store: TuneStore, files: Iterable<File>): Promise<string> {
  const said: string[] = [];
  for (const file of files) {
    const { added, replaced, kept, refused } = await importRecords(store, (await file.text()).split("\n"), {
      source: file.name,
    });
    const told = refused.slice(0, shown).map(({ line, reason }) => `line ${line}: ${reason}`);
    const more = refused.length > shown ? [`and ${refused.length - shown} more`] : [];
    const lines =
      refused.length === 0 ? "" : `, ${count(refused.length, "line")} refused (${[...told, ...more].join("; ")})`;
    said.push(`${file.name}: ${added} added, ${replaced} replaced, ${kept} kept${lines}.`);
  }
  return said.join(" ");
}

export const count = (number: number, what: string): string => `${number} ${what}${number === 1 ? "" : "s"}`;
