/** Several real processes on one file at once, and one that dies. */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, onTestFinished, test } from "vitest";
import { openStore } from "../../tune-db/index.ts";
import { all, folder } from "./helpers.ts";

const script = (name: string) => join(import.meta.dirname, "children", name);
const run = promisify(execFile);

test("processes that make a new database at once and write to it lose no record", async () => {
  const place = join(folder(), "tune.sqlite");
  const [processes, each] = [4, 25];
  await Promise.all(
    Array.from({ length: processes }, (_, i) =>
      run(process.execPath, [script("write.ts"), place, String(i * each), String(each)]),
    ),
  );
  const store = await openStore(place);
  onTestFinished(() => store.close());
  const rows = (await all(store)).map(({ key }) => key.point["rows"] as number);
  expect(rows.sort((a, b) => a - b)).toEqual(Array.from({ length: processes * each }, (_, i) => i));
  expect((await store.summary()).running).toEqual([]);
});

test("a process that dies quarantines what it was running; one that lives does not", async () => {
  const place = join(folder(), "tune.sqlite");
  const dying = spawn(process.execPath, [script("die.ts"), place, "1", "die"], { stdio: "inherit" });
  expect(await exit(dying)).toBe("SIGKILL");
  const waiting = spawn(process.execPath, [script("die.ts"), place, "2", "wait"], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  onTestFinished(() => void waiting.kill("SIGKILL"));
  await once(waiting.stdout!, "data");

  const store = await openStore(place);
  onTestFinished(() => store.close());
  expect(await store.recover()).toMatchObject([{ outcome: "crash", key: { point: { rows: 1 } } }]);
  expect((await store.summary()).running).toHaveLength(1);

  waiting.kill("SIGKILL");
  await exit(waiting);
  expect(await store.recover()).toMatchObject([{ outcome: "crash", key: { point: { rows: 2 } } }]);
  expect(await store.summary()).toMatchObject({ outcomes: { crash: 2 }, running: [] });
});

async function exit(child: ChildProcess): Promise<NodeJS.Signals | null> {
  if (child.signalCode !== null) return child.signalCode;
  const [, signal] = await once(child, "exit");
  return signal;
}
