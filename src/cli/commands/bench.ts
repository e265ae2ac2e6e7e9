// `qloom bench`: our kernels beside real peers, in one run, on the same numbers.

import { writeFile } from "node:fs/promises";
import {
  type BenchReport,
  type BitsReport,
  benchBits,
  benchCompiler,
  benchMatmul,
  benchRows,
  benchSizes,
  benchThreads,
  bitsPlot,
  type CompilerReport,
  type Factory,
  formatWeightSource,
  numericsOf,
  ours,
  oursInPage,
  oursOnGpu,
  type Plot,
  plotSvg,
  type RowsReport,
  type SizesReport,
  sizesPlot,
  type ThreadsReport,
} from "../../bench/index.ts";
import { type Artifact, artifactHash, type CompileOptions } from "../../compile/index.ts";
import { bitsText, compilerText, matmulText, rowsText, sizesText, threadsText } from "../bench-texts.ts";
import { type Command, type Context, defineCommand, type OptionValues } from "../command.ts";
import { dbOption, withRecords } from "../database.ts";
import { UsageError } from "../errors.ts";
import { type OpenTarget, openTarget, runElsewhere, targetOptions, threadsOption } from "../target.ts";
import { integer, list, positive } from "../values.ts";
import { activations } from "../workload.ts";

const options = {
  m: { type: "string", placeholder: "rows", help: "Rows of x", schema: integer(1).default(1) },
  n: { type: "string", placeholder: "rows", help: "Rows of the weights", schema: integer(1).default(4096) },
  k: { type: "string", placeholder: "columns", help: "Columns of both (default: 4096)", schema: integer(1).optional() },
  weights: { type: "string", placeholder: "format", help: "Format of the weights (default: int4_g32)" },
  x: {
    type: "string",
    placeholder: "format",
    help: "What x is computed in: f32, f16, i8_g<group>, i8_row (or i2 to i7); with _t8 8-bit tables (default: i8_g32)",
    schema: activations.optional(),
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
    help: "Time for samples, all together; of sizes and bits, for each",
    schema: positive().default(5),
  },
  seed: { type: "string", placeholder: "number", help: "Seed of weights and x", schema: integer(0).default(1) },
  svg: { type: "string", placeholder: "file", help: "Draw sizes or bits, too" },
  ...targetOptions,
  ...dbOption,
} as const;

type Values = OptionValues<typeof options>;

/** What a subject is measured with. */
interface Bench extends Pick<Context, "progress" | "signal"> {
  readonly values: Values & { readonly k: number; readonly weights: string; readonly x: string };
  readonly target: OpenTarget;
  readonly db: CompileOptions["db"];
}

type Report = BenchReport | RowsReport | ThreadsReport | SizesReport | BitsReport | CompilerReport;

/** A row of `subjects`: what can be measured. */
interface Subject<R extends Report> {
  readonly help: string;
  /** What else it goes with, besides one thread of Wasm. */
  readonly takes: readonly ("webgpu" | "threads" | "peers" | "k" | "weights" | "x" | "svg")[];
  readonly run: (bench: Bench) => Promise<R>;
  /** A field that no other report has. */
  readonly mark: string;
  readonly text: (report: R) => string;
  readonly plot?: (report: R) => Plot;
}

const subject = <R extends Report>(row: Subject<R>): Subject<Report> => row as unknown as Subject<Report>;

const subjects = {
  matmul: subject<BenchReport>({
    help: "with peers",
    takes: ["webgpu", "threads", "peers", "k", "weights", "x"],
    run: matmul,
    mark: "rows",
    text: matmulText,
  }),
  rows: subject<RowsReport>({
    help: "M = 1, 2, ..",
    takes: ["threads", "k", "weights", "x"],
    run: ({ values, ...rest }) =>
      benchRows({ ...common(values, rest), most: values.m === 1 ? 16 : values.m, sources: [formatWeightSource] }),
    mark: "worst",
    text: rowsText,
  }),
  sizes: subject<SizesReport>({
    help: "N = K = 512, ..",
    takes: ["threads", "weights", "x", "svg"],
    run: ({ values, progress, ...rest }) => {
      if (values.n < 512) throw new UsageError("bench sizes takes --n 512 or more, the largest N = K");
      return benchSizes({ ...common(values, rest), m: values.m, sizes: powers(512, values.n), progress });
    },
    mark: "sizes",
    text: sizesText,
    plot: sizesPlot,
  }),
  bits: subject<BitsReport>({
    help: "by method",
    takes: ["k", "svg"],
    run: ({ values: { m, n, k, seconds, seed }, target: { device }, signal, progress }) =>
      benchBits({ m, n, k, seconds, seed, device, signal, progress, group: 32 }),
    mark: "methods",
    text: bitsText,
    plot: bitsPlot,
  }),
  threads: subject<ThreadsReport>({
    help: "1, 2, ..",
    takes: ["threads", "k", "weights", "x"],
    run: ({ values, ...rest }) => {
      if (values.threads === 1) throw new UsageError("bench threads takes --threads 2 or more");
      return benchThreads({ ...common(values, rest), m: values.m, sources: [formatWeightSource] });
    },
    mark: "speedups",
    text: threadsText,
  }),
  compiler: subject<CompilerReport>({
    help: "its times",
    takes: ["webgpu", "k", "weights", "x"],
    run: ({ values: { m, n, k, weights, x }, target: { device } }) =>
      benchCompiler({ op: "matmul", m, n, k, w: weights, bias: false, numerics: numericsOf(x) }, device),
    mark: "compileMs",
    text: compilerText,
  }),
} as const;

