// Checks on a real device: what is refused, and devices that are lost.

import assert from "node:assert/strict";
import { type GpuRuntime, openGpu } from "../../../../backends/wgsl/runtime/index.ts";
import { openInjected } from "./injected.ts";
import { addition, bytes, read, refused, shader, words, write } from "./small-shaders.ts";

export const faultChecks: Readonly<Record<string, (gpu: GpuRuntime) => Promise<void>>> = {
  "a shader is compiled once, also when asked for twice at the same time": async (gpu) => {
    const one = shader({ grid: [1, 1, 1], bindings: [write("y")], body: "y[i] = 12345;" });
    const device = gpu.gpu;
    const make = device.createShaderModule.bind(device);
    let made = 0;
    device.createShaderModule = (descriptor) => {
      made++;
      return make(descriptor);
    };
    await Promise.all([gpu.compile([one, { ...one, name: "again" }]), gpu.compile([one])]);
    await gpu.compile([one]);
    assert.equal(made, 1);
    // A refused one is not kept.
    const bad = { ...one, code: "fn" };
    for (let i = 0; i < 2; i++) assert.equal((await refused(() => gpu.compile([bad]))).fault, "shader");
    assert.equal(made, 3);
  },

  "a refused shader is told by its line": async (gpu) => {
    const good = addition(1);
    const bad = { ...good, code: good.code.replace("+ u32(args.m)", "* 2.5f") };
    const error = await refused(() => gpu.compile([bad]));
    assert.equal(error.fault, "shader");
    const line = bad.code.split("\n").findIndex((text) => text.includes("2.5f")) + 1;
    assert.match(error.message, new RegExp(`kernel test: line ${line}: .*\\* 2\\.5f`));
    assert.match(error.render(), new RegExp(`\n> *${line} \\| .*2\\.5f`));
    const entry = await refused(() => gpu.compile([{ ...good, code: good.code.replace("fn main", "fn other") }]));
    assert.equal(entry.fault, "shader");
    assert.match(entry.message, /main/);
  },

  "what a device can't take is refused before it is asked": async (gpu) => {
    const good = addition(1);
    const wide = await refused(() => gpu.compile([{ ...good, workgroupSize: [512, 1, 1] }]));
    assert.match(wide.message, /512 invocations in a workgroup is over the limit of 256/);
    const many = Array.from({ length: 9 }, (_, i) => read(`b${i}`));
    assert.match((await refused(() => gpu.compile([{ ...good, bindings: many }]))).message, /9 storage buffers/);
    const plain = await openGpu({ features: [] });
    assert.deepEqual(plain.device.features, []);
    assert.equal((await refused(() => plain.compile([{ ...good, features: ["packed-dot"] }]))).fault, "feature");
    plain.dispose();
    const size = gpu.sizeLimits.maxBinding + 4;
    assert.equal((await refused(() => gpu.allocate(size, { label: "w" }))).fault, "limit");
  },

  "a call that lacks or misfits something": async (gpu) => {
    const [x, y] = [await gpu.allocate(256, { label: "x" }), await gpu.allocate(256)];
    const launch = { shader: addition(1), buffers: { x, y }, symbols: { m: 1 } };
    assert.match((await refused(() => gpu.launch([{ ...launch, buffers: { x } }]))).message, /buffer y has no tensor/);
    assert.match((await refused(() => gpu.write(x, bytes(8), 252))).message, /stay within it/);
    assert.match((await refused(() => gpu.write(x, bytes(3)))).message, /multiple of 4 bytes/);
    assert.match((await refused(() => gpu.read(x, 250, 10))).message, /stay within it/);
    const prepared = await gpu.prepare([launch]);
    x.free();
    assert.match((await refused(() => gpu.launch(prepared))).message, /x was freed/);
    assert.match((await refused(() => gpu.read(x))).message, /x was freed/);
    const other = await openGpu();
    assert.match((await refused(() => other.read(y))).message, /another runtime/);
    other.dispose();
  },

  "what only the driver notices is captured": async (gpu) => {
    // A buffer can't be read and written in one dispatch.
    const y = await gpu.allocate(256);
    const error = await refused(() => gpu.launch([{ shader: addition(1), buffers: { x: y, y }, symbols: { m: 1 } }]));
    assert.equal(error.fault, "driver");
    assert.match(error.message, /failed at running test/);
    const prepared = await gpu.prepare([
      { shader: addition(1), buffers: { x: await gpu.allocate(256), y }, symbols: { m: 1 } },
    ]);
    await gpu.launch(prepared);
  },

  "a destroyed device fails what waits and what follows, and is opened again": async () => {
    const gpu = await openGpu();
    const y = await gpu.allocate(4096);
    const reading = refused(() => gpu.read(y));
    gpu.gpu.destroy();
    assert.equal((await reading).fault, "lost");
    assert.equal((await gpu.lost).fault, "lost");
    assert.equal(gpu.error?.fault, "lost");
    const calls: readonly (() => unknown)[] = [
      () => gpu.allocate(4),
      () => gpu.write(y, bytes(4)),
      () => gpu.read(y),
      () => gpu.compile([addition(1)]),
      () => gpu.launch([]),
      () => gpu.done(),
      () => gpu.timer(),
      () => gpu.gpu,
    ];
    for (const call of calls) assert.equal((await refused(call)).fault, "lost");
    const again = await gpu.reopen();
    assert.deepEqual(again.device, gpu.device);
    assert.deepEqual(await again.read(await again.allocate(4)), new Uint8Array(4));
    again.dispose();
  },

  "a loss in the middle of a run": async () => {
    const { gpu, lose } = await openInjected();
    const [x, y] = [await gpu.allocate(256), await gpu.allocate(256)];
    const launch = { shader: addition(1), buffers: { x, y }, symbols: { m: 1 } };
    const running = refused(() => gpu.run([launch], [y]));
    lose("the GPU was reset");
    assert.match((await running).message, /the GPU was reset/);
    assert.match((await refused(() => gpu.run([launch], [y]))).message, /reopen/);
    const again = await gpu.reopen();
    const tensors = { x: await again.allocate(256), y: await again.allocate(256) };
    const [result] = await again.run([{ ...launch, buffers: tensors }], [tensors.y]);
    assert.deepEqual(words(result!), new Uint32Array(64).fill(1));
    again.dispose();
  },

  "a runtime that was disposed of": async () => {
    const gpu = await openGpu();
    const y = await gpu.allocate(4096);
    const reading = refused(() => gpu.read(y));
    gpu.dispose();
    gpu.dispose();
    assert.equal((await reading).fault, "closed");
    assert.equal((await refused(() => gpu.read(y))).fault, "closed");
    assert.equal((await gpu.lost).fault, "closed");
  },

  "memory that tensors take": async () => {
    const gpu = await openGpu();
    const tensor = await gpu.allocate(1000);
    assert.equal(gpu.usedBytes, 1008);
    tensor.free();
    assert.equal(gpu.usedBytes, 0);
    gpu.dispose();
  },
};
