// The pool of threads: each iteration once, on however many; what happens when one of them traps, ends or never comes back; who starts and ends it.

import { execFile } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, describe, expect, test } from "vitest";
import { compileModule, encodeModule, WasmMemory } from "../../../backends/wasm/index.ts";
import { b, lower } from "../../../ir/index.ts";
import { onThreads, type SharedKernels, type ThreadOptions } from "../../../src/runtime/index.ts";
import { randomOf } from "../../ir/samples.ts";

// Workers as they are started, to end them behind the pool's back.
const threads = process.getBuiltinModule("node:worker_threads");
const { Worker } = threads;
const workers: InstanceType<typeof Worker>[] = [];
threads.Worker = class extends Worker {
  constructor(...args: ConstructorParameters<typeof Worker>) {
    super(...args);
    workers.push(this);
  }
};

const most = 1000;
/** `y[i] += 1` for each iteration. */
const y = b.buffer("y", "i32", [most], { role: "output" });
const [i, M] = [b.variable("i"), b.symbol("M", { min: 0, max: most })];
const count = b.kernel("count", "main", {
  symbols: [M],
  buffers: [y],
  body: [b.loop("i", b.variable("M"), [b.store("y", [i], b.add(b.load(y, [i]), 1))], "thread")],
});
const { bytes } = compileModule([lower(count, "wasm")], ["shared-memory"]);
const module = await WebAssembly.compile(bytes);

const open: SharedKernels[] = [];
afterEach(() => {
  for (const kernels of open.splice(0)) kernels.dispose();
});

interface Counter {
  readonly kernels: SharedKernels;
  readonly memory: WasmMemory;
  readonly at: number;
  counts(): readonly number[];
  run(iterations: number): void;
}

async function counter(of: number, options: ThreadOptions = { leastWork: 0 }): Promise<Counter> {
  const memory = new WasmMemory({ shared: true, maxBytes: 2 ** 24 });
  const instance = await WebAssembly.instantiate(module, { env: { memory: memory.memory } });
  const kernels = await onThreads(of, options)(module, instance, memory.memory);
  open.push(kernels);
  const at = memory.allocate(4 * most);
  memory.bytes(at, 4 * most).fill(0);
  return {
    ...{ kernels, memory, at },
    counts: () => [...new Int32Array(memory.read(at, 4 * most).buffer)],
    run: (iterations) => kernels.run("count", [at, iterations], iterations, 1),
  };
}

const messageOf = (run: () => void): string => {
  try {
    run();
    return "no error";
  } catch (error) {
    return `${(error as Error).name}: ${(error as Error).message}`;
  }
};

describe("every iteration runs once", () => {
  test.each([1, 2, 3, 5])("on %i threads, whatever their number", async (of) => {
    const { run, counts } = await counter(of);
    const random = randomOf(of);
    const expected = new Array<number>(most).fill(0);
    for (let launch = 0; launch < 3000; launch++) {
      const iterations = Math.floor((random() < 0.5 ? 20 : most) * random());
      run(iterations);
      for (let j = 0; j < iterations; j++) expected[j]!++;
    }
    expect(counts()).toEqual(expected);
  });

  test("on two numbers of threads and two memories in turns", async () => {
    const [two, four] = [await counter(2), await counter(4)];
    for (let launch = 0; launch < 1000; launch++) {
      two.run(most);
      four.run(most - 1);
    }
    expect(new Set(two.counts())).toEqual(new Set([1000]));
    expect(four.counts()).toEqual([...new Array<number>(most - 1).fill(1000), 0]);
  });

  test("where there is little to do, on the caller's alone", async () => {
    const { memory } = new WasmMemory({ shared: true, maxBytes: 2 ** 24 });
    let calls = 0;
    const kernels = await onThreads(2)(module, { exports: { count: () => calls++ } }, memory);
    open.push(kernels);
    kernels.run("count", [0, most], most, 2 ** 18 - 1);
    expect(calls).toBe(1);
    kernels.run("count", [64, most], most, 2 ** 18);
    expect(calls).toBeGreaterThan(1);
  });
});

