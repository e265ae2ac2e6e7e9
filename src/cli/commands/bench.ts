// `qloom bench`: our kernels beside real peers, in one run, on the same numbers.

import {
  type BenchReport,
  benchCompiler,
  benchMatmul,
  benchRows,
  benchThreads,
  type CompilerReport,
  type Factory,
  formatWeightSource,
  numericsOf,
  ours,
  oursInPage,
  oursOnGpu,
  type PeerName,
  type RowsReport,
  type ThreadsReport,
} from "../../bench/index.ts";
import { type Artifact, artifactHash, type CompileOptions } from "../../compile/index.ts";
import { figures } from "../../timing/index.ts";
import { type Command, defineCommand } from "../command.ts";
import { dbOption, withRecords } from "../database.ts";
import { UsageError } from "../errors.ts";
import { table } from "../table.ts";
import { type OpenTarget, openTarget, runElsewhere, targetOptions, threadsOption } from "../target.ts";
import { integer, list, positive } from "../values.ts";
import { activations } from "../workload.ts";

export const bench: Command = defineCommand({
  summary: "Measure our kernels beside others' in one run",
  operands: {
    usage: "<what>",
    help: "matmul: ours and peers; rows: M = 1, 2, .. to --m; threads: 1, 2, .. to --threads; compiler: compiling, look-up, packing",
    min: 1,
    max: 1,
  },
  options: {
    m: { type: "string", placeholder: "rows", help: "Rows of x", schema: integer(1).default(1) },
    n: { type: "string", placeholder: "rows", help: "Rows of the weights", schema: integer(1).default(4096) },
    k: { type: "string", placeholder: "columns", help: "Columns of both", schema: integer(1).default(4096) },
    weights: { type: "string", placeholder: "format", help: "Format of the weights (default: int4_g32)" },
    x: {
      type: "string",
      placeholder: "format",
      help: "What x is computed in: f32, f16, i8_g<group>, i8_row; _t8 after i8_.. allows 8-bit tables",
      schema: activations.default("i8_g32"),
    },
    ...threadsOption,
    peers: {
      type: "string",
      placeholder: "names",
      help: "Others to measure, with commas: ort-node, ort-web, ort-webgpu (in a Chromium)",
      schema: list("ort-node", "ort-web", "ort-webgpu").default([]),
    },
    seconds: {
      type: "string",
      placeholder: "number",
      help: "Time for samples, all together",
      schema: positive().default(5),
    },
    seed: { type: "string", placeholder: "number", help: "Seed of weights and x", schema: integer(0).default(1) },
    ...targetOptions,
    ...dbOption,
  },
  elsewhere: ({ options }) => runElsewhere(options),
  async run({ options, operands }, { progress, signal }) {
    const what = subject(operands[0]);
    const { m, n, k, weights = "int4_g32", x, threads, seconds, seed, db: path } = options;
    const peers: readonly PeerName[] = options.peers;
    if (what !== "matmul" && peers.length > 0) throw new UsageError(`--peers goes with bench matmul, not ${what}`);
    if ((what === "rows" || what === "threads") && options.target !== "wasm")
      throw new UsageError(`bench ${what} goes with --target wasm`);
    if (what === "compiler" && threads > 1)
      throw new UsageError("--threads goes with bench matmul, rows and threads: compiling and packing take one");
    if (what === "threads" && threads === 1) throw new UsageError("bench threads takes --threads 2 or more");
    const target = await openTarget(options, signal);
    const { device } = target;
    if (what === "compiler")
      return benchCompiler({ op: "matmul", m, n, k, w: weights, bias: false, numerics: numericsOf(x) }, device);
    return withRecords({ db: path, untuned: false }, async (db): Promise<Report> => {
      const sources = [formatWeightSource];
      if (what === "rows") {
        const most = m === 1 ? 16 : m;
        return benchRows({
          n,
          k,
          weights,
          x,
          most,
          seconds,
          seed,
          device,
          sources,
          signal,
          ...(db !== undefined && { db }),
        });
      }
      if (what === "threads")
        return benchThreads({
          m,
          n,
          k,
          weights,
          x,
          seconds,
          seed,
          device,
          sources,
          signal,
          ...(db !== undefined && { db }),
        });
      const built: Artifact[] = [];
      const told = (artifact: Artifact): void => {
        built.push(artifact);
        const [tuned, plain] = built.map(artifactHash);
        if (built.length === 2 && tuned === plain)
          progress("qloom is the same kernel as qloom-default: nothing better is recorded for this workload here");
      };
      return benchMatmul(
        {
          m,
          n,
          k,
          weights,
          x,
          threads,
          peers,
          seconds,
          seed,
          device,
          sources,
          note: progress,
          signal,
        },
        { qloom: oursOn(target, db, told), "qloom-default": oursOn(target, false, told) },
      );
    }).finally(target.close);
  },
  render: (report: Report) =>
    "worst" in report
      ? rowsText(report)
      : "speedups" in report
        ? threadsText(report)
        : "compileMs" in report
          ? compilerText(report)
          : matmulText(report),
});

