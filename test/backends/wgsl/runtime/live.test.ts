// A device that goes away, and errors that WebGPU keeps to itself. The devices are played.

import { expect, test } from "vitest";
import { LiveDevice } from "../../../../backends/wgsl/runtime/live.ts";
import { allocateTensor } from "../../../../backends/wgsl/runtime/tensor.ts";
import { fakeDevice } from "./fakes.ts";

function open() {
  const fake = fakeDevice();
  return { ...fake, live: new LiveDevice(fake.gpu, "Acme 1") };
}

const never = new Promise<never>(() => {});

test("a wait that would never end ends with the loss, and so does every later call", async () => {
  const { live, lose } = open();
  const waiting = live.wait("reading y", never);
  lose("it fell off the bus\nat once");
  await expect(waiting).rejects.toMatchObject({
    fault: "lost",
    message: expect.stringContaining("(Acme 1: it fell off the bus)") as string,
  });
  expect(live.error?.fault).toBe("lost");
  await expect(live.wait("reading y", Promise.resolve(1))).rejects.toMatchObject({ fault: "lost" });
  expect(() => live.captured("y", () => 1)).toThrow("lost");
});

test("a wait that succeeds only after the loss has failed", async () => {
  const { live, lose } = open();
  lose("gone");
  await live.gone;
  await expect(live.wait("reading y", Promise.resolve(1))).rejects.toMatchObject({ fault: "lost" });
});

test("a refusal that the loss explains a moment later is told as the loss", async () => {
  const { live, lose } = open();
  const waiting = live.wait("reading y", Promise.reject(new DOMException("", "AbortError")));
  setTimeout(() => lose("gone"), 5);
  await expect(waiting).rejects.toMatchObject({ fault: "lost" });
});

test("a refusal that nothing explains is the driver's", async () => {
  await expect(open().live.wait("reading y", Promise.reject(new Error("no\nway")))).rejects.toMatchObject({
    fault: "driver",
    message: expect.stringContaining("reading y: no:") as string,
  });
});

test("closing ends waits and the device, once", async () => {
  const { live, isDestroyed, lose } = open();
  const waiting = live.wait("reading y", never);
  live.close();
  live.close();
  lose("destroyed", "destroyed");
  await expect(waiting).rejects.toMatchObject({ fault: "closed" });
  expect(isDestroyed()).toBe(true);
  expect((await live.gone).fault).toBe("closed");
});

test.each([
  ["out-of-memory", "memory"],
  ["validation", "driver"],
  ["internal", "driver"],
] as const)("an error of the scope %s", async (filter, fault) => {
  const { live, fail, openScopes } = open();
  fail({ [filter]: "because\nof that" });
  const { value, accepted } = live.captured("w of 64 bytes", () => 7);
  expect(value).toBe(7);
  await expect(accepted).rejects.toMatchObject({ fault, message: expect.stringContaining("w of 64 bytes") as string });
  expect(openScopes()).toBe(0);
  await live.captured("w", () => 7).accepted;
});

test("an action that throws leaves no scope open", () => {
  const { live, openScopes } = open();
  expect(() =>
    live.captured("w", () => {
      throw new Error("mine");
    }),
  ).toThrow("mine");
  expect(openScopes()).toBe(0);
});

test("a tensor that the GPU has no memory for", async () => {
  const { live, fail } = open();
  const limits = { maxBinding: 2 ** 27, maxBuffer: 2 ** 28 };
  const kept = await allocateTensor(live, 1000, { label: "x" }, limits);
  expect(live.usedBytes).toBe(1008);
  fail({ "out-of-memory": "" });
  await expect(allocateTensor(live, 4096, { label: "w" }, limits)).rejects.toThrow(
    "the GPU has no memory for w of 4096 bytes (1008 bytes are in use here)",
  );
  kept.free();
  kept.free();
  expect(live.usedBytes).toBe(0);
  expect(() => kept.requireOf(live)).toThrow("x was freed");
});
