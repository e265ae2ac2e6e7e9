/** Guards around tensors on a GPU, on one that is played; and what its errors say of a candidate. Real ones are in test/engines. */
import { describe, expect, test } from "vitest";
import { GpuError, type GpuFault, type GpuRuntime } from "../../../backends/index.ts";
import { CandidateFailure } from "../../../src/tuner/measuring/contestant.ts";
import { outcomeOf } from "../../../src/tuner/measuring/contestant-gpu.ts";
import { guardedInput, guardedOutput } from "../../../src/tuner/measuring/gpu-guard.ts";

/** A runtime that keeps tensors as bytes, refusing writes that a GPU refuses. */
function played(maxBinding = 2 ** 20) {
  const contents: Uint8Array<ArrayBuffer>[] = [];
  const runtime = {
    sizeLimits: { maxBinding, maxBuffer: 2 ** 28 },
    allocate: async (bytes: number) => {
      contents.push(new Uint8Array(bytes));
      return contents.length - 1;
    },
    write: async (tensor: number, data: Uint8Array, at = 0) => {
      const whole = contents[tensor]!;
      if (at % 4 !== 0 || (data.length % 4 !== 0 && at + data.length !== whole.length)) throw new Error("unaligned");
      whole.set(data, at);
    },
    read: async (tensor: number) => contents[tensor]!.slice(),
  };
  return { runtime: runtime as unknown as GpuRuntime, contents };
}

describe("a guarded input", () => {
  test.each([0, 1, 7, 16, 100])("of %i bytes is followed by poison", async (bytes) => {
    const { runtime, contents } = played();
    const data = Uint8Array.from({ length: bytes }, (_, i) => i);
    await guardedInput(runtime, "x", data);
    expect([...contents[0]!.subarray(0, bytes)]).toEqual([...data]);
    const behind = contents[0]!.subarray(bytes);
    expect(behind.length).toBeGreaterThanOrEqual(1024);
    expect(behind.every((byte) => byte === 0xff)).toBe(true);
    expect(contents[0]!.length % 16).toBe(0);
  });

  test("is no larger than the device allows, nor where it is cut into slices", async () => {
    const { runtime, contents } = played(256);
    await guardedInput(runtime, "x", new Uint8Array(250));
    expect(contents[0]).toHaveLength(256);
    await guardedInput(runtime, "w", new Uint8Array(512), { unit: 128 });
    expect(contents[1]).toHaveLength(512);
  });
});

describe("a guarded output", () => {
  test("is poison with sentinels behind, and tells where those were overwritten", async () => {
    const { runtime, contents } = played();
    const output = await guardedOutput(runtime, "y", 22);
    const read = await output.read();
    expect(read).toHaveLength(22);
    expect(read.every((byte) => byte === 0xff)).toBe(true);
    expect(output.violation(read)).toBeUndefined();
    contents[0]!.fill(0, 0, 22);
    expect(output.violation(await output.read())).toBeUndefined();
    contents[0]![22] = 0;
    expect(output.violation(await output.read())).toBe("y: 0 bytes behind the buffer's end a byte was overwritten");
  });
});

test.each([
  ["shader", "trap"],
  ["limit", "trap"],
  ["call", "trap"],
  ["lost", "crash"],
] as const)("%s is a %s", (fault, outcome) => {
  const failed = outcomeOf(new GpuError(fault, "said so"));
  expect(failed).toBeInstanceOf(CandidateFailure);
  expect((failed as CandidateFailure).failure).toEqual({ outcome, reason: "GpuError: said so" });
});

test.each(["memory", "closed", "no-adapter"] as const)("%s is not a candidate's fault", (fault: GpuFault) => {
  const error = new GpuError(fault, "said so");
  expect(outcomeOf(error)).toBe(error);
});