export const bench: Command = defineCommand({
  summary: "Measure our kernels beside others' in one run",
  operands: {
    usage: "<what>",
    help: Object.entries(subjects)
      .map(([name, { help }]) => `${name}: ${help}`)
      .join("; "),
    min: 1,
    max: 1,
  },
  options,
  elsewhere: ({ options: values }) => runElsewhere(values),
  async run({ options: given, operands }, { progress, signal, fail }) {
    const { run, plot } = subjectNamed(operands[0], given);
    const target = await openTarget(given, signal);
    try {
      const { k = 4096, weights = "int4_g32", x = "i8_g32" } = given;
      const values = { ...given, k, weights, x };
      const report = await withRecords({ db: given.db, untuned: false }, (db) =>
        run({ values, target, db, progress, signal }),
      );
      // What was measured is told whether or not it can be drawn.
      if (given.svg !== undefined && plot !== undefined)
        await writeFile(given.svg, plotSvg(plot(report))).catch((error: Error) => fail(`--svg: ${error.message}`));
      return report;
    } finally {
      target.close();
    }
  },
  render: (report: Report) => {
    const rows = Object.values(subjects).toReversed();
    return (rows.find(({ mark }) => mark in report) ?? subjects.matmul).text(report);
  },
});

/** The subject of this name. Throws a `UsageError` where there is none, or it does not go with the options. */
function subjectNamed(
  word: string | undefined,
  { target, threads, peers, k, weights, x, svg }: Values,
): Subject<Report> {
  const found = Object.entries(subjects).find(([name]) => name === word)?.[1];
  if (found === undefined)
    throw new UsageError(`bench knows ${Object.keys(subjects).join(", ")}, not "${word}"; see qloom bench --help`);
  const given = {
    "--target webgpu": target === "webgpu" && "webgpu",
    "--threads": threads > 1 && "threads",
    "--peers": peers.length > 0 && "peers",
    "--k": k !== undefined && "k",
    "--weights": weights !== undefined && "weights",
    "--x": x !== undefined && "x",
    "--svg": svg !== undefined && "svg",
  } as const;
  for (const [option, needed] of Object.entries(given))
    if (needed !== false && !found.takes.includes(needed)) {
      const takers = Object.entries(subjects).filter(([, { takes }]) => takes.includes(needed));
      throw new UsageError(`${option} goes with bench ${takers.map(([name]) => name).join(", ")}, not ${word}`);
    }
  return found;
}

/** What most subjects take. */
const common = (
  { n, k, weights, x, seconds, seed }: Bench["values"],
  { target: { device }, db, signal }: Pick<Bench, "target" | "db" | "signal">,
) => ({ n, k, weights, x, seconds, seed, device, signal, ...(db !== undefined && { db }) });

/** Powers of two times the least, up to the most. */
const powers = (least: number, most: number): readonly number[] =>
  Array.from({ length: Math.floor(Math.log2(most / least)) + 1 }, (_, i) => least * 2 ** i);

function matmul({ values, target, db, progress, signal }: Bench): Promise<BenchReport> {
  const built: Artifact[] = [];
  const told = (artifact: Artifact): void => {
    built.push(artifact);
    const [tuned, plain] = built.map(artifactHash);
    if (built.length === 2 && tuned === plain)
      progress("qloom is the same kernel as qloom-default: nothing better is recorded for this workload here");
  };
  const { m, n, k, weights, x, threads, peers, seconds, seed } = values;
  const request = { m, n, k, weights, x, threads, peers, seconds, seed, device: target.device };
  return benchMatmul(
    { ...request, sources: [formatWeightSource], note: progress, signal },
    { qloom: oursOn(target, db, told), "qloom-default": oursOn(target, false, told) },
  );
}

/** Our kernels on a target as contestants, planned from these records. */
function oursOn({ device, gpu }: OpenTarget, db: CompileOptions["db"], told: (artifact: Artifact) => void): Factory {
  if (device.kind === "wasm") return ours({ device, ...(db !== undefined && { db }) }, told);
  return gpu === undefined ? oursInPage(device, db, told) : oursOnGpu(gpu, device, db, told);
}
