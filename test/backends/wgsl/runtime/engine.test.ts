// Where WebGPU comes from, and what is said where it comes from nowhere.

import { expect, test } from "vitest";
import { type EngineHost, engineHost, findEngine } from "../../../../backends/wgsl/runtime/engine.ts";
import { GpuError } from "../../../../backends/wgsl/runtime/errors.ts";

const gpu = {} as GPU;
const chrome = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/153.0.0.0 Safari/537.36";

const host = (given: Partial<EngineHost>): EngineHost => ({
  userAgent: "Node.js/24",
  secure: true,
  versions: {},
  load: () => Promise.resolve({ create: () => gpu }),
  packageVersion: () => "0.6.2",
  ...given,
});

async function refusal(given: Partial<EngineHost>, flags?: readonly string[]): Promise<GpuError> {
  const error = await findEngine(flags, host(given)).catch((e: unknown) => e);
  expect(error).toBeInstanceOf(GpuError);
  return error as GpuError;
}

test("Node takes the npm package, with its flags", async () => {
  const flags: string[][] = [];
  const create = (given: string[]): GPU => {
    flags.push(given);
    return gpu;
  };
  const load = () => Promise.resolve({ create });
  const engine = await findEngine(["backend=null"], host({ versions: { node: "24.21.0" }, system: "linux", load }));
  expect(engine).toEqual({ gpu, name: "dawn (npm webgpu 0.6.2)", program: "Dawn in Node 24", place: "linux" });
  expect(flags[0]).toContain("backend=null");
});

test.each([
  [chrome, "Linux", "Chromium 153 on Linux"],
  [`${chrome} Edg/153.0`, "Windows", "Edge 153 on Windows"],
  ["Mozilla/5.0 (Macintosh; Intel Mac OS X) Version/26.0 Safari/605", "Macintosh", "Safari 26.0 on Macintosh"],
  ["Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0", "Linux", "Firefox 145 wgpu on Linux"],
  ["Deno/2.9.6", undefined, "Deno 2.9.6 wgpu"],
  ["Unheard of", undefined, "Unheard of"],
])("%s is told by its name and version", async (userAgent, platform, name) => {
  expect(await findEngine(undefined, host({ own: gpu, userAgent, platform }))).toMatchObject({
    gpu,
    name,
    place: "browser",
  });
});

test("what a process or page has of its own comes first", async () => {
  const own = {} as GPU;
  const engine = await findEngine(
    undefined,
    host({ own, userAgent: "Deno/2.9.6", versions: { node: "24", deno: "2" } }),
  );
  expect(engine).toMatchObject({ name: "Deno 2.9.6 wgpu", place: "system" });
  expect(engine.gpu).toBe(own);
});

test("a browser without WebGPU, and a page that it is hidden from", async () => {
  const browser = await refusal({ userAgent: chrome, platform: "Linux" });
  expect(browser.fault).toBe("no-webgpu");
  expect(browser.message).toContain("Chromium 153 on Linux has no WebGPU");
  const insecure = await refusal({ userAgent: chrome, platform: "Linux", secure: false });
  expect(insecure.message).toContain("https");
});

test("the npm package missing, or without a binary that loads", async () => {
  const fails = (error: Error) => ({ versions: { node: "24.21.0" }, load: () => Promise.reject(error) });
  const missing = Object.assign(new Error("Cannot find package 'webgpu'"), { code: "ERR_MODULE_NOT_FOUND" });
  expect((await refusal(fails(missing))).message).toContain("npm install webgpu");
  const broken = await refusal(fails(new Error("GLIBC_2.38 not found\n  at load")));
  expect(broken.fault).toBe("no-package");
  expect(broken.message).toContain("(GLIBC_2.38 not found)");
});

test("flags of the npm package are refused elsewhere, not ignored", async () => {
  expect((await refusal({ own: gpu, userAgent: chrome }, ["backend=null"])).fault).toBe("call");
});

test("this process is described", () => {
  const { versions, packageVersion, secure } = engineHost();
  expect(versions["node"]).toBe(process.versions.node);
  expect(packageVersion()).toMatch(/^\d+\.\d+\.\d+/);
  expect(secure).toBe(true);
});