/** Our kernels on a target as contestants, planned from these records. */
function oursOn({ device, gpu }: OpenTarget, db: CompileOptions["db"], told: (artifact: Artifact) => void): Factory {
  if (device.kind === "wasm") return ours({ device, ...(db !== undefined && { db }) }, told);
  return gpu === undefined ? oursInPage(device, db, told) : oursOnGpu(gpu, device, db, told);
}

type Report = BenchReport | RowsReport | ThreadsReport | CompilerReport;

const subjects = ["matmul", "rows", "threads", "compiler"] as const;

function subject(word: string | undefined): (typeof subjects)[number] {
  const found = subjects.find((s) => s === word);
  if (found === undefined)
    throw new UsageError(`bench knows ${subjects.join(", ")}, not "${word}"; see qloom bench --help`);
  return found;
}

const matmulText = ({ device, rows }: BenchReport): string =>
  `${rows[0]?.workload ?? ""}\non ${device.label}\n\n${table(
    [
      ["who", "median", "10 % .. 90 %", "GOP/s", "max error", "NMSE"],
      ...rows.map(({ who, medianMs, lowMs, highMs, gops, maxError, nmse }) => [
        who,
        `${figures(medianMs, 4)} ms`,
        `${figures(lowMs, 4)} .. ${figures(highMs, 4)}`,
        figures(gops, 3),
        maxError.toExponential(1),
        nmse.toExponential(1),
      ]),
    ],
    [1, 3, 4, 5],
  )}`;

const rowsText = ({ device, workload, rows, worst }: RowsReport): string =>
  `${workload.w} ${workload.n} x ${workload.k} on ${device.label}\n\n${table(
    [
      ["M", "median", "10 % .. 90 %", "GOP/s", "time per row, to M - 1"],
      ...rows.map(({ m, medianMs, lowMs, highMs, gops, step }) => [
        String(m),
        `${figures(medianMs, 4)} ms`,
        `${figures(lowMs, 4)} .. ${figures(highMs, 4)}`,
        figures(gops, 3),
        step === undefined ? "" : step.toFixed(3),
      ]),
    ],
    [0, 1, 3, 4],
  )}\nlargest step ${worst.toFixed(3)}; a row's result is the same at every M\n`;

const threadsText = ({ device, workload, speedups }: ThreadsReport): string =>
  `${workload.w} ${workload.n} x ${workload.k}, M = ${workload.m}, on ${device.label}\n\n${table(
    [
      ["threads", "median", "10 % .. 90 %", "GOP/s", "to one", "of streaming", "dispatch"],
      ...speedups.map(({ threads, medianMs, lowMs, highMs, gops, speedup, readGBs, readShare, dispatchUs }) => [
        String(threads),
        `${figures(medianMs, 4)} ms`,
        `${figures(lowMs, 4)} .. ${figures(highMs, 4)}`,
        figures(gops, 3),
        speedup.toFixed(2),
        `${readShare.toFixed(2)} of ${figures(readGBs, 3)} GB/s`,
        `${figures(dispatchUs, 2)} us`,
      ]),
    ],
    [0, 1, 3, 4, 6],
  )}the result is the same on every number of threads\n`;

const compilerText = (r: CompilerReport): string =>
  `${r.workload.w} ${r.workload.n} x ${r.workload.k}, M = ${r.workload.m}, on ${r.device.label}\n\n${table([
    [
      "workload to validated module",
      `${figures(r.compileMs, 3)} ms (first in the process ${figures(r.compileFirstMs, 3)})`,
    ],
    ["look-up that hits", `${figures(r.lookupMs, 2)} ms among ${r.records} records`],
    ["packing", `${r.packMBs.toFixed(0)} MB of source per second`],
    ["extra memory while packing", `${r.packExtra.toFixed(2)} of the packed size`],
  ])}`;
