/**
 * A process that may not do everything (root may): opens PLACE, for reading too, and tells what came of both as JSON.
 * Everything is loaded before the rights are given up, for the sources may lie where nobody else can read.
 */
import { openStore, TuneDbError } from "../../../tune-db/index.ts";

const [place = ""] = process.argv.slice(2);
if (process.getuid?.() === 0) {
  process.setgid?.(65_534);
  process.setuid?.(65_534);
}

async function attempt(readOnly: boolean): Promise<string> {
  try {
    const store = await openStore(place, { readOnly });
    const { records } = await store.summary();
    await store.close();
    return `${records} records`;
  } catch (error) {
    return error instanceof TuneDbError ? error.message : String(error);
  }
}

process.stdout.write(JSON.stringify({ write: await attempt(false), read: await attempt(true) }));
