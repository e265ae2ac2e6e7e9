/** Programs beside Node that run the sources: a spawned process, requests and replies as JSON, a line each, by its standard input and output. */
import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { Connect } from "../host.ts";
import type { Reply } from "../protocol.ts";
import { tellEnd } from "./child.ts";
import type { EngineOptions } from "./options.ts";
import { workerUrl } from "./worker-url.ts";

export type ProgramName = "deno" | "bun";

interface Program {
  readonly title: string;
  /** What comes before a file to run it: no questions, no network, nothing written beside the sources. */
  readonly run: readonly string[];
  /** Besides, for measuring: only the optimizing compiler, as in Node. */
  readonly measure: readonly string[];
  /** The program of the npm package, whose `bin` is a script that would stand in between, or is made by a script that may not have run. Throws where it is not installed. */
  readonly installed: (require: NodeJS.Require) => string;
}

const programs: Readonly<Record<ProgramName, Program>> = {
  deno: {
    title: "Deno",
    run: ["run", "--quiet", "--allow-all", "--no-prompt", "--no-lock", "--no-remote"],
    measure: ["--v8-flags=--no-liftoff"],
    installed: (require) => (require("deno/install_api.cjs") as { readonly runInstall: () => string }).runInstall(),
  },
  bun: {
    title: "Bun",
    run: ["run", "--no-install"],
    measure: [],
    installed: (require) => {
      const platform = `${process.platform === "win32" ? "windows" : process.platform}-${process.arch === "arm64" ? "aarch64" : process.arch}`;
      return require.resolve(`@oven/bun-${platform}/bin/bun${process.platform === "win32" ? ".exe" : ""}`);
    },
  },
};

/** The program and its arguments that run a file: the npm package's where that is installed, else the PATH's. */
export function commandLine(name: ProgramName): { readonly command: string; readonly args: readonly string[] } {
  const { run, installed } = programs[name];
  try {
    return { command: installed(createRequire(import.meta.url)), args: run };
  } catch {
    return { command: name, args: run };
  }
}

export const connectSpawned =
  (name: ProgramName, { env, command }: EngineOptions): Connect =>
  (events) => {
    const { title, measure } = programs[name];
    const found = commandLine(name);
    const child = spawn(
      command ?? found.command,
      [...found.args, ...measure, fileURLToPath(workerUrl("worker-lines"))],
      {
        stdio: ["pipe", "pipe", "pipe"],
        env: { ...process.env, NO_COLOR: "1", DO_NOT_TRACK: "1", DENO_NO_UPDATE_CHECK: "1", ...env },
      },
    );
    createInterface({ input: child.stdout }).on("line", (line) => {
      const reply = replyOf(line);
      if (reply !== undefined) events.reply(reply);
    });
    // A process that has just ended gives an error here; its end is heard of by `close`.
    child.stdin.on("error", () => {});
    tellEnd(child, {
      ...events,
      end: (reason) =>
        events.end(
          reason.includes("ENOENT")
            ? `${title} is not there (${reason}): npm install ${name}, or put it on the PATH`
            : reason,
        ),
    });
    return {
      get pid() {
        return child.pid;
      },
      send: (request) => void child.stdin.write(`${JSON.stringify(request)}\n`),
      kill: () => void child.kill("SIGKILL"),
    };
  };

/** Undefined for a line that is none: drivers have their say, too. */
function replyOf(line: string): Reply | undefined {
  try {
    return JSON.parse(line) as Reply;
  } catch {
    return undefined;
  }
}
