// Runs one kernel compiled and in the interpreter on the same bytes, outputs between sentinels, inputs before poison.
import { expect } from "vitest";
import { compileModule, guardedInput, guardedOutput, WasmRuntime } from "../../../backends/wasm/index.ts";
import { type Buffer, b, type Expr, type Feature, type Kernel, type Scalar, typeOf } from "../../../ir/index.ts";
import { at, byteCount, bytesBuffer, decode, type Outputs } from "../kernels.ts";

export * from "../kernels.ts";

/** One runtime for all tests of a file: kernels free what they allocate. */
export const runtime: WasmRuntime = new WasmRuntime();

export const strict: readonly Feature[] = [];
export const relaxed: readonly Feature[] = ["relaxed-simd"];

/** `y<j>[i] = make(shape_j)(i)` for every shape, as many elements at a time as it has lanes: one kernel for all. */
export function perShape(
  shapes: readonly (readonly number[])[],
  inputs: readonly Buffer[],
  scalar: Scalar,
  count: number,
  value: (load: (buffer: Buffer) => Expr) => Expr,
): Kernel {
  const outputs = shapes.map((_, j) => bytesBuffer(`y${j}`, scalar, count, "output"));
  const body = shapes.map((shape, j) => {
    const width = typeOf("i32", shape).count;
    const i = b.mul(b.variable(`i${j}`), width);
    const y = outputs[j] as Buffer;
    const store = b.store(
      y.name,
      at(y, i, shape),
      value((buffer) => b.load(buffer, at(buffer, i, shape))),
    );
    return b.loop(`i${j}`, count / width, [store]);
  });
  return b.kernel("k", "main", { buffers: [...inputs, ...outputs], body });
}

/** What the compiled kernel leaves in its outputs. */
export function runCompiled(
  kernel: Kernel,
  inputs: Readonly<Record<string, Uint8Array>>,
  options: { features?: readonly Feature[]; symbols?: Readonly<Record<string, number>>; range?: [number, number] } = {},
): Outputs {
  const symbols = options.symbols ?? {};
  const loaded = runtime.loadSync(compileModule([kernel], options.features ?? strict));
  const globals = kernel.buffers.filter((buffer) => buffer.scope === "global");
  const guarded = globals.map((buffer) => {
    const data = inputs[buffer.name];
    return data && buffer.role === "input" ? guardedInput(runtime, data) : guardedOutput(runtime, byteCount(buffer));
  });
  globals.forEach((buffer, i) => {
    const data = inputs[buffer.name];
    if (data && buffer.role !== "input") runtime.write(guarded[i]?.address ?? 0, data);
  });
  const buffers = Object.fromEntries(globals.map((buffer, i) => [buffer.name, guarded[i]?.address ?? 0]));
  loaded.run(kernel.name, { buffers, symbols, ...(options.range ? { range: options.range } : {}) });
  const results: Record<string, readonly number[]> = {};
  globals.forEach((buffer, i) => {
    const guard = guarded[i];
    if (guard === undefined) return;
    expect(guard.violation()).toBeUndefined();
    if (buffer.role !== "input") results[buffer.name] = decode(buffer.scalar, runtime.read(guard.address, guard.bytes));
    guard.free();
  });
  return results;
}
