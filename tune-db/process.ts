/** Telling whether the process that wrote a journal entry still lives. A pid alone is not enough: systems use them again. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { hostname } from "node:os";

export interface ProcessIdentity {
  readonly pid: number;
  /** When it started, in the system's own words; empty where that cannot be told. */
  readonly start: string;
  readonly host: string;
}

let own: ProcessIdentity | undefined;

/** This process. */
export function ownIdentity(): ProcessIdentity {
  own ??= { pid: process.pid, start: processStart(process.pid) ?? "", host: hostname() };
  return own;
}

/** How long an entry of another machine, whose processes cannot be seen, is believed to be running. */
const FOREIGN_LIFETIME_MS = 24 * 60 * 60 * 1000;

/** True unless the process is known to have ended, or is another machine's and long past any trial's time limit. */
export function isAlive(identity: ProcessIdentity, begun: Date, now: Date = new Date()): boolean {
  if (identity.host !== hostname()) return now.getTime() - begun.getTime() < FOREIGN_LIFETIME_MS;
  if (!exists(identity.pid)) return false;
  const start = processStart(identity.pid);
  if (start === undefined) return false;
  return start === "" || identity.start === "" || start === identity.start;
}

function exists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it is there, and another user's.
    return !(error instanceof Error && "code" in error && error.code === "ESRCH");
  }
}

/** Start of a process; undefined when it has ended, empty when this system does not tell. */
function processStart(pid: number): string | undefined {
  try {
    const start = STARTS[process.platform] ?? psStart;
    return start(pid);
  } catch {
    return exists(pid) ? "" : undefined;
  }
}

const STARTS: Readonly<Partial<Record<NodeJS.Platform, (pid: number) => string | undefined>>> = {
  linux: linuxStart,
  win32: (pid) =>
    output("powershell", ["-NoProfile", "-Command", `(Get-Process -Id ${pid}).StartTime.ToFileTimeUtc()`]),
};

/** Clock ticks since boot, and which boot: field 22 of /proc/PID/stat, counted after the name, which may hold anything. See proc(5). */
function linuxStart(pid: number): string | undefined {
  const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  if (fields[0] === "Z" || fields[0] === "X") return undefined; // ended, only not yet collected by its parent
  return `${readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim()}/${fields[19]}`;
}

function psStart(pid: number): string {
  return output("ps", ["-o", "lstart=", "-p", String(pid)]);
}

function output(command: string, parameters: readonly string[]): string {
  const env = { ...process.env, LC_ALL: "C" };
  const options = { encoding: "utf8" as const, timeout: 5000, env };
  return execFileSync(command, parameters, { ...options, stdio: ["ignore", "pipe", "ignore"] }).trim();
}
