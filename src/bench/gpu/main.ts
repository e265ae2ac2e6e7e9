/**
 * The program `npm run bench:gpu`: measures this machine's GPU and writes the report, or writes the bundle that does so elsewhere. What is going on is told on stderr.
 * Not here: what is measured (run.ts), what is bundled (bundle.ts).
 */
import { renameSync, writeFileSync } from "node:fs";
import process from "node:process";
import { parseArgs } from "node:util";
import { z } from "zod";
import { runAgainForGpu } from "../../../backends/index.ts";
import { QloomError } from "../../../ir/index.ts";
import { BenchError } from "../errors.ts";
import { openRealGpu } from "./open.ts";
import type { GpuReport } from "./report.ts";
import { runGpuBench } from "./run.ts";
import { gpuReportSchema } from "./schema.ts";

const help = `Measures this machine's GPU: what it could do at most, what qloom's kernels do.

  npm run bench:gpu -- [options]

  --out FILE           where the report is written (default: report.json)
  --quick              small sizes and few samples: to try the program; so it is on a GPU that is the processor
  --full               the full sizes on such an adapter too
  --read-mib N         MiB read to measure memory, a power of two: four times the last-level cache or more (default: 512)
  --tune-seconds N     time for tuning (default: 900)
  --points N           points of the space that each of a model's shapes is tried at one by one, besides tuning (default: 48)
  --adapter-limits     use workgroup memory and buffers as large as the adapter has them, not what every WebGPU device has
  --bundle FILE        measure nothing: write the program, with all that it needs, as FILE (.tar.gz)
  --help
`;

const options = {
  out: { type: "string", default: "report.json" },
  quick: { type: "boolean", default: false },
  full: { type: "boolean", default: false },
  "read-mib": { type: "string" },
  "tune-seconds": { type: "string" },
  points: { type: "string" },
  "adapter-limits": { type: "boolean", default: false },
  bundle: { type: "string" },
  help: { type: "boolean", short: "h", default: false },
} as const;

const numbers = z.object({
  "read-mib": z.coerce
    .number()
    .refine((n) => n >= 1 && Number.isInteger(Math.log2(n)), "is no power of two")
    .optional(),
  "tune-seconds": z.coerce.number().positive("is not above 0").optional(),
  points: z.coerce.number().int("is no whole number").positive("is not above 0").max(64, "is above 64").optional(),
});

function parse() {
  try {
    const { values } = parseArgs({ options, strict: true });
    const parsed = numbers.safeParse(values);
    if (!parsed.success) {
      const issue = parsed.error.issues[0]!;
      throw new BenchError(`--${String(issue.path[0])} ${issue.message}`);
    }
    if (values.quick && values.full) throw new BenchError("--quick and --full exclude each other");
    return {
      ...values,
      readMib: parsed.data["read-mib"],
      tuneSeconds: parsed.data["tune-seconds"],
      reduced: parsed.data.points,
    };
  } catch (error) {
    if (error instanceof TypeError) throw new BenchError(`${error.message.split(/\.\s|\n/)[0]}; see --help`);
    throw error;
  }
}

/** Runs the program; gives its exit code. */
async function main(): Promise<number> {
  const given = parse();
  if (given.help) {
    process.stdout.write(help);
    return 0;
  }
  if (given.bundle !== undefined) {
    const { writeBundle } = await import("./bundle.ts");
    await writeBundle(given.bundle, { progress: tell });
    return 0;
  }
  const chosen = ["VK_DRIVER_FILES", "VK_ICD_FILENAMES"].some((name) => process.env[name]) && !isSecondRun();
  const code = await runAgainForGpu();
  if (code !== undefined) return code;
  const signal = interruptions();
  const gpu = given["adapter-limits"] ? ({ limits: "adapter" } as const) : {};
  const { runtime, dispose } = await openRealGpu(gpu, chosen);
  try {
    const report = await runGpuBench({
      ...{ runtime, gpu, signal, progress: tell },
      quick: given.quick ? true : given.full ? false : undefined,
      readBytes: given.readMib === undefined ? undefined : given.readMib * 2 ** 20,
      tuneSeconds: given.tuneSeconds,
      reduced: given.reduced,
      sofar: (sofar) => write(given.out, sofar),
    });
    write(given.out, report);
    for (const { what, wanted, bound, reached, met } of report.targets)
      tell(
        `${met === null ? "not measured" : met ? "met" : "MISSED"}: ${what}: ${reached?.toPrecision(3) ?? "-"} (at ${bound} ${wanted.toPrecision(3)})`,
      );
    tell(`${given.out}: ${report.complete ? "complete" : "not complete"}`);
    return report.complete ? 0 : signal.aborted ? 130 : 1;
  } finally {
    dispose();
  }
}

/** In the second run the driver was chosen for this process, not by the user. */
const isSecondRun = (): boolean => process.env["QLOOM_GPU_ENVIRONMENT"] !== undefined;

/** A line with the seconds since the program began. */
function tell(line: string): void {
  process.stderr.write(`${(performance.now() / 1000).toFixed(1).padStart(7)}  ${line}\n`);
}

/** Replaces the file as a whole: whoever reads it, and whenever this process ends, finds a report. */
function write(file: string, report: GpuReport): void {
  const text = `${JSON.stringify(gpuReportSchema.parse(report), null, 2)}\n`;
  writeFileSync(`${file}.part`, text);
  renameSync(`${file}.part`, file);
}

/** Aborts at the first SIGINT or SIGTERM; the second one ends the process. */
function interruptions(): AbortSignal {
  const controller = new AbortController();
  for (const name of ["SIGINT", "SIGTERM"] as const)
    process.on(name, () => {
      if (controller.signal.aborted) process.exit(130);
      tell("stopping, the report will hold what there is; once more to quit at once");
      controller.abort(new BenchError("interrupted"));
    });
  return controller.signal;
}

try {
  const exitCode = await main();
  process.stdout.write("", () => process.stderr.write("", () => process.exit(exitCode)));
} catch (error) {
  if (!(error instanceof QloomError)) throw error;
  tell(`bench:gpu: ${error.message}`);
  process.exitCode = 1;
}
