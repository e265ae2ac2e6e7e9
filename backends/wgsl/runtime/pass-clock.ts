/** Times passes on a device: timestamps around the pass where it has them, and the wall around the submission. */
import type { LiveDevice } from "./live.ts";
import type { Prepared, Recorder } from "./recorder.ts";
import type { LaunchShader } from "./shader.ts";
import type { TimedPass } from "./stamps.ts";
import type { GpuTensor } from "./tensor.ts";
import type { PassClock } from "./timer.ts";
import { mapModeRead, usage } from "./usage.ts";

/** Keeps one workgroup busy for some tens of microseconds. */
const probeShader: LaunchShader = {
  name: "timing probe",
  code: `struct Args { begin: u32 }
@group(0) @binding(0) var<storage, read_write> y: array<u32>;
@group(0) @binding(1) var<uniform> args: Args;
@compute @workgroup_size(64) fn main(@builtin(local_invocation_index) i: u32) {
  var x = y[i] + args.begin;
  for (var n = 0u; n < 4096u; n++) { x = x * 1664525u + 1013904223u; }
  y[i] = x;
}
`,
  workgroupSize: [64, 1, 1],
  grid: [1, 1, 1],
  bindings: [{ buffer: "y", access: "read_write", sliced: 0 }],
  symbols: [],
  features: [],
};

/** The bytes of the buffer that the probe writes. */
export const probeBytes = 256;

interface Stamps {
  readonly queries: GPUQuerySet;
  readonly resolved: GPUBuffer;
  readonly staging: GPUBuffer;
}

/** A clock for passes of a device. `y` is a tensor of `probeBytes` bytes. */
export async function passClock(live: LiveDevice, recorder: Recorder, y: GpuTensor): Promise<PassClock<Prepared>> {
  const probe = await recorder.prepare([{ shader: probeShader, buffers: { y } }]);
  const stamps = live.gpu.features.has("timestamp-query") ? makeStamps(live.gpu) : undefined;
  return {
    hasStamps: stamps !== undefined,
    wallQuantumMs: wallQuantum(),
    probe,
    pass: (work, times) => timePass(live, recorder, stamps, work, times),
  };
}

function makeStamps(gpu: GPUDevice): Stamps {
  return {
    queries: gpu.createQuerySet({ type: "timestamp", count: 2 }),
    resolved: gpu.createBuffer({ label: "stamps", size: 16, usage: usage.queryResolve | usage.copySource }),
    staging: gpu.createBuffer({ label: "stamps", size: 16, usage: usage.mapRead | usage.copyTarget }),
  };
}

async function timePass(
  live: LiveDevice,
  recorder: Recorder,
  stamps: Stamps | undefined,
  work: Prepared,
  times: number,
): Promise<TimedPass> {
  const { gpu } = live;
  const { value: start, accepted } = live.captured(`timing ${work.label}`, () => {
    const encoder = gpu.createCommandEncoder();
    const pass = encoder.beginComputePass(
      stamps && {
        timestampWrites: { querySet: stamps.queries, beginningOfPassWriteIndex: 0, endOfPassWriteIndex: 1 },
      },
    );
    recorder.record(pass, work, times);
    pass.end();
    if (stamps) {
      encoder.resolveQuerySet(stamps.queries, 0, 2, stamps.resolved, 0);
      encoder.copyBufferToBuffer(stamps.resolved, 0, stamps.staging, 0, 16);
    }
    const commands = encoder.finish();
    const now = performance.now();
    gpu.queue.submit([commands]);
    return now;
  });
  // Mapping waits for the submission; some engines look for the end of a wait every few milliseconds only, so there is one wait.
  const finished = stamps ? stamps.staging.mapAsync(mapModeRead) : gpu.queue.onSubmittedWorkDone();
  await live.wait(`timing ${work.label}`, finished);
  const wallMs = performance.now() - start;
  const words = stamps && new BigUint64Array(stamps.staging.getMappedRange());
  const read = words && { begin: words[0]!, end: words[1]! };
  stamps?.staging.unmap();
  await accepted;
  return read ? { wallMs, stamps: read } : { wallMs };
}

/** The smallest step of `performance.now` in milliseconds; browsers make it coarse. The median, since an interrupted step looks longer. */
function wallQuantum(): number {
  const steps = Array.from({ length: 9 }, () => {
    const start = performance.now();
    let now = start;
    while (now === start) now = performance.now();
    return now - start;
  });
  return steps.sort((a, b) => a - b)[4]!;
}
