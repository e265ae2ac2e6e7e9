/** The implementations of WebGPU that are tested, and what each is started with. */
import { existsSync } from "node:fs";
import { enginesFor, hostsOf, type StartHost } from "../../src/tuner/index.ts";

/** Mesa's driver that runs on the processor: of those, the only one with f16. Dawn refuses the old ones. */
const llvmpipe = "/usr/share/vulkan/icd.d/lvp_icd.x86_64.json";

/** A real GPU where there is one, else the processor; and llvmpipe besides where the system has it. */
export const gpus: readonly (readonly [name: string, startHost: StartHost])[] = [
  ...enginesFor("wgsl").map((engine) => [engine, hostsOf(engine, { gpu: "any" })] as const),
  ...(existsSync(llvmpipe)
    ? [
        [
          "deno on llvmpipe",
          hostsOf("deno", { env: { VK_ICD_FILENAMES: llvmpipe, VK_DRIVER_FILES: llvmpipe } }),
        ] as const,
      ]
    : []),
];
