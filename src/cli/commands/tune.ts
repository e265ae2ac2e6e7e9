// `qloom tune`: the main job: tune a model's matmuls on this machine, build them, check the build.

import { workloadText } from "../../../ir/index.ts";
import { openStore } from "../../../tune-db/index.ts";
import { type JobReport, type JobRow, runJob } from "../../job/index.ts";
import { figures } from "../../timing/index.ts";
import { type Command, defineCommand } from "../command.ts";
import { dbOption } from "../database.ts";
import { UsageError } from "../errors.ts";
import { bytesText, table } from "../table.ts";
import { chooseTarget, targetOptions, threadsOption } from "../target.ts";
import { choice, integer, positive } from "../values.ts";
import { optionalWorkload, workloadOptions } from "../workload.ts";

/** Enough to try a few points of each kernel of a 1B model. */
const defaultSeconds = 120;

export const tune: Command = defineCommand({
  summary: "Tune the matmuls of a model on this machine, build them, check the build",
  operands: {
    usage: "[model.gguf | workload]",
    help: "The model, or a workload as JSON; without either, and without a matmul's flags, the matmuls of Llama-3.2-1B",
    min: 0,
    max: 1,
  },
  options: {
    seconds: {
      type: "string",
      placeholder: "seconds",
      help: `Time for trials, besides each default, peers, building and checks (default: ${defaultSeconds}, none with --trials)`,
      schema: positive().optional(),
    },
    trials: {
      type: "string",
      placeholder: "count",
      help: "Points to have on record, all kernels together",
      schema: integer(1).optional(),
    },
    seed: {
      type: "string",
      placeholder: "number",
      help: "Of the search and the numbers",
      schema: integer(0).default(1),
    },
    out: {
      type: "string",
      short: "o",
      placeholder: "folder",
      help: "Where the kernels are built (default: dist/kernels)",
    },
    peer: {
      type: "string",
      placeholder: "name",
      help: "What to compare with (default: ort-node for wasm, none for webgpu)",
      schema: choice("ort-node", "ort-web", "ort-webgpu", "none").optional(),
    },
    ...threadsOption,
    ...targetOptions,
    ...workloadOptions,
    ...dbOption,
  },
  async run({ options, operands }, { signal, progress, fail }) {
    const { trials, seed, target, db } = options;
    const { out = "dist/kernels", peer = target === "wasm" ? "ort-node" : "none" } = options;
    if (target !== "wasm" && options.out !== undefined)
      throw new UsageError("--out goes with --target wasm: kernels for WebGPU are not built ahead of time");
    const seconds = options.seconds ?? (trials === undefined ? defaultSeconds : undefined);
    const [operand] = operands;
    const isJson = operand?.startsWith("{") === true;
    const workload = optionalWorkload("tune", options, isJson ? operand : undefined);
    const gguf = isJson ? undefined : operand;
    if (workload !== undefined && gguf !== undefined)
      throw new UsageError("a model and a matmul's flags exclude each other");
    const { device, hosts, gpu } = await chooseTarget(options, signal);
    const store = await openStore(db);
    try {
      const report = await runJob({
        gguf,
        workload,
        out,
        device,
        engine: hosts,
        gpu,
        store,
        seconds,
        trials,
        seed,
        peer: peer === "none" ? undefined : peer,
        signal,
        progress,
      });
      const wrong = report.checks.filter((c) => !c.ok);
      if (wrong.length > 0) fail(`${wrong.length} of ${report.checks.length} checks of the built module failed`);
      return report;
    } finally {
      await store.close();
    }
  },
  render: (report: JobReport) =>
    [
      `${report.model} on ${report.device.label}\n`,
      report.limits === undefined ? "\n" : `${limitsText(report.limits, report.device)}\n\n`,
      table([header, ...report.rows.map(cells)], [3, 4, 5, 6, 7]),
      ...report.skipped.map((s) => `skipped: ${s.gguf}: ${s.matmul}: ${s.reason}\n`),
      "\n",
      ...(report.stopped
        ? ["stopped: what was measured is stored, the same command goes on from here\n"]
        : report.out === undefined
          ? [
              `what was measured is stored: compile with a GPU's runtime takes it from there, and so does build --target webgpu\n`,
            ]
          : [`${report.out}: ${built(report)}\n`]),
      ...report.checks
        .filter((c) => !c.ok)
        .map((c) => `wrong: ${c.kernel} on ${c.tensor}: error ${c.maxError.toExponential(1)}\n`),
    ].join(""),
});

const header = ["kernel", "weights", "tensors", "M", "default ms", "tuned ms", "peer ms", "of limit", ""];

function cells({ kernel, tensors, workload, defaultMs, tunedMs, peer, share, failure }: JobRow): readonly string[] {
  const isMatmul = workload.op === "matmul";
  return [
    kernel,
    isMatmul ? `${workload.w} ${workload.n} x ${workload.k}` : workloadText(workload),
    tensors === 0 ? "" : String(tensors),
    "m" in workload ? String(workload.m) : "",
    msText(defaultMs),
    msText(tunedMs),
    peer ? `${msText(peer.ms)} (${peer.name} ${peer.weights})` : "",
    share ? `${Math.round(100 * share.of)} % ${share.by}` : "",
    failure ?? "",
  ];
}

function limitsText(
  { readGBs, dotGops }: NonNullable<JobReport["limits"]>,
  { threads = 1 }: JobReport["device"],
): string {
  const reads = Object.entries(readGBs).map(
    ([bytes, rate]) => `${rate.toFixed(0)} GB/s from ${bytesText(Number(bytes))}`,
  );
  const of = threads === 1 ? "one thread" : `${threads} threads`;
  return `limits of ${of}: ${dotGops.toFixed(0)} GOP/s of 8-bit products; reads ${reads.join(", ")}`;
}

const msText = (ms: number | undefined): string => (ms === undefined ? "" : figures(ms, 3));

function built({ checks }: JobReport): string {
  const worst = checks.reduce((largest, c) => Math.max(largest, c.maxError), 0);
  const right = checks.filter((c) => c.ok).length;
  return `${checks.length} kernels built and loaded, ${right} of ${checks.length} agree with the float64 reference (largest error ${worst.toExponential(1)})`;
}
