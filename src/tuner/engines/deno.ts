/** Deno as the engine: a spawned process, requests and replies as JSON, a line each, by its standard input and output. */
import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { Connect } from "../host.ts";
import type { Reply } from "../protocol.ts";
import { tellEnd } from "./child.ts";
import type { EngineOptions } from "./options.ts";
import { workerUrl } from "./worker-url.ts";

/** No questions, no network, nothing written beside the sources; and only the optimizing compiler, as in Node. */
const flags = ["run", "--quiet", "--allow-all", "--no-prompt", "--no-lock", "--no-remote", "--v8-flags=--no-liftoff"];

export const connectDeno =
  ({ env, command }: EngineOptions): Connect =>
  (events) => {
    const child = spawn(command ?? denoCommand(), [...flags, fileURLToPath(workerUrl("worker-deno"))], {
      stdio: ["pipe", "pipe", "pipe"],
      env: { ...process.env, NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1", ...env },
    });
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
          reason.includes("ENOENT") ? `Deno is not there (${reason}): npm install deno, or put it on the PATH` : reason,
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

/** The npm package's program where that is installed (its `bin` is a script that would stand in between), else the PATH's. */
export function denoCommand(): string {
  const require = createRequire(import.meta.url);
  try {
    return (require("deno/install_api.cjs") as { readonly runInstall: () => string }).runInstall();
  } catch {
    return "deno";
  }
}
