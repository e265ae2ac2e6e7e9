// Started by deno: computes, and prints what came of it.
import * as qloom from "../../../../src/index.ts";
import { compute, large, workloads } from "../compute.ts";

const computed = [];
for (const workload of workloads) computed.push(await compute(qloom, workload));
const { label } = await qloom.probeWasm();
const onTwo = await compute(qloom, large, 2);
process.stdout.write(JSON.stringify({ computed, onTwo, label }));
