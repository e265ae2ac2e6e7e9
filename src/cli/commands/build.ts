// `qloom build`: kernels ahead of time, into a folder that runs without qloom.

import { isAbsolute } from "node:path";
import { workloadText } from "../../../ir/index.ts";
import { type BuildResult, buildFolder, loadConfig } from "../../build/index.ts";
import { mostThreads } from "../../runtime/index.ts";
import { type Command, defineCommand } from "../command.ts";
import { recordOptions, withRecords } from "../database.ts";
import { bytesText, table } from "../table.ts";
import { chooseTarget, targetOptions } from "../target.ts";
import { integer } from "../values.ts";

export const build: Command = defineCommand({
  summary: "Build kernels ahead of time",
  operands: {
    usage: "<config>",
    help: "A module whose default export lists kernels (qloom.config.ts), or a GGUF file for all of its matmuls",
    min: 1,
    max: 1,
  },
  options: {
    out: { type: "string", short: "o", placeholder: "folder", help: "Where to (default: dist/kernels)" },
    threads: {
      type: "string",
      placeholder: "number",
      help: "Threads that share a run where memory can be shared (default: the config's, or 1)",
      schema: integer(1, mostThreads).optional(),
    },
    ...targetOptions,
    ...recordOptions,
  },
  async run({ options, operands }, { progress, signal }) {
    const { config, base } = await loadConfig(operands[0] ?? "");
    const { threads = config.threads ?? 1 } = options;
    const { device } = await chooseTarget({ ...options, threads: 1 }, signal);
    return withRecords(options, (db) =>
      buildFolder({ ...config, threads }, options.out ?? "dist/kernels", {
        ...{ base, device, progress, signal },
        ...(db !== undefined && { db }),
      }),
    );
  },
  render: ({ out, kernels, skipped }: BuildResult) =>
    [
      table(kernels.map(({ loader, workload, variants }) => [loader, workloadText(workload), variantsText(variants)])),
      ...skipped.map(
        ({ gguf, matmul, tensors, reason }) =>
          `skipped: ${gguf}: ${matmul} (${tensors} ${tensors === 1 ? "tensor" : "tensors"}): ${reason}\n`,
      ),
      `${out}: import { ${kernels[0]?.loader} } from "${isAbsolute(out) || out.startsWith(".") ? out : `./${out}`}/index.js"\n`,
    ].join(""),
});

const variantsText = (variants: BuildResult["kernels"][number]["variants"]): string =>
  variants
    .map(
      ({ file, bytes, parts }) =>
        `${file} ${bytesText(bytes)} (${[...new Set(parts.map((p) => p.source))].join(", ")})`,
    )
    .join(", ");
