// The runtime: addresses, growth up to 4 GiB, guards, calls with checked arguments. Pages that are not touched take no memory here.
import { describe, expect, onTestFinished, test } from "vitest";
import {
  compileModule,
  guardedInput,
  guardedOutput,
  WasmRuntime,
  WasmRuntimeError,
} from "../../../backends/wasm/index.ts";
import { Allocator } from "../../../backends/wasm/runtime/allocator.ts";
import { b } from "../../../ir/index.ts";
import { at, bytesBuffer, strict } from "./harness.ts";

const gib = 2 ** 30;

/** `y[i] = x[i] + 1` for `count` values of f32. */
function increment(count: number) {
  const [x, y] = [bytesBuffer("x", "f32", count), bytesBuffer("y", "f32", count, "output")];
  const i = b.variable("i");
  const value = b.add(b.load(x, at(x, i)), 1);
  return b.kernel("increment", "main", {
    buffers: [x, y],
    body: [b.loop("i", count, [b.store("y", at(y, i), value)])],
  });
}

describe("addresses", () => {
  test("are multiples of 64, never 0, and are used again", () => {
    const allocator = new Allocator(64, 1024);
    const [p, q, r] = [allocator.allocate(1), allocator.allocate(65), allocator.allocate(64)] as [
      number,
      number,
      number,
    ];
    expect([p, q, r]).toEqual([64, 128, 256]);
    allocator.free(q);
    expect(allocator.allocate(200)).toBe(320);
    expect(allocator.allocate(128)).toBe(128);
    allocator.free(p);
    allocator.free(128);
    allocator.free(r);
    expect(allocator.allocate(256)).toBe(64);
    expect(() => allocator.free(r)).toThrow(/free of address 256: nothing is allocated there/);
  });

  test("neighbours merge in every order", () => {
    for (const order of [
      [0, 1, 2],
      [0, 2, 1],
      [1, 0, 2],
      [1, 2, 0],
      [2, 0, 1],
      [2, 1, 0],
    ]) {
      const allocator = new Allocator(0, 192);
      const blocks = [0, 1, 2].map(() => allocator.allocate(64) as number);
      for (const which of order) allocator.free(blocks[which] as number);
      expect(allocator.used).toBe(0);
      expect(allocator.allocate(192)).toBe(0);
    }
  });

  test("an extension joins the free block at the end", () => {
    const allocator = new Allocator(0, 128);
    allocator.allocate(64);
    expect(allocator.missing(128)).toBe(64);
    allocator.extend(256);
    expect(allocator.allocate(192)).toBe(64);
  });
});

