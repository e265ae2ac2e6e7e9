// The reports of `qloom bench` as text.

import type {
  AttentionReport,
  AttentionTable,
  BenchReport,
  BitsReport,
  CompilerReport,
  RowsReport,
  SizesReport,
  TailsReport,
  ThreadsReport,
} from "../bench/index.ts";
import { figures } from "../timing/index.ts";
import { table } from "./table.ts";

export const matmulText = ({ device, rows }: BenchReport): string =>
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

export const attentionText = ({
  device,
  sequences,
  queries,
  heads,
  kvHeads,
  headSize,
  lengths,
}: AttentionReport): string =>
  `${sequences === 1 ? "" : `${sequences} sequences, each `}${queries} ${queries === 1 ? "query" : "queries"}, ${heads} heads, ${kvHeads} of keys, head size ${headSize}, on ${device.label}\n${lengths
    .map(
      (of) =>
        `\n${of.tokens} tokens${of.readGBs === undefined ? "" : `; streaming reads ${figures(of.readGBs, 3)} GB/s`}\n\n${attentionTable(of)}`,
    )
    .join("")}`;

function attentionTable({ rows }: AttentionTable): string {
  const others = Object.keys(rows[0]?.ratios ?? {});
  return table(
    [
      [
        ...["who", "cache", "scores, weights", "median", "10 % .. 90 %"],
        ...others.map((other) => `to ${other}`),
        ...["GB/s", "NMSE", "of f32"],
      ],
      ...rows.map(
        ({ who, pages, keys, values, numerics, medianMs, lowMs, highMs, ratios, cacheGBs, nmse, nmseToF32 }) => [
          pages === undefined ? who : `${who}, pages of ${pages}`,
          keys === values ? keys : `${keys}, ${values}`,
          `${numerics.scores}, ${numerics.weights}`,
          `${figures(medianMs, 4)} ms`,
          `${figures(lowMs, 4)} .. ${figures(highMs, 4)}`,
          ...others.map((other) => figures(ratios[other]?.ratio ?? Number.NaN, 3)),
          figures(cacheGBs, 3),
          nmse.toExponential(1),
          nmseToF32.toExponential(1),
        ],
      ),
    ],
    [3, ...[...others, "GB/s", "NMSE", "of f32"].map((_, i) => 5 + i)],
  );
}

export const rowsText = ({ device, workload, rows, worst }: RowsReport): string =>
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

export const threadsText = ({ device, workload, speedups }: ThreadsReport): string =>
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

export const compilerText = (r: CompilerReport): string =>
  `${r.workload.w} ${r.workload.n} x ${r.workload.k}, M = ${r.workload.m}, on ${r.device.label}\n\n${table([
    [
      "workload to validated module",
      `${figures(r.compileMs, 3)} ms (first in the process ${figures(r.compileFirstMs, 3)})`,
    ],
    ["look-up that hits", `${figures(r.lookupMs, 2)} ms among ${r.records} records`],
    ["packing", `${r.packMBs.toFixed(0)} MB of source per second`],
    ["extra memory while packing", `${r.packExtra.toFixed(2)} of the packed size`],
  ])}`;

export const sizesText = ({ device, workload, sizes }: SizesReport): string =>
  `${workload.w}, M = ${workload.m}, on ${device.label}\n\n${table(
    [
      ["N = K", "median", "10 % .. 90 %", "GOP/s", "limit", "of it"],
      ...sizes.map(({ size, medianMs, lowMs, highMs, gops, limitMs, by }) => [
        String(size),
        `${figures(medianMs, 4)} ms`,
        `${figures(lowMs, 4)} .. ${figures(highMs, 4)}`,
        figures(gops, 3),
        `${figures(limitMs, 3)} ms, ${by}`,
        `${Math.round((100 * limitMs) / medianMs)} %`,
      ]),
    ],
    [0, 1, 3, 5],
  )}`;

export const tailsText = ({ device, workload: { m, n, k, w }, tails, worstTail }: TailsReport): string =>
  `${w} ${n} x ${k}, M = ${m}, on ${device.label}\n\n${table(
    [
      ["M", "N", "K", "median", "without", "GOP/s", "time per element"],
      ...tails.map((row) => [
        String(row.m),
        String(row.n),
        String(row.k),
        `${figures(row.medianMs, 4)} ms`,
        `${figures(row.wholeMs, 4)} ms`,
        figures(row.gops, 3),
        row.perElement.toFixed(3),
      ]),
    ],
    [0, 1, 2, 3, 4, 5, 6],
  )}\nlargest time per element ${worstTail.toFixed(3)} of that without a tail\n`;

export const bitsText = ({ device, m, n, k, methods }: BitsReport): string =>
  `${n} x ${k}, M = ${m}, on ${device.label}\n\n${table(
    [
      ["weights", "method", "median", "10 % .. 90 %", "GOP/s"],
      ...methods.map(({ weights, method, medianMs, lowMs, highMs, gops }) => [
        weights,
        method,
        `${figures(medianMs, 4)} ms`,
        `${figures(lowMs, 4)} .. ${figures(highMs, 4)}`,
        figures(gops, 3),
      ]),
    ],
    [2, 4],
  )}`;
