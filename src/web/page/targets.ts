/** What this browser can compute on, found out by asking it: what is told to the visitor, and the device that records are about. */
import { openGpu } from "../../../backends/index.ts";
import { type Device, QloomError } from "../../../ir/index.ts";
import { timerQuantum } from "../../timing/index.ts";
import { pageHosts, probeDevice } from "../../tuner/index.ts";
import type { TargetName } from "./settings.ts";

/** A line about a device. */
export type Fact = readonly [name: string, value: string];

export interface FoundTarget {
  readonly name: TargetName;
  readonly title: string;
  /** As the worker that measures has it; undefined where it can't measure on this target. */
  readonly device: Device | undefined;
  /** Why there is no device, and what to do. */
  readonly missing: string | undefined;
  readonly facts: readonly Fact[];
  /** What makes it worse than it could be, and what to do. */
  readonly notes: readonly string[];
}

interface Target {
  readonly title: string;
  readonly kind: Device["kind"];
  /** Makes sure that it is there at all, and gives the notes; what this throws says what to do. */
  readonly look: () => Promise<readonly string[]>;
  readonly facts: (device: Device) => readonly Fact[];
}

const yes = (has: boolean): string => (has ? "yes" : "no");

const mebibytes = (bytes: number | undefined): string =>
  bytes === undefined ? "unknown" : bytes < 2 ** 20 ? `${bytes / 2 ** 10} KiB` : `${Math.round(bytes / 2 ** 20)} MiB`;

const onProcessor =
  "This adapter is the processor, not a GPU: kernels are right on it, and their times say nothing about GPUs. Where there is a GPU, see what chrome://gpu says of WebGPU.";
const notIsolated =
  "This page is not cross-origin isolated: its clock has coarse steps, so that trials take longer, and threads can share no memory. " +
  "Serve it with the headers Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp, as qloom serve does without --no-isolated.";

const targets: Readonly<Record<TargetName, Target>> = {
  webgpu: {
    title: "WebGPU",
    kind: "wgsl",
    look: async () => {
      const runtime = await openGpu();
      runtime.dispose();
      return runtime.software ? [onProcessor] : [];
    },
    facts: ({ label, engine, features, limits }) => [
      ["Adapter", label],
      ["Engine", engine],
      ["16-bit floats", yes(features.includes("f16"))],
      ["Subgroups", features.includes("subgroups") ? `${limits["subgroupMin"]} to ${limits["subgroupMax"]}` : "no"],
      ["Packed dot products", yes(features.includes("packed-dot"))],
      ["Workgroup memory", mebibytes(limits["workgroupMemory"])],
      ["Invocations of a workgroup", String(limits["invocations"])],
      ["Largest binding", mebibytes(limits["maxBinding"])],
    ],
  },
  wasm: {
    title: "WebAssembly",
    kind: "wasm",
    look: async () => (crossOriginIsolated ? [] : [notIsolated]),
    facts: ({ label, engine, features, limits }) => [
      ["Processor", label],
      ["Engine", engine],
      ["Relaxed SIMD", yes(features.includes("relaxed-simd"))],
      ["Shared memory", yes(features.includes("shared-memory"))],
      ["64-bit memory", yes(features.includes("memory64"))],
      ["Cores", String(limits["cores"])],
      ["Most memory", mebibytes(limits["maxMemory"])],
      ["Step of the clock", `${Number((1000 * timerQuantum()).toPrecision(2))} µs`],
    ],
  },
};

/** What of a target is here. Throws only what is a fault of qloom's. */
export async function findTarget(name: TargetName): Promise<FoundTarget> {
  const { title, kind, look, facts } = targets[name];
  try {
    const notes = await look();
    const device = await probeDevice(pageHosts(), kind);
    return { name, title, device, missing: undefined, facts: facts(device), notes };
  } catch (error) {
    if (!(error instanceof QloomError)) throw error;
    return { name, title, device: undefined, missing: error.message, facts: [], notes: [] };
  }
}