describe("a thread", () => {
  test("that traps ends the run with its reason, and the pool goes on", async () => {
    const { kernels, memory, at, run, counts } = await counter(2);
    const end = memory.memory.buffer.byteLength;
    for (let time = 0; time < 20; time++)
      expect(messageOf(() => kernels.run("count", [end - 64, most], most, 1))).toMatch(
        /^RuntimeError: kernel count trapped in thread [01]: memory access out of bounds$/,
      );
    memory.bytes(at, 4 * most).fill(0);
    run(most);
    expect(new Set(counts())).toEqual(new Set([1]));
  });

  test("that ends is told by the next run; who compiles again gets another", async () => {
    const { run } = await counter(2);
    const worker = workers.at(-1)!;
    const exit = once(worker, "exit");
    void worker.terminate();
    run(most); // Nobody is waited for who does not come.
    await exit;
    expect(messageOf(() => run(most))).toBe(
      "ApiError: threads: a thread is gone: it ended with code 1; dispose of the kernel and compile it again",
    );
    const again = await counter(2);
    again.run(most);
    expect(new Set(again.counts())).toEqual(new Set([1]));
  });

  test("that never ends its part is given up, and ended", async () => {
    // In the worker: writes that it has begun, and never ends. Here: waits for that.
    const stuck = encodeModule({
      imports: [
        {
          kind: "memory",
          module: "env",
          field: "memory",
          name: "memory",
          address: "i32",
          min: 0,
          max: 256,
          shared: true,
        },
      ],
      globals: [],
      functions: [
        {
          name: "stuck",
          params: [
            { name: "begin", type: "i32" },
            { name: "end", type: "i32" },
          ],
          results: [],
          locals: [],
          body: [
            { op: "i32.const", value: 0 },
            { op: "i32.const", value: 1 },
            { op: "i32.store", align: 2, offset: 0 },
            { op: "loop", label: "forever", body: [{ op: "br", label: "forever" }] },
          ],
        },
      ],
      exports: [{ name: "stuck", kind: "function", item: "stuck" }],
      data: [],
    } as unknown as Parameters<typeof encodeModule>[0]);
    const { memory } = new WasmMemory({ shared: true, maxBytes: 2 ** 24 });
    const begun = new Int32Array(memory.buffer);
    const here = {
      exports: {
        stuck: () => {
          while (Atomics.load(begun, 0) === 0);
        },
      },
    };
    const kernels = await onThreads(2, { leastWork: 0, patienceMs: 50 })(
      await WebAssembly.compile(stuck),
      here,
      memory,
    );
    open.push(kernels);
    const exit = once(workers.at(-1)!, "exit");
    const gone =
      /^ApiError: threads: a thread has begun a part of kernel stuck and not ended it after \d+ ms; dispose of the kernel/;
    expect(messageOf(() => kernels.run("stuck", [], 16, 1))).toMatch(gone);
    expect(messageOf(() => kernels.run("stuck", [], 16, 1))).toMatch(gone);
    await exit;
  });

  test("that can't load a module rejects, and leaves others be", async () => {
    const { run, counts } = await counter(2);
    const { memory } = new WasmMemory({ shared: true, maxBytes: 2 ** 24 });
    const instance = { exports: { count: () => {} } };
    const other = await WebAssembly.compile(compileModule([lower(count, "wasm")], []).bytes);
    await expect(onThreads(2)(other, instance, memory)).rejects.toThrow(/^threads: .*memory/);
    run(most);
    expect(new Set(counts())).toEqual(new Set([1]));
  });
});

describe("the pool", () => {
  test("is one for all kernels, grows with them, and ends with the last", async () => {
    const before = workers.length;
    const [first, second] = [await counter(2), await counter(2)];
    expect(workers.length - before).toBe(1);
    const third = await counter(3);
    const [one, two] = workers.slice(before);
    expect(workers.length - before).toBe(2);
    const exits = Promise.all([once(one!, "exit"), once(two!, "exit")]);
    first.kernels.dispose();
    third.kernels.dispose();
    third.kernels.dispose();
    second.run(most);
    expect(new Set(second.counts())).toEqual(new Set([1]));
    second.kernels.dispose();
    await exits;
    expect(messageOf(() => second.run(most))).toBe("ApiError: threads: the pool has ended; compile the kernel again");
  });

  test("keeps no process alive", async () => {
    const script = join(import.meta.dirname, "children/threads.ts");
    const { stdout } = await promisify(execFile)(process.execPath, [script], { timeout: 15_000 });
    expect(stdout).toBe("128 values");
  });

  test.each([0, -1, 1.5, 65, Number.NaN])("has no %d threads", (of) => {
    expect(messageOf(() => onThreads(of))).toBe(`ApiError: threads = ${of}: a number from 1 to 64`);
  });
});
