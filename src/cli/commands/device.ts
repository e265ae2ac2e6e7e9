// `qloom device`: what this machine's Wasm can do, and who records made here are about.

import { probeWasm } from "../../../backends/index.ts";
import type { Device } from "../../../ir/index.ts";
import { type Command, defineCommand } from "../command.ts";
import { bytesText, table } from "../table.ts";

export const device: Command = defineCommand({
  summary: "Show what this machine can do",
  options: {},
  run: () => probeWasm(),
  render: ({ label, kind, fingerprint, architecture, engine, features, limits }: Device) =>
    table([
      ["device", label],
      ["kind", kind],
      ["architecture", architecture],
      ["engine", engine],
      ["features", features.join(", ")],
      ["fingerprint", fingerprint],
      ...Object.entries(limits).map(([name, value]) => [name, name === "cores" ? String(value) : bytesText(value)]),
    ]),
});
