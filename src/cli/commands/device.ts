// `qloom device`: what this machine's Wasm or GPU can do, and who records made here are about.

import type { Device } from "../../../ir/index.ts";
import { type Command, defineCommand } from "../command.ts";
import { bytesText, table } from "../table.ts";
import { chooseTarget, targetOptions } from "../target.ts";

/** Limits that count something, and whether the GPU is the processor; the others are bytes. */
const counts = /^(cores|invocations|local[XYZ]|maxWorkgroups|storageBuffers|subgroup(Min|Max))$/;
const limitText = (name: string, value: number): string =>
  name === "processor" ? (value === 1 ? "yes" : "no") : counts.test(name) ? String(value) : bytesText(value);

export const device: Command = defineCommand({
  summary: "Show what this machine can do",
  options: targetOptions,
  run: async ({ options }, { signal }) => (await chooseTarget(options, signal)).device,
  render: ({ label, kind, fingerprint, architecture, engine, features, limits }: Device) =>
    table([
      ["device", label],
      ["kind", kind],
      ["architecture", architecture],
      ["engine", engine],
      ["features", features.join(", ")],
      ["fingerprint", fingerprint],
      ...Object.entries(limits).map(([name, value]) => [name, limitText(name, value)]),
    ]),
});