describe("memory", () => {
  test("grows past 2 GiB and works there, up to 4 GiB, and says so beyond", () => {
    const runtime = new WasmRuntime();
    const low = runtime.allocate(gib);
    const middle = runtime.allocate(1.5 * gib);
    const high = runtime.allocate(64);
    expect(high).toBeGreaterThan(2 ** 31);
    runtime.write(high, new Float32Array([1, 2, 3, 4]));
    const kernels = runtime.loadSync(compileModule([increment(4)], strict));
    // Across the middle: the last bytes of the large block.
    const target = middle + 1.5 * gib - 16;
    kernels.run("increment", { buffers: { x: high, y: target } });
    expect([...runtime.readF32(target, 4)]).toEqual([2, 3, 4, 5]);
    const top = runtime.allocate(4 * gib - runtime.memory.buffer.byteLength - 64);
    expect(top).toBeGreaterThan(2 ** 31);
    expect(() => runtime.allocate(gib)).toThrow(
      /1073741824 bytes do not fit: \d+ of at most 4294967296 bytes are in use \(4 GiB is all that Wasm's 32-bit addresses reach\): dispose of/,
    );
    runtime.free(low);
    expect(runtime.allocate(gib)).toBe(low);
    runtime.dispose();
  });

  test("the last element of a full memory is reached", () => {
    const runtime = new WasmRuntime({ maxBytes: 65536 });
    const address = runtime.allocate(65536 - 64);
    const end = address + 65536 - 64;
    expect(end).toBe(65536);
    const kernels = runtime.loadSync(compileModule([increment(4)], strict));
    kernels.run("increment", { buffers: { x: end - 16, y: end - 16 } });
    expect([...runtime.readF32(end - 16, 4)]).toEqual([1, 1, 1, 1]);
    expect(() => kernels.run("increment", { buffers: { x: end - 12, y: address } })).toThrow(
      /kernel increment trapped: memory access out of bounds/,
    );
    expect(() => runtime.allocate(1)).toThrow(
      /1 bytes do not fit: 65472 of at most 65536 bytes are in use: dispose of/,
    );
  });

  test("limits that can't be", () => {
    expect(() => new WasmRuntime({ maxBytes: 17 * gib })).toThrow(/maxBytes 18253611008 is not between/);
    expect(() => new WasmRuntime().allocate(-1)).toThrow(WasmRuntimeError);
    expect(() => new WasmRuntime({ maxBytes: 8 * gib }).allocate(5 * gib)).toThrow(
      "5368709120 bytes: one tensor has at most 4 GiB, whatever the memory has; split it by its rows among several",
    );
  });

  test("over 4 GiB is refused where the engine has no memory64", () => {
    const { Memory } = WebAssembly;
    onTestFinished(() => {
      WebAssembly.Memory = Memory;
    });
    WebAssembly.Memory = class extends Memory {
      constructor(limits: WebAssembly.MemoryDescriptor) {
        // As an engine that knows numbers only.
        super({ ...limits, initial: +limits.initial, maximum: +(limits.maximum as number) });
      }
    };
    expect(() => new WasmRuntime({ maxBytes: 5 * gib })).toThrow(
      /^maxBytes 5368709120 is over 4 GiB, which takes memory64: this engine has none, or not so much; use Node 24/,
    );
    expect(new WasmRuntime({ maxBytes: 4 * gib }).address).toBe("i32");
  });

  test("a shared memory takes shared modules only", async () => {
    const runtime = new WasmRuntime({ shared: true, maxBytes: 2 ** 24 });
    expect(runtime.memory.buffer).toBeInstanceOf(SharedArrayBuffer);
    expect(() => runtime.loadSync(compileModule([increment(4)], strict))).toThrow(
      /compile with the feature shared-memory/,
    );
    const kernels = await runtime.load(compileModule([increment(4)], ["shared-memory"]));
    const [x, y] = [runtime.allocate(16), runtime.allocate(2 ** 20)];
    runtime.write(x, new Float32Array([1, 2, 3, 4]));
    kernels.run("increment", { buffers: { x, y } });
    expect([...runtime.readF32(y, 4)]).toEqual([2, 3, 4, 5]);
    expect(() => new WasmRuntime().loadSync(compileModule([increment(4)], ["shared-memory"]))).toThrow(
      /compile without the feature shared-memory/,
    );
  });

  test("after dispose nothing runs", () => {
    const runtime = new WasmRuntime();
    const kernels = runtime.loadSync(compileModule([increment(1)], strict));
    runtime.dispose();
    expect(() => runtime.allocate(1)).toThrow(/disposed/);
    expect(() => kernels.run("increment", { buffers: { x: 64, y: 64 } })).toThrow(/disposed/);
  });
});

describe("calls", () => {
  const M = b.symbol("M", { min: 4, max: 32, modulo: 4, residue: 0 });
  const y = bytesBuffer("y", "i32", 64, "output");
  const m = b.variable("M");
  const body = [b.loop("i", b.floordiv(b.add(m, 7), 8), [b.store("y", at(y, b.variable("i")), m)], "thread")];
  const kernel = b.kernel("k", "prologue", { symbols: [M], buffers: [y], body });
  const runtime = new WasmRuntime();
  const kernels = runtime.loadSync(compileModule([kernel], strict));
  const buffers = { y: runtime.allocate(256), other: 64 };

  test("know the number of iterations of the thread loop", () => {
    expect(kernels.threads("k", { M: 12 })).toBe(2);
    expect(kernels.threads("k", { M: 32 })).toBe(4);
    kernels.run("k", { buffers, symbols: { M: 12, N: 5 } });
    expect([...new Int32Array(runtime.read(buffers.y, 8).buffer)]).toEqual([12, 12]);
  });

  test.each([
    [{ buffers: {}, symbols: { M: 4 } }, /kernel k: buffer y has no address/],
    [{ buffers: { y: -4 }, symbols: { M: 4 } }, /kernel k: y at -4 is not a 32-bit address/],
    [{ buffers }, /kernel k: symbol M has no value/],
    [{ buffers, symbols: { M: 6 } }, /kernel k: M = 6 is not in 4..32 and congruent to 0 modulo 4: choose the kernel/],
    [{ buffers, symbols: { M: 36 } }, /M = 36 is not in 4..32/],
    [{ buffers, symbols: { M: 4.5 } }, /M = 4.5 is not in 4..32/],
    [{ buffers, symbols: { M: 4 }, range: [0, 2] as const }, /range 0..2 is not within its 1 iterations/],
  ])("refuse %j", (launch, message) => {
    expect(() => kernels.run("k", launch)).toThrow(message);
  });

  test("name what there is", () => {
    expect(() => kernels.run("j", { buffers })).toThrow(/the module has no kernel j; it has k/);
  });
});

describe("guards", () => {
  const runtime = new WasmRuntime();

  test("an input is followed by NaN, an output is NaN until written", () => {
    const input = guardedInput(runtime, new Float32Array([1, 2]));
    expect(Number.isNaN(new Float32Array(runtime.read(input.address, 12).buffer)[2])).toBe(true);
    const output = guardedOutput(runtime, 8);
    expect([...runtime.readF32(output.address, 2)]).toEqual([NaN, NaN]);
    expect([input.violation(), output.violation()]).toEqual([undefined, undefined]);
    input.free();
    output.free();
    expect(runtime.usedBytes).toBe(0);
  });

  test("a byte written outside is found", () => {
    for (const [offset, message] of [
      [8, /^0 bytes behind the buffer's end/],
      [100, /^92 bytes behind the buffer's end/],
      [-1, /^1 bytes before the buffer/],
    ] as const) {
      const output = guardedOutput(runtime, 8);
      runtime.bytes(output.address + offset, 1)[0] = 0;
      expect(output.violation()).toMatch(message);
      output.free();
      const input = guardedInput(runtime, new Float32Array(2));
      runtime.bytes(input.address + offset, 1)[0] = 0;
      expect(input.violation()).toMatch(message);
      input.free();
    }
    const input = guardedInput(runtime, new Uint8Array(4));
    runtime.bytes(input.address + 2, 1)[0] = 9;
    expect(input.violation()).toMatch(/byte 2 of an input was overwritten/);
    input.free();
  });
});
