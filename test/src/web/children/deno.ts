// Started by deno: computes, and prints what came of it.
import * as qloom from "../../../../src/index.ts";
import { compute, workloads } from "../compute.ts";

const computed = [];
for (const workload of workloads) computed.push(await compute(qloom, workload));
const { label } = await qloom.probeWasm();
process.stdout.write(JSON.stringify({ computed, label }));
