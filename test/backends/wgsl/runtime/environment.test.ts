// Which Vulkan driver a process is given, on machines that are played.

import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";
import { gpuEnvironment, type VulkanHost } from "../../../../backends/wgsl/runtime/environment.ts";
import { isolationHint } from "../../../../backends/wgsl/runtime/isolation.ts";

const swiftShader = { folder: "/ss", icd: "/ss/icd.json", source: "npm x 1" };

/** A Linux machine with these files. */
function machine(files: Readonly<Record<string, string>>, more: Partial<VulkanHost> = {}): VulkanHost {
  const paths = Object.keys(files);
  return {
    platform: "linux",
    env: {},
    list: (folder) =>
      Promise.resolve(
        paths.flatMap((path) => (path.startsWith(`${folder}/`) ? [path.slice(folder.length + 1).split("/")[0]!] : [])),
      ),
    read: (path) => Promise.resolve(files[path] ?? ""),
    swiftShader: () => Promise.resolve(swiftShader),
    ...more,
  };
}

const loader = { "/usr/lib/x86_64-linux-gnu/libvulkan.so.1": "" };
const mesa = {
  "/usr/share/vulkan/icd.d/radeon_icd.x86_64.json": "",
  "/usr/share/vulkan/icd.d/intel_icd.x86_64.json": "",
  "/usr/share/vulkan/icd.d/lvp_icd.x86_64.json": "",
};
const amd = { "/dev/dri/renderD128": "", "/sys/class/drm/renderD128/device/vendor": "0x1002\n" };
const nvidia = { "/dev/nvidia0": "", "/dev/nvidiactl": "", "/usr/local/nvidia/share/vulkan/icd.d/nvidia_icd.json": "" };

test("a real GPU comes first, by its own driver only", async () => {
  const file = "/usr/share/vulkan/icd.d/radeon_icd.x86_64.json";
  expect(await gpuEnvironment({}, machine({ ...loader, ...mesa, ...amd }))).toEqual({
    env: { VK_ICD_FILENAMES: file, VK_DRIVER_FILES: file },
    why: "a GPU of AMD",
  });
  const both = await gpuEnvironment({}, machine({ ...loader, ...mesa, ...amd, ...nvidia }));
  expect(both.why).toBe("a GPU of NVIDIA and AMD");
  expect(both.env["VK_ICD_FILENAMES"]).toBe(`${file}:/usr/local/nvidia/share/vulkan/icd.d/nvidia_icd.json`);
});

test("a machine with a GPU's driver but no Vulkan loader borrows one", async () => {
  const found = await gpuEnvironment({}, machine(nvidia, { env: { LD_LIBRARY_PATH: "/mine:/ss" } }));
  expect(found.env).toMatchObject({ LD_LIBRARY_PATH: "/ss:/mine" });
  expect(found.why).toBe("a GPU of NVIDIA, with the Vulkan loader of npm x 1");
  const none = await gpuEnvironment({}, machine(nvidia, { swiftShader: () => Promise.resolve(undefined) }));
  expect(none.why).toContain("install the package libvulkan1");
});

test("a GPU without a driver, a driver without a GPU, and software where that is asked for: SwiftShader", async () => {
  const software = {
    env: { VK_ICD_FILENAMES: "/ss/icd.json", VK_DRIVER_FILES: "/ss/icd.json", LD_LIBRARY_PATH: "/ss" },
    why: "SwiftShader of npm x 1",
  };
  expect(await gpuEnvironment({}, machine({ ...loader, ...amd }))).toEqual(software);
  expect(await gpuEnvironment({}, machine({ ...loader, ...mesa }))).toEqual(software);
  const chosen = { VK_ICD_FILENAMES: "/gpu.json" };
  expect(await gpuEnvironment({ software: true }, machine({ ...loader, ...mesa, ...amd }, { env: chosen }))).toEqual(
    software,
  );
});

test("llvmpipe where there is no SwiftShader, and what to do where there is nothing", async () => {
  const without = { swiftShader: () => Promise.resolve(undefined) };
  expect((await gpuEnvironment({}, machine(mesa, without))).why).toBe("llvmpipe of the system");
  const nothing = await gpuEnvironment({}, machine({}, without));
  expect(nothing.env).toEqual({});
  expect(nothing.why).toContain("npm install @sparticuz/chromium");
});

test("what the user has set stays, and other systems need nothing", async () => {
  const set = await gpuEnvironment(
    {},
    machine({ ...loader, ...mesa, ...amd }, { env: { VK_ICD_FILENAMES: "/gpu.json" } }),
  );
  expect(set).toEqual({ env: {}, why: "VK_ICD_FILENAMES is set to /gpu.json" });
  expect((await gpuEnvironment({}, machine({}, { platform: "darwin" }))).env).toEqual({});
});

test("a program runs itself again with the environment, its arguments and its exit code", () => {
  const module = new URL("../../../../backends/wgsl/runtime/again.ts", import.meta.url).href;
  const code = `const { runAgainForGpu } = await import(${JSON.stringify(module)});
    const code = await runAgainForGpu({ software: true });
    if (code === undefined) { console.log(JSON.stringify([process.env.VK_ICD_FILENAMES, process.argv.slice(-2)])); process.exitCode = 7; }
    else { console.log(code); process.exitCode = 0; }`;
  const env = { ...process.env, QLOOM_GPU_ENVIRONMENT: undefined };
  const args = ["--input-type=module", "--eval", code, "--", "a b", "--c"];
  const [again, ended] = execFileSync(process.execPath, args, { encoding: "utf8", env }).trim().split("\n");
  expect(JSON.parse(again!)).toEqual([expect.stringContaining("swiftshader"), ["a b", "--c"]]);
  expect(ended).toBe("7");
});

test("a page without isolation is told what that is for", () => {
  expect(isolationHint({ crossOriginIsolated: true })).toBeUndefined();
  expect(isolationHint({})).toBeUndefined();
  expect(isolationHint()).toBeUndefined();
  expect(isolationHint({ crossOriginIsolated: false })).toMatchInlineSnapshot(
    `"this page is not cross-origin isolated: WebGPU works all the same and so do kernels for Wasm, but those can't share memory among threads; serve the page with the headers Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp"`,
  );
});
