// Checks on a real device: computing, moving data, limits, timing.

import assert from "node:assert/strict";
import { type GpuRuntime, openGpu } from "../../../../backends/wgsl/runtime/index.ts";
import { b } from "../../../../ir/index.ts";
import { addition, bytes, counted, read, refused, shader, words, write } from "./small-shaders.ts";

export const runningChecks: Readonly<Record<string, (gpu: GpuRuntime) => Promise<void>>> = {
  "a launch computes": async (gpu) => {
    const [x, y] = [await gpu.allocate(4 * 640), await gpu.allocate(4 * 640)];
    await gpu.write(x, counted(640));
    const [result] = await gpu.run([{ shader: addition(10), buffers: { x, y }, symbols: { m: 5 } }], [y]);
    assert.deepEqual(
      words(result!),
      counted(640).map((v) => v + 5),
    );
  },

  "launches run in order, each after the writes before it": async (gpu) => {
    const [x, y] = [await gpu.allocate(256), await gpu.allocate(256)];
    const step = (from: typeof x, to: typeof x) => ({
      shader: addition(1),
      buffers: { x: from, y: to },
      symbols: { m: 1 },
    });
    const prepared = await gpu.prepare(Array.from({ length: 20 }, (_, i) => (i % 2 === 0 ? step(x, y) : step(y, x))));
    const pending = [gpu.write(x, new Uint32Array(64)), gpu.launch(prepared), gpu.launch(prepared)];
    const first = gpu.read(x);
    // Compiled, though not prepared: still before the write that follows.
    pending.push(gpu.launch([step(x, y)]), gpu.write(x, new Uint32Array(64)));
    assert.equal(words(await first)[63], 40);
    assert.equal(words(await gpu.read(y))[63], 41);
    await Promise.all(pending);
    await gpu.done();
  },

  "data goes in and out, whatever its size and place": async (gpu) => {
    for (const size of [0, 1, 3, 4, 17, 4096, 4099]) {
      const tensor = await gpu.allocate(size);
      await gpu.write(tensor, bytes(size));
      assert.deepEqual(await gpu.read(tensor), bytes(size));
    }
    const tensor = await gpu.allocate(100);
    await gpu.write(tensor, bytes(100).subarray(3, 15), 8);
    await gpu.write(tensor, new Uint8Array(new SharedArrayBuffer(8)).fill(9), 92);
    const expected = new Uint8Array(100).fill(0);
    expected.set(bytes(100).subarray(3, 15), 8);
    expected.fill(9, 92);
    assert.deepEqual(await gpu.read(tensor, 5, 90), expected.slice(5, 95));
  },

  "a tensor of many chunks and slices": async (gpu) => {
    const small = await openGpu({ maxBinding: 3 * 2 ** 20 });
    const data = bytes(21 * 2 ** 20 + 5);
    for (const runtime of [gpu, small]) {
      const tensor = await runtime.allocate(data.length, { unit: 2 ** 16 });
      assert.equal(tensor.slices.length, runtime === small ? 11 : 1);
      await runtime.write(tensor, data);
      assert.equal(Buffer.compare(await runtime.read(tensor), data), 0);
      const [result] = await runtime.run([], [tensor]);
      assert.equal(Buffer.compare(result!, data), 0);
      const from = 3 * 2 ** 20 - 70;
      assert.deepEqual(await runtime.read(tensor, from, 200), data.slice(from, from + 200));
    }
    small.dispose();
  },

  "weights over a binding's limit are run slice by slice": async () => {
    const gpu = await openGpu({ maxBinding: 4096 });
    const groups = 70;
    // Eight words of codes and four of scales per workgroup; their slices end at the same workgroups.
    const sliced = shader({
      grid: [groups, 2, 1],
      bindings: [read("codes", 256), read("scales", 16), write("y")],
      body: "y[g * 128 + group.y * 64 + i] = codes[w * 64 + i] * scales[w * 4 + i % 4] + group.y;",
    });
    const codes = await gpu.allocate(groups * 256, { label: "codes", unit: 256, perSlice: 16 });
    const scales = await gpu.allocate(groups * 16, { label: "scales", unit: 16, perSlice: 16 });
    const y = [await gpu.allocate(4096)];
    assert.deepEqual([codes.slices.length, scales.slices.length], [5, 5]);
    assert.equal((await refused(() => gpu.allocate(groups * 512, { label: "y" }))).fault, "limit");
    y[0]!.free();
    gpu.dispose();
    const wide = await openGpu({ maxBinding: 2 ** 16 });
    const tensors = {
      codes: await wide.allocate(groups * 256, { unit: 256, perSlice: 16 }),
      scales: await wide.allocate(groups * 16, { unit: 16, perSlice: 16 }),
      y: await wide.allocate(groups * 512),
    };
    await wide.write(tensors.codes, counted(groups * 64));
    await wide.write(tensors.scales, counted(groups * 4));
    const [result] = await wide.run([{ shader: sliced, buffers: tensors }], [tensors.y]);
    const [c, s] = [counted(groups * 64), counted(groups * 4)];
    const expected = Uint32Array.from({ length: groups * 128 }, (_, at) => {
      const [g, part, i] = [Math.floor(at / 128), Math.floor(at / 64) % 2, at % 64];
      return c[g * 64 + i]! * s[g * 4 + (i % 4)]! + part;
    });
    assert.deepEqual(words(result!), expected);
    wide.dispose();
  },

  "more workgroups than a dimension allows": async (gpu) => {
    const groups = 70_000;
    const many = shader({
      grid: [groups, 1, 1],
      size: 1,
      bindings: [read("weights", 16), write("y")],
      body: "y[g] = g + weights[w * 4 + 3];",
    });
    const [weights, y] = [await gpu.allocate(groups * 16), await gpu.allocate(groups * 4)];
    await gpu.write(weights, counted(groups * 4));
    const [result] = await gpu.run([{ shader: many, buffers: { weights, y } }], [y]);
    assert.deepEqual(
      words(result!),
      Uint32Array.from({ length: groups }, (_, g) => g + (g * 4 + 3) * 3 + 1),
    );
    const high = { ...addition(1), grid: [1, 70_000, 1] as const };
    const error = await refused(() => gpu.launch([{ shader: high, buffers: { x: weights, y }, symbols: { m: 0 } }]));
    assert.match(error.message, /along y/);
  },

  "a grid of symbols, empty ones too": async (gpu) => {
    const m = b.symbol("m", { max: 8 });
    const rows = shader({
      grid: [({ m = 0 }) => m, 1, 1],
      bindings: [write("y")],
      symbols: [m],
      body: "y[g * 64 + i] = u32(args.m);",
    });
    const y = await gpu.allocate(8 * 256);
    for (const rowCount of [0, 3]) await gpu.launch([{ shader: rows, buffers: { y }, symbols: { m: rowCount } }]);
    assert.deepEqual(
      words(await gpu.read(y)),
      Uint32Array.from({ length: 512 }, (_, at) => (at < 192 ? 3 : 0)),
    );
    assert.match(
      (await refused(() => gpu.launch([{ shader: rows, buffers: { y }, symbols: { m: 9 } }]))).message,
      /m = 9/,
    );
  },

  "adapters and features that are not there": async (gpu) => {
    const software = await openGpu({ software: true });
    assert.equal(software.software, true);
    software.dispose();
    if (gpu.device.features.includes("f16")) return;
    assert.match((await refused(() => openGpu({ features: ["f16"] }))).message, /feature f16 was asked for/);
  },

  "limits of the adapter": async (gpu) => {
    const raised = await openGpu({ limits: "adapter" });
    for (const limit of ["maxBinding", "maxBuffer", "workgroupMemory"])
      assert(raised.device.limits[limit]! >= gpu.device.limits[limit]!);
    assert.deepEqual(gpu.sizeLimits, { maxBinding: 2 ** 27, maxBuffer: 2 ** 28 });
    assert.equal(gpu.device.limits["workgroupMemory"], 16384);
    raised.dispose();
  },

  timing: async (gpu) => {
    const y = await gpu.allocate(64 * 4);
    const spin = shader({
      grid: [4, 1, 1],
      bindings: [write("y")],
      body: "var v = y[i]; for (var n = 0u; n < 2000u; n++) { v = v * 1664525u + g; } y[i] = v;",
    });
    const timer = await gpu.timer();
    assert.equal(await gpu.timer(), timer);
    const { clock, quantumMs, overheadMs } = timer.facts;
    assert(clock === "wall" || clock === "timestamps");
    assert(quantumMs > 0 && overheadMs > 0 && timer.sampleMs >= 2);
    const work = await gpu.prepare([{ shader: spin, buffers: { y } }]);
    const times = await timer.batchSize(work);
    assert(times >= 1);
    assert((await timer.time(work, times)) > 0);
  },
};
