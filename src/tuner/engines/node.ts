/** Node as the engine: a forked process, requests and replies by its channel. */
import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { Connect } from "../host.ts";
import type { Reply } from "../protocol.ts";
import { tellEnd } from "./child.ts";
import type { EngineOptions } from "./options.ts";
import { workerUrl } from "./worker-url.ts";

export const connectNode =
  ({ env, command }: EngineOptions): Connect =>
  (events) => {
    const child = fork(fileURLToPath(workerUrl("worker-node")), [], {
      // The tuner's own flags (a debugger's port, a test runner's loader) are not for the process.
      execArgv: [],
      ...(command !== undefined && { execPath: command }),
      serialization: "advanced",
      stdio: ["ignore", "ignore", "pipe", "ipc"],
      env: { ...process.env, ...env },
    });
    child.on("message", (reply) => events.reply(reply as Reply));
    tellEnd(child, events);
    return {
      get pid() {
        return child.pid;
      },
      // A process that has just ended gives an error here; its end is heard of by `close`.
      send: (request) => void child.send(request, () => {}),
      kill: () => void child.kill("SIGKILL"),
    };
  };
