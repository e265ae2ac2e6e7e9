// A real Chromium under playwright-core, with WebGPU: on the machine's GPU, or on SwiftShader, which computes on the CPU. Not here: which
// executable (find-chromium.ts), what pages do.

import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { Browser, Page } from "playwright-core";
import { gpuEnvironment, hasGpu } from "../../backends/index.ts";
import { PackageMissingError, WebError } from "./errors.ts";
import { type FoundChromium, findChromium } from "./find-chromium.ts";

/** Where WebGPU computes. */
export type GpuChoice = "hardware" | "software";

export interface ChromiumOptions {
  /** The browser's executable. @default QLOOM_CHROMIUM, else the system's Chromium or Chrome, else that of the package @sparticuz/chromium */
  readonly executable?: string;
  /** @default hardware where the machine has a GPU */
  readonly gpu?: GpuChoice;
  /** Whether pages are kept from the system by the browser's sandbox, which a process of root can't have. @default unless root */
  readonly sandbox?: boolean;
  /** Flags of the browser besides its own. */
  readonly flags?: readonly string[];
  /** Environment variables that it gets besides this process's. */
  readonly env?: Readonly<Record<string, string>>;
}

/** A browser that runs. */
export interface Chromium {
  readonly executable: string;
  /** `153.0.1234.5`. */
  readonly version: string;
  readonly gpu: GpuChoice;
  /** Opens an address in a page of its own. */
  open(url: string): Promise<Page>;
  close(): Promise<void>;
}

const software = [
  "--use-webgpu-adapter=swiftshader",
  "--enable-features=Vulkan",
  "--use-vulkan=swiftshader",
  "--disable-vulkan-surface",
];

/** Flags for a GPU; on macOS and Windows Chromium needs none. https://developer.chrome.com/blog/supercharge-web-ai-testing */
const hardware: Readonly<Partial<Record<NodeJS.Platform, readonly string[]>>> = {
  linux: ["--use-angle=vulkan", "--enable-features=Vulkan", "--disable-vulkan-surface", "--ignore-gpu-blocklist"],
};

/** `--enable-unsafe-webgpu`: adapters that are not known to be good count too, and timestamps are there. */
export const flagsFor = (gpu: GpuChoice): readonly string[] => [
  "--enable-unsafe-webgpu",
  ...(gpu === "software" ? software : (hardware[process.platform] ?? [])),
];

/**
 * Starts a Chromium without a window.
 *
 * @throws WebError where playwright-core or a browser is missing, or the browser does not start
 */
export async function launchChromium(options: ChromiumOptions = {}): Promise<Chromium> {
  const playwright = await loadPlaywright();
  const found = await findChromium(options.executable);
  const { executable } = found;
  const gpu = options.gpu ?? ((await hasGpu()) ? "hardware" : "software");
  const sandbox = options.sandbox ?? process.getuid?.() !== 0;
  const browser = await playwright
    .launch({
      executablePath: executable,
      headless: true,
      chromiumSandbox: sandbox,
      args: [...flagsFor(gpu), ...(options.flags ?? [])],
      env: { ...(await environmentFor(found)), ...(gpu === "hardware" && (await gpuEnvironment()).env) },
      // The process that started it decides what a signal ends.
      handleSIGINT: false,
      handleSIGTERM: false,
      handleSIGHUP: false,
    })
    .catch((cause: Error) => {
      throw new WebError(`${executable} does not start: ${reasonOf(cause.message)}`, { cause });
    });
  return {
    executable,
    version: browser.version(),
    gpu,
    open: (url) => openPage(browser, url),
    close: () => browser.close(),
  };
}

async function openPage(browser: Browser, url: string): Promise<Page> {
  const page = await browser.newPage();
  const response = await page.goto(url);
  if (response?.ok() === false) throw new WebError(`${url}: ${response.status()} ${response.statusText()}`);
  return page;
}

async function loadPlaywright(): Promise<typeof import("playwright-core").chromium> {
  try {
    // The package is CommonJS: what it exports may come as the default alone.
    const module = await import("playwright-core");
    return module.chromium ?? module.default.chromium;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== "ERR_MODULE_NOT_FOUND") throw cause;
    throw new PackageMissingError("driving a browser", "playwright-core", { cause });
  }
}

/** The environment that the browser starts in: its own libraries stand in for the system's only where it does not start without. */
async function environmentFor({ executable, libraries }: FoundChromium): Promise<Record<string, string>> {
  const own = Object.fromEntries(
    Object.entries(process.env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
  if (libraries === undefined) return own;
  try {
    await promisify(execFile)(executable, ["--version"]);
    return own;
  } catch {
    const others = process.env["LD_LIBRARY_PATH"];
    return { ...own, LD_LIBRARY_PATH: others ? `${libraries}:${others}` : libraries };
  }
}

/** What helps of a browser's dying words. */
function reasonOf(message: string): string {
  if (/no usable sandbox|without --no-sandbox|setuid sandbox/i.test(message))
    return "it has no sandbox for this user here; name another Chromium in QLOOM_CHROMIUM, allow user namespaces, or do without (sandbox: false)";
  const library = /error while loading shared libraries: ([^:\s]+)/.exec(message)?.[1];
  if (library !== undefined)
    return `the library ${library} is missing; install the system's Chromium, which brings what it needs, or name another in QLOOM_CHROMIUM`;
  if (/has been closed/.test(message) && !message.includes("[err]"))
    return "it ended at once; name another Chromium in QLOOM_CHROMIUM";
  const said = /\[err\] (.*)/.exec(message)?.[1] ?? message.split("\n")[0]?.replace("browserType.launch: ", "");
  return `${said}; name another Chromium in QLOOM_CHROMIUM`;
}
