// `qloom bench`: our kernels beside real peers, in one run, on the same numbers.

import { writeFile } from "node:fs/promises";
import { cacheFormatOf } from "../../../ir/index.ts";
import {
  type AttentionFactory,
  type AttentionReport,
  type BenchReport,
  type BitsReport,
  benchAttention,
  benchBits,
  benchCompiler,
  benchMatmul,
  benchRows,
  benchSizes,
  benchTails,
  benchThreads,
  bitsPlot,
  type CompilerReport,
  type Factory,
  formatWeightSource,
  numericsOf,
  ourAttention,
  ourAttentionInPage,
  ourAttentionOnGpu,
  ours,
  oursInPage,
  oursOnGpu,
  type Plot,
  plotSvg,
  type RowsReport,
  type SizesReport,
  sizesPlot,
  type TailsReport,
  type ThreadsReport,
} from "../../bench/index.ts";
import { type Artifact, artifactHash, type CompileOptions } from "../../compile/index.ts";
import { attentionOptions, matmulOptions, type ShapeOption, shapeDefaults, shapeOptions } from "../bench-shapes.ts";
import {
  attentionText,
  bitsText,
  compilerText,
  matmulText,
  rowsText,
  sizesText,
  tailsText,
  threadsText,
} from "../bench-texts.ts";
import { type Command, type Context, defineCommand, type OptionValues } from "../command.ts";
import { dbOption, withRecords } from "../database.ts";
import { UsageError } from "../errors.ts";
import { type OpenTarget, openTarget, runElsewhere, targetOptions, threadsOption } from "../target.ts";
import { integer, list, positive } from "../values.ts";

const options = {
  ...shapeOptions,
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
    help: "Time for samples, all together; of sizes, tails, bits and tokens, for each",
    schema: positive().default(5),
  },
  seed: { type: "string", placeholder: "number", help: "Seed of what is drawn", schema: integer(0).default(1) },
  svg: { type: "string", placeholder: "file", help: "Draw sizes or bits, too" },
  ...targetOptions,
  ...dbOption,
} as const;

type Values = OptionValues<typeof options>;

/** What a subject is measured with. */
interface Bench extends Pick<Context, "progress" | "signal"> {
  readonly values: Values & typeof shapeDefaults;
  readonly target: OpenTarget;
  readonly db: CompileOptions["db"];
}

type Report =
  | AttentionReport
  | BenchReport
  | RowsReport
  | ThreadsReport
  | SizesReport
  | TailsReport
  | BitsReport
  | CompilerReport;

/** A row of `subjects`: what can be measured. */
interface Subject<R extends Report> {
  readonly help: string;
  /** What else it goes with, besides one thread of Wasm. */
  readonly takes: readonly ("webgpu" | "threads" | "peers" | "svg" | ShapeOption)[];
  readonly run: (bench: Bench) => Promise<R>;
  /** A field that no other report has. */
  readonly mark: string;
  readonly text: (report: R) => string;
  readonly plot?: (report: R) => Plot;
}

const subject = <R extends Report>(row: Subject<R>): Subject<Report> => row as unknown as Subject<Report>;

