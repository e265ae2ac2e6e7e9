// Shaders of a line or two for tests, data for them, and what a call that must fail fails with.

import assert from "node:assert/strict";
import type { GpuError, LaunchShader, ShaderBinding } from "../../../../backends/wgsl/runtime/index.ts";
import { b } from "../../../../ir/index.ts";

interface Given {
  readonly grid: LaunchShader["grid"];
  readonly bindings: LaunchShader["bindings"];
  readonly body: string;
  readonly size?: number;
  readonly symbols?: LaunchShader["symbols"];
}

/** A shader of one expression: buffers of u32, `i` the invocation in its workgroup, `w` the workgroup, `g` counted from the launch's begin. */
export function shader({ grid, bindings, body, size = 64, symbols = [] }: Given): LaunchShader {
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
  return { name: "test", code, workgroupSize: [size, 1, 1], grid, bindings, symbols, features: [] };
}

export const read = (buffer: string, sliced = 0): ShaderBinding => ({ buffer, access: "read", sliced });
export const write = (buffer: string): ShaderBinding => ({ buffer, access: "read_write", sliced: 0 });
export const words = (data: Uint8Array<ArrayBuffer>): Uint32Array => new Uint32Array(data.buffer);
export const counted = (count: number): Uint32Array<ArrayBuffer> =>
  Uint32Array.from({ length: count }, (_, i) => i * 3 + 1);

/** Every byte differs from its neighbours, and the pattern does not repeat with a chunk. */
export function bytes(count: number): Uint8Array<ArrayBuffer> {
  const data = new Uint8Array(count);
  for (let i = 0; i < count; i++) data[i] = (i % 251) + (i >> 20);
  return data;
}

/** y[i] = x[i] + m, 64 elements per workgroup. */
export const addition = (groups: number): LaunchShader =>
  shader({
    grid: [groups, 1, 1],
    bindings: [read("x"), write("y")],
    symbols: [b.symbol("m", { max: 1000 })],
    body: "y[g * 64 + i] = x[g * 64 + i] + u32(args.m);",
  });

export async function refused(action: () => unknown): Promise<GpuError> {
  try {
    await action();
  } catch (error) {
    assert.equal((error as Error).name, "GpuError", String(error));
    return error as GpuError;
  }
  throw new Error("nothing was refused");
}
