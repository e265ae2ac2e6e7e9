import { existsSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { GpuError, type GpuRuntime } from "../../../../backends/index.ts";
import { type DriverHost, openRealGpu } from "../../../../src/bench/gpu/open.ts";

/** Adapters by the driver that the environment names when they are asked for. */
type Drivers = (icd: string | undefined) => "gpu" | "processor" | undefined;

function machine(drivers: Drivers, files: readonly string[], env: Record<string, string> = {}, chosen = false) {
  const disposed: string[] = [];
  const asked: (string | undefined)[] = [];
  const host: DriverHost = {
    ...{ platform: "linux", env: { ...env }, chosen },
    exists: (path) => files.includes(path),
    open: async () => {
      const icd = host.env["VK_ICD_FILENAMES"];
      asked.push(icd);
      const found = drivers(icd);
      if (found === undefined) throw new GpuError("no-adapter", "there is no GPU");
      return { software: found === "processor", dispose: () => disposed.push(found) } as unknown as GpuRuntime;
    },
  };
  return { host, disposed, asked, open: () => openRealGpu({}, chosen, host) };
}

const library = (file: string): string =>
  (JSON.parse(readFileSync(file, "utf8")) as { ICD: { library_path: string } }).ICD.library_path;
const nvidia = ["/dev/nvidia0"];

test("what the environment names is taken where it is a GPU", async () => {
  const { open, asked } = machine(() => "gpu", nvidia, { VK_ICD_FILENAMES: "/etc/nvidia.json" });
  expect((await open()).runtime.software).toBe(false);
  expect(asked).toEqual(["/etc/nvidia.json"]);
});

test("without a driver file NVIDIA's libraries are named in one of our own, the one for machines without windows last", async () => {
  const headless: Drivers = (icd) =>
    icd !== undefined && existsSync(icd) && library(icd).includes("EGL") ? "gpu" : undefined;
  const { open, host } = machine(headless, nvidia);
  const { runtime, dispose } = await open();
  expect(runtime.software).toBe(false);
  const file = host.env["VK_ICD_FILENAMES"]!;
  expect(library(file)).toBe("libEGL_nvidia.so.0");
  dispose();
  expect(existsSync(file)).toBe(false);
});

test("the processor is what is left, with the environment as it was", async () => {
  const { open, host, disposed, asked } = machine((icd) => (icd === "/ss.json" ? "processor" : undefined), nvidia, {
    VK_ICD_FILENAMES: "/ss.json",
  });
  const { runtime } = await open();
  expect(runtime.software).toBe(true);
  expect(asked).toHaveLength(3);
  expect(host.env["VK_ICD_FILENAMES"]).toBe("/ss.json");
  expect(disposed).toEqual([]);
});

test("the processor is let go of where NVIDIA's driver is found after it", async () => {
  const { open, disposed } = machine((icd) => (icd === "/ss.json" ? "processor" : "gpu"), nvidia, {
    VK_ICD_FILENAMES: "/ss.json",
  });
  const { runtime, dispose } = await open();
  expect(runtime.software).toBe(false);
  expect(disposed).toEqual(["processor"]);
  dispose();
});

test("no other driver is tried where the user chose one, or where there is no NVIDIA GPU", async () => {
  const chosen = machine(() => "processor", nvidia, { VK_ICD_FILENAMES: "/mine.json" }, true);
  expect((await chosen.open()).runtime.software).toBe(true);
  expect(chosen.asked).toEqual(["/mine.json"]);
  const other = machine(() => undefined, []);
  await expect(other.open()).rejects.toThrow("there is no GPU");
  expect(other.asked).toHaveLength(1);
});
