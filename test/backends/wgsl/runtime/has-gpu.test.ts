// Whether a machine that is played has a GPU: a device alone is none without its driver.

import { expect, test } from "vitest";
import { hasGpu, type VulkanHost } from "../../../../backends/wgsl/runtime/environment.ts";

const machine = (platform: string, ...paths: readonly string[]): VulkanHost => ({
  platform,
  env: {},
  list: async (folder) =>
    paths.flatMap((path) => (path.startsWith(`${folder}/`) ? [path.slice(folder.length + 1)] : [])),
  read: async (path) => (path.endsWith("/vendor") ? "0x1002\n" : ""),
  swiftShader: async () => undefined,
});

test("a GPU is a device with its driver", async () => {
  const [device, driver] = ["/dev/dri/renderD128", "/usr/share/vulkan/icd.d/radeon_icd.x86_64.json"];
  expect(await hasGpu(machine("linux", device, driver))).toBe(true);
  expect(await hasGpu(machine("linux", device))).toBe(false);
  expect(await hasGpu(machine("linux", driver))).toBe(false);
  expect(await hasGpu(machine("darwin"))).toBe(true);
});
