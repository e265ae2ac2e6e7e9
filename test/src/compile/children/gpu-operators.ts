// rmsnorm, embed, rope and swiglu through the API on the GPU that this process finds: a program, one JSON line for each workload.
import { compile, GpuHeldTensor, openGpu, release, type Workload } from "../../../../src/index.ts";
import { makeProblem } from "../../../../src/tuner/index.ts";
import { normals } from "../../../ir/samples.ts";

const workloads: readonly Workload[] = [
  { op: "rmsnorm", m: 5, k: 64, eps: 1e-5, residual: true },
  { op: "embed", m: 7, n: 9, k: 64, w: "int4_g32" },
  { op: "rope", m: 3, heads: 2, d: 16, rotary: 8, pairing: "interleaved", scale: 1.5 },
  { op: "swiglu", m: 2, k: 33 },
];

type Kernel = Awaited<ReturnType<typeof compile>> & {
  pack(weights: unknown): Promise<unknown>;
  run(args: unknown): Promise<Float32Array | Record<string, Float32Array>>;
};

const said = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => "nothing was refused",
    (error: Error) => `${error.name}: ${error.message}`,
  );

/** A result that the next kernel takes where it is. */
async function held(): Promise<void> {
  const [k, m] = [64, 3];
  const options = { runtime: gpu, db: false } as const;
  const norm = await compile({ op: "rmsnorm", m: "any", k, eps: 1e-5, residual: false }, options);
  const gated = await compile({ op: "swiglu", m: "any", k }, options);
  const turn = await compile(
    { op: "rope", m: "any", heads: 1, d: k, rotary: k, pairing: "neox", scale: 1 } as const,
    options,
  );
  const [x, weight] = [normals(m * k, 1), await GpuHeldTensor.from(gpu, normals(k, 2))];
  const whole = await norm.run({ x, weight, m });
  const first = await norm.hold({ x, weight, m });
  const second = await gated.hold({ gate: first, up: first, m });
  const [got, wanted] = [await second.read(), await gated.run({ gate: whole, up: whole, m })];
  const positions = await GpuHeldTensor.from(gpu, Int32Array.of(0, 1, 2));
  const frequencies = normals(k / 2, 3);
  const faults = [
    await said(gated.run({ gate: first, up: first, m: 2 })),
    await said(norm.run({ x: positions as never, weight, m })),
    await said(turn.run({ x: first, positions, frequencies, m })),
  ];
  release(first, second, weight, positions);
  faults.push(await said(gated.run({ gate: first, up: first, m })));
  process.stdout.write(`${JSON.stringify({ held: got.every((value, i) => value === wanted[i]), faults })}\n`);
  for (const kernel of [norm, gated, turn]) kernel.dispose();
}

const gpu = await openGpu();
for (const workload of workloads) {
  const { inputs, weights, judge } = makeProblem(workload, 1);
  const fault: (string | undefined)[] = [];
  // Fixed, and known at run time only.
  for (const m of ["m" in workload ? workload.m : 0, "any"]) {
    const kernel = (await compile({ ...workload, m } as never, { runtime: gpu, db: false })) as unknown as Kernel;
    const stored = Object.entries(weights).map(([name, bytes]) => [name.replace("w.", ""), bytes]);
    const w = stored.length > 0 ? { w: await kernel.pack(Object.fromEntries(stored)) } : {};
    const rows = "m" in workload ? workload.m : 0;
    const made = await kernel.run({ ...inputs, ...w, m: rows });
    const outputs = made instanceof Float32Array ? { y: made } : made;
    fault.push(judge((name) => new Uint8Array(outputs[name]?.buffer.slice(0) as ArrayBuffer)).fault);
    const refused = { ids: Int32Array.of(0, 1, 2, 9, 0, 0, 0), positions: Int32Array.of(0, 2 ** 25, 0) };
    for (const [name, values] of Object.entries(refused))
      if (name in inputs)
        fault.push(
          await kernel.run({ ...inputs, ...w, m: rows, [name]: values }).then(
            () => `${name} was taken`,
            (error: Error) => `${error.name}: ${error.message}`,
          ),
        );
    kernel.dispose();
  }
  process.stdout.write(`${JSON.stringify({ op: workload.op, faults: fault.filter(Boolean) })}\n`);
}
await held();
gpu.dispose();
