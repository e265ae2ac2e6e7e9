// Where a Chromium is on this machine: the one that is named, the system's, else the one in npm's @sparticuz/chromium, which brings its own
// SwiftShader and needs nothing of the system. Not here: how it is started (chromium.ts).

import { execFile } from "node:child_process";
import { accessSync, constants, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { WebError } from "./errors.ts";
import { readManifest } from "./manifest.ts";

/** A browser to start, and the folder of libraries that it needs where the system lacks them. */
export interface FoundChromium {
  readonly executable: string;
  readonly libraries?: string;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** What the system's own are called; on Linux they are looked for on PATH. */
const systemNames: Readonly<Partial<Record<NodeJS.Platform, readonly string[]>>> = {
  linux: ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"],
  darwin: [
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
  ],
  win32: ["PROGRAMFILES", "PROGRAMFILES(X86)", "LOCALAPPDATA"].map(
    (folder) => `${process.env[folder] ?? "C:"}\\Google\\Chrome\\Application\\chrome.exe`,
  ),
};

/**
 * A Chromium: `named`, else `QLOOM_CHROMIUM`, else the system's, else the package's.
 *
 * @throws WebError that says what was looked for
 */
export async function findChromium(named?: string, environment: Environment = process.env): Promise<FoundChromium> {
  const wanted = named ?? environment["QLOOM_CHROMIUM"];
  if (wanted !== undefined && wanted !== "") {
    if (isExecutable(wanted)) return { executable: wanted };
    const by = named === undefined ? "QLOOM_CHROMIUM" : "the option executable";
    throw new WebError(`${wanted}: is no file that can be run; ${by} names it: name a Chromium's executable`);
  }
  const names = systemNames[process.platform] ?? [];
  const folders = process.platform === "linux" ? (environment["PATH"] ?? "").split(delimiter) : [""];
  for (const name of names)
    for (const folder of folders) if (isExecutable(join(folder, name))) return { executable: join(folder, name) };
  const packaged = packagedManifest();
  if (packaged !== undefined) return unpack(packaged);
  throw new WebError(
    `no Chromium was found: QLOOM_CHROMIUM is not set, there is no ${names.join(", ")}${process.platform === "linux" ? " on PATH, and no package @sparticuz/chromium: npm i -D @sparticuz/chromium, or install the system's" : "; install one"}, or name one in QLOOM_CHROMIUM`,
  );
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

const packageName = "@sparticuz/chromium";

interface Packaged {
  readonly entry: string;
  readonly version: string;
}

function packagedManifest(): Packaged | undefined {
  if (process.platform !== "linux") return undefined;
  try {
    const entry = import.meta.resolve("@sparticuz/chromium");
    const folder = dirname(dirname(fileURLToPath(entry)));
    const version = readManifest(folder)?.version;
    return version === undefined ? undefined : { entry, version };
  } catch {
    return undefined;
  }
}

/** Unpacks in a process of its own, told by TMPDIR where to: the package knows no other way. */
const script = `
const { default: chromium, inflate } = await import(process.argv[1]);
await chromium.executablePath();
await inflate(process.argv[2]);
`;

/** Another process may have come first: then its folder stays. */
function takePlace(fresh: string, place: string): void {
  try {
    renameSync(fresh, place);
  } catch (error) {
    if (!existsSync(place)) throw error;
  }
}

/** The package's browser, unpacked (once, a few seconds) into the user's cache, whole or not at all. */
async function unpack({ entry, version }: Packaged): Promise<FoundChromium> {
  const cache = join(process.env["XDG_CACHE_HOME"] || join(homedir(), ".cache"), "qloom");
  const place = join(cache, `chromium-${version}-${process.arch}`);
  const found = { executable: join(place, "chromium"), libraries: join(place, "al2023", "lib") };
  if (existsSync(place)) return found;
  try {
    mkdirSync(cache, { recursive: true });
    const fresh = mkdtempSync(`${place}.new-`);
    try {
      const libraries = join(dirname(dirname(fileURLToPath(entry))), "bin", "al2023.tar.br");
      await promisify(execFile)(process.execPath, ["--input-type=module", "--eval", script, entry, libraries], {
        env: { ...process.env, TMPDIR: fresh },
      });
      takePlace(fresh, place);
    } finally {
      rmSync(fresh, { recursive: true, force: true });
    }
    return found;
  } catch (cause) {
    const reason = (cause as Error).message.split("\n")[0];
    throw new WebError(
      `${packageName} can't be unpacked into ${cache}: ${reason}; set XDG_CACHE_HOME to a folder with 250 MB, or QLOOM_CHROMIUM to another browser`,
      { cause },
    );
  }
}
