/**
 * Rows as a browser's database gives them back, checked: a person can edit them there, and so can any script of the same origin.
 * Not here: reading them (indexeddb.ts), what the texts say (record.ts).
 */
import { z } from "zod";
import type { JournalRow, RecordRow } from "./indexeddb-open.ts";
import { scopeHash } from "./key.ts";
import type { Scope } from "./ranking.ts";
import { OUTCOMES, scopeSchema } from "./record.ts";

const rowSchema = z.object({
  key: z.string(),
  scope: z.string(),
  template: z.string(),
  point: z.string(),
  outcome: z.enum(OUTCOMES),
  reason: z.string().nullable(),
  median: z.number().nullable(),
  text: z.string(),
});

const storedScopeSchema = z.object({ hash: z.string(), family: z.string(), scope: scopeSchema });

const entrySchema: z.ZodType<Required<JournalRow>> = z.object({
  id: z.number(),
  key: z.string(),
  text: z.string(),
  owner: z.string(),
  begun: z.string(),
});

/** The row; where its columns are not what they were, only its key and whatever text there is, which then says that it is none. */
export function readStoredRow(value: unknown): RecordRow | { readonly key: string; readonly text: string } {
  const read = rowSchema.safeParse(value);
  if (read.success) return read.data;
  const { key, text } = value as { readonly key?: unknown; readonly text?: unknown };
  return { key: String(key), text: typeof text === "string" ? text : "" };
}

/** The scope; undefined where it is not the one that its hash says. */
export function readStoredScope(value: unknown): Scope | undefined {
  const read = storedScopeSchema.safeParse(value);
  return read.success && scopeHash(read.data.scope) === read.data.hash ? read.data : undefined;
}

/** The journal's entry, or what there is of it to put aside. */
export type StoredEntry = Required<JournalRow> | { readonly id: number; readonly damaged: unknown };

export function readEntry(value: unknown): StoredEntry {
  const read = entrySchema.safeParse(value);
  return read.success ? read.data : { id: Number((value as { readonly id?: unknown }).id), damaged: value };
}
