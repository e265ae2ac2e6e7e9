/** A measuring process that is a child of this one, as all engines that run outside of browsers have it: what it says last, and how it ended. */
import type { ChildProcess } from "node:child_process";
import type { LinkEvents } from "../host.ts";

/** Characters of a process's last words that are kept. */
const lastWords = 20_000;

/** Tells how the process ends, with the line of its last words that says most. */
export function tellEnd(child: ChildProcess, events: LinkEvents): void {
  let stderr = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    stderr = (stderr + text).slice(-lastWords);
  });
  child.on("error", (error) => events.end(error.message));
  // `close` comes after the last of stderr was read, `exit` may come before.
  child.on("close", (code, signal) =>
    events.end([signal === null ? `code ${code}` : `signal ${signal}`, ...complaint(stderr)].join(": ")),
  );
}

/** V8's, Node's or Deno's line that begins with the error, else the last. */
function complaint(stderr: string): readonly string[] {
  const lines = stderr.split("\n").map((line) => line.trim());
  const said = lines.find((line) => /^(# *)?(\w*Error\b|fatal)/i.test(line)) ?? lines.findLast((line) => line !== "");
  return said ? [said] : [];
}
