/** A tuning job that is to be killed: node job.ts DATABASE PID-FILE ENGINE. Its third point hangs, for a minute. */
import { type EngineName, tuneWorkloads } from "../../../../src/tuner/index.ts";
import { openStore } from "../../../../tune-db/index.ts";
import { faulty, firstPoints, job, matmul } from "../setting.ts";

const [place = "", pidFile = "", engine] = process.argv.slice(2);
const workload = matmul();
const testHook = faulty([[firstPoints(workload, 3)[2]!, "hang"]], pidFile);
const options = { engine: engine as EngineName, testHook, limits: { run: 60 } };
await tuneWorkloads(job({ workloads: [workload], store: await openStore(place), ...options }));