const subjects = {
  matmul: subject<BenchReport>({
    help: "peers",
    takes: ["webgpu", "threads", "peers", ...matmulOptions],
    run: matmul,
    mark: "rows",
    text: matmulText,
  }),
  attention: subject<AttentionReport>({
    help: "caches",
    takes: ["webgpu", "threads", "peers", ...attentionOptions],
    run: attention,
    mark: "lengths",
    text: attentionText,
  }),
  rows: subject<RowsReport>({
    help: "by M",
    takes: ["threads", ...matmulOptions],
    run: ({ values, ...rest }) =>
      benchRows({ ...common(values, rest), most: values.m === 1 ? 16 : values.m, sources: [formatWeightSource] }),
    mark: "worst",
    text: rowsText,
  }),
  sizes: subject<SizesReport>({
    help: "N = K",
    takes: ["threads", "m", "n", "weights", "x", "svg"],
    run: ({ values, progress, ...rest }) => {
      if (values.n < 512) throw new UsageError("bench sizes takes --n 512 or more, the largest N = K");
      return benchSizes({ ...common(values, rest), m: values.m, sizes: powers(512, values.n), progress });
    },
    mark: "sizes",
    text: sizesText,
    plot: sizesPlot,
  }),
  tails: subject<TailsReport>({
    help: "odd sizes",
    takes: ["threads", ...matmulOptions],
    run: ({ values, progress, ...rest }) => benchTails({ ...common(values, rest), m: values.m, progress }),
    mark: "worstTail",
    text: tailsText,
  }),
  bits: subject<BitsReport>({
    help: "methods",
    takes: ["m", "n", "k", "svg"],
    run: ({ values: { m, n, k, seconds, seed }, target: { device }, signal, progress }) =>
      benchBits({ m, n, k, seconds, seed, device, signal, progress, group: 32 }),
    mark: "methods",
    text: bitsText,
    plot: bitsPlot,
  }),
  threads: subject<ThreadsReport>({
    help: "1, ..",
    takes: ["threads", ...matmulOptions],
    run: ({ values, ...rest }) => {
      if (values.threads === 1) throw new UsageError("bench threads takes --threads 2 or more");
      return benchThreads({ ...common(values, rest), m: values.m, sources: [formatWeightSource] });
    },
    mark: "speedups",
    text: threadsText,
  }),
  compiler: subject<CompilerReport>({
    help: "times",
    takes: ["webgpu", ...matmulOptions],
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
      const asked = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
      const values = { ...shapeDefaults, ...asked } as Bench["values"];
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
function subjectNamed(word: string | undefined, values: Values): Subject<Report> {
  const { target, threads, peers, svg } = values;
  const found = Object.entries(subjects).find(([name]) => name === word)?.[1];
  if (found === undefined)
    throw new UsageError(`bench knows ${Object.keys(subjects).join(", ")}, not "${word}"; see qloom bench --help`);
  const given: readonly (readonly [option: string, needed: Subject<Report>["takes"][number], isGiven: boolean])[] = [
    ["--target webgpu", "webgpu", target === "webgpu"],
    ["--threads", "threads", threads > 1],
    ["--peers", "peers", peers.length > 0],
    ...[...matmulOptions, ...attentionOptions].map((name) => [`--${name}`, name, values[name] !== undefined] as const),
    ["--svg", "svg", svg !== undefined],
  ];
  for (const [option, needed, isGiven] of given)
    if (isGiven && !found.takes.includes(needed)) {
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

function attention({ values, target, db, progress, signal }: Bench): Promise<AttentionReport> {
  const { tokens, sequences, queries, heads, "kv-heads": kvHeads, "head-size": headSize } = values;
  const { pages, peers, seconds, seed } = values;
  const { device } = target;
  const keys = values.keys.split(",");
  // Groups of tokens are for keys: values then have groups of as many of their own.
  const of = values.values?.split(",") ?? keys.map((name) => cacheFormatOf(name).format.name);
  if (of.length !== keys.length)
    throw new UsageError(`--values has ${of.length} formats for the ${keys.length} of --keys; give as many, or none`);
  const caches = keys.map((format, i) => ({ keys: format, values: of[i] as string }));
  const sizes = { tokens, sequences, queries, heads, kvHeads, headSize };
  const request = { ...sizes, pages, caches, peers, seconds, seed, device, note: progress, signal };
  return benchAttention({ ...request, ...(db !== undefined && { db }) }, ourAttentionOn(target));
}

/** Our attention on a target, as contestants. */
function ourAttentionOn({ device, gpu }: OpenTarget): AttentionFactory {
  if (device.kind === "wasm") return ourAttention;
  return gpu === undefined ? ourAttentionInPage : ourAttentionOnGpu(gpu);
}

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
