// What the runtime does on a real device, whichever engine runs this file: a program for Node and Deno, one JSON line per check.
// Not here: starting it (engines.test.ts).

import assert from "node:assert/strict";
import { type GpuError, type GpuRuntime, type LaunchShader, openGpu } from "../../../../backends/wgsl/runtime/index.ts";
import { b, type Expr } from "../../../../ir/index.ts";
import { openInjected } from "./injected.ts";

/** A line of the program's output. */
export interface Outcome {
  readonly check: string;
  /** What went wrong; undefined where nothing did. */
  readonly failure?: string;
}

const i32 = (value: number): Expr => b.constant(value, "i32");

interface Given {
  readonly grid: readonly [number | Expr, number, number];
  readonly bindings: LaunchShader["bindings"];
  readonly body: string;
  readonly size?: number;
  readonly symbols?: LaunchShader["symbols"];
}

/** A shader of one expression: buffers of u32, `i` the invocation in its workgroup, `w` the workgroup, `g` counted from the launch's begin. */
function shader({ grid: [x, y, z], bindings, body, size = 64, symbols = [] }: Given): LaunchShader {
  const declared = bindings.map(
    ({ buffer, access }, at) => `@group(0) @binding(${at}) var<storage, ${access}> ${buffer}: array<u32>;`,
  );
  const fields = ["begin: u32", ...symbols.map(({ name }) => `${name}: i32`)];
  const code = `struct Args { ${fields.join(", ")} }
${declared.join("\n")}
@group(0) @binding(${bindings.length}) var<uniform> args: Args;
@compute @workgroup_size(${size})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) i: u32) {
  let w = group.x;
  let g = w + args.begin;
  ${body}
}
`;
  const extents = [typeof x === "number" ? i32(x) : x, i32(y), i32(z)] as const;
  return { name: "test", code, workgroupSize: [size, 1, 1], grid: extents, bindings, symbols, features: [] };
}

const read = (buffer: string, sliced = 0) => ({ buffer, access: "read", sliced }) as const;
const write = (buffer: string) => ({ buffer, access: "read_write", sliced: 0 }) as const;
const words = (data: Uint8Array<ArrayBuffer>): Uint32Array => new Uint32Array(data.buffer);
const counted = (count: number): Uint32Array<ArrayBuffer> => Uint32Array.from({ length: count }, (_, i) => i * 3 + 1);

/** Every byte differs from its neighbours, and the pattern does not repeat with a chunk. */
function bytes(count: number): Uint8Array<ArrayBuffer> {
  const data = new Uint8Array(count);
  for (let i = 0; i < count; i++) data[i] = (i % 251) + (i >> 20);
  return data;
}

/** y[i] = x[i] + m, 64 elements per workgroup. */
const addition = (groups: number): LaunchShader =>
  shader({
    grid: [groups, 1, 1],
    bindings: [read("x"), write("y")],
    symbols: [b.symbol("m", { max: 1000 })],
    body: "y[g * 64 + i] = x[g * 64 + i] + u32(args.m);",
  });

async function refused(action: () => unknown): Promise<GpuError> {
  try {
    await action();
  } catch (error) {
    assert.equal((error as Error).name, "GpuError", String(error));
    return error as GpuError;
  }
  throw new Error("nothing was refused");
}

const checks: Readonly<Record<string, (gpu: GpuRuntime) => Promise<void>>> = {
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
      bindings: [read("w", 16), write("y")],
      body: "y[g] = g + w[w * 4 + 3];".replace("w[w", "ws[w"),
    });
    const renamed = {
      ...many,
      bindings: [read("ws", 16), write("y")],
      code: many.code.replace("> w: array", "> ws: array"),
    };
    const [ws, y] = [await gpu.allocate(groups * 16), await gpu.allocate(groups * 4)];
    await gpu.write(ws, counted(groups * 4));
    const [result] = await gpu.run([{ shader: renamed, buffers: { ws, y } }], [y]);
    assert.deepEqual(
      words(result!),
      Uint32Array.from({ length: groups }, (_, g) => g + (g * 4 + 3) * 3 + 1),
    );
    const high = { ...addition(1), grid: [i32(1), i32(70_000), i32(1)] as const };
    assert.match(
      (await refused(() => gpu.launch([{ shader: high, buffers: { x: ws, y }, symbols: { m: 0 } }]))).message,
      /along y/,
    );
  },

  "a grid of symbols, empty ones too": async (gpu) => {
    const m = b.symbol("m", { max: 8 });
    const rows = shader({
      grid: [b.variable("m"), 1, 1],
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

export async function main(): Promise<void> {
  const gpu = await openGpu();
  const { label, fingerprint, kind } = gpu.device;
  console.error(`${label} (${fingerprint})`);
  assert.equal(kind, "wgsl");
  for (const [check, run] of Object.entries(checks)) {
    const failure = await run(gpu).then(
      () => undefined,
      (error: unknown) => (error instanceof Error ? (error.stack ?? error.message) : String(error)),
    );
    process.stdout.write(
      `${JSON.stringify({ check, failure } satisfies { check: string; failure: string | undefined })}\n`,
    );
  }
  gpu.dispose();
}

export const checkNames: readonly string[] = Object.keys(checks);
