/** A job whose process is killed while a candidate hangs. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { tuneWorkloads } from "../../../src/tuner/index.ts";
import { all, folder, recordOf, store, until } from "./helpers.ts";
import { firstPoints, job, matmul } from "./setting.ts";

test.each(["node", "deno"] as const)(
  "a job killed in %s leaves a crash behind, and no process; the same command goes on without running it again",
  async (engine) => {
    const home = folder();
    const [place, pidFile] = [join(home, "tune.sqlite"), join(home, "pid")];
    const child = spawn(process.execPath, [join(import.meta.dirname, "children/job.ts"), place, pidFile, engine], {
      stdio: "inherit",
    });
    onTestFinished(() => void child.kill("SIGKILL"));
    await until(() => existsSync(pidFile) && readFileSync(pidFile, "utf8") !== "");
    const worker = Number(readFileSync(pidFile, "utf8"));
    child.kill("SIGKILL");
    await once(child, "exit");
    // The measuring process is inside a loop that never ends, and must see for itself that it is alone.
    await until(() => !isAlive(worker));

    const db = await store(place);
    const workload = matmul();
    const points = firstPoints(workload, 4);
    expect((await all(db)).length).toBe(2);
    expect((await db.summary()).running).toHaveLength(1);

    const report = await tuneWorkloads(job({ workloads: [workload], store: db, trials: 4 }));
    expect(report.recovered).toMatchObject([{ outcome: "crash", key: { point: points[2] } }]);
    expect(report.results[0]?.parts[0]).toMatchObject({ tried: 1, trials: { crash: 1 }, ended: "budget" });
    expect((await recordOf(db, points[2]!))?.reason).toMatch(
      /^the tuning process \(pid \d+\) ended while this ran, begun /,
    );
    expect(await recordOf(db, points[3]!)).toBeDefined();
    expect((await db.summary()).running).toEqual([]);
  },
);

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    // Ended, and not yet collected by whoever inherited it.
    return process.platform !== "linux" || !/^\d+ \(.*\) Z/s.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return false;
  }
}
