// Our own attention as a contestant: a cache filled with the case's keys and values, and the kernels of the template's default. A run copies q in and y out.

import { compileModule, WasmMemory } from "../../backends/index.ts";
import {
  type AttentionWorkload,
  b,
  bytesOfTensor,
  type Cached,
  cacheBlock,
  cachedTensor,
  cacheIndex,
  type Device,
  type Field,
  fieldReader,
  lower,
  type Program,
  programOf,
  rowEntries,
  scalars,
  sizeOf,
  tensor,
  tokensSymbol,
} from "../../ir/index.ts";
import { applySchedule, scheduleOf, templateFor } from "../../schedules/index.ts";
import { kernelFeatures } from "../compile/index.ts";
import type { AttentionCase, Stored } from "./attention-case.ts";
import type { Session } from "./peers/index.ts";

/** What our attention is made ready for. */
export interface AttentionRequest {
  readonly workload: AttentionWorkload;
  readonly given: AttentionCase;
  readonly cache: Readonly<Record<"k" | "v", Stored>>;
  readonly device: Device;
}

/** Makes our attention ready for a case, its cache stored as the workload says. */
export async function ourAttention({ workload, given, cache, device }: AttentionRequest): Promise<Session> {
  const target = { workload, device: { ...device, features: kernelFeatures(device) } };
  const template = templateFor(target);
  const program = applySchedule(programOf(workload), scheduleOf(template, target, template.default(target)));
  const kernels = program.kernels.filter(({ name }) => name !== "empty");
  const { bytes, functions } = compileModule(
    kernels.map((kernel) => lower(kernel, "wasm")),
    target.device.features,
  );
  const memory = new WasmMemory();
  const symbols = { M: given.queries, [tokensSymbol]: given.tokens };
  const at = allocate(kernels, memory, symbols);
  for (const name of ["k", "v"] as const) fill(cachedTensor(name, workload), workload, given, cache[name], at, memory);
  const { instance } = await WebAssembly.instantiate(bytes, { env: { memory: memory.memory } });
  const stages = ["prologue", "main", "merge"];
  const calls = functions
    .toSorted((one, other) => stages.indexOf(one.stage) - stages.indexOf(other.stage))
    .map(({ name, buffers, symbols: own, threads }) => {
      const args = [
        ...buffers.map((buffer) => at.get(buffer) as number),
        ...own.map((symbol) => symbols[symbol.name as keyof typeof symbols]),
        ...[0, threads ? sizeOf(threads, symbols) : 0],
      ];
      const kernel = instance.exports[name] as (...args: number[]) => void;
      return () => kernel(...args);
    });
  const { q } = given.inputs;
  const floats = (name: string): Float32Array =>
    new Float32Array(memory.memory.buffer, at.get(name) as number, q.length);
  let y = new Float32Array(0);
  return {
    run: () => {
      floats("q").set(q);
      for (const call of calls) call();
      y = floats("y").slice();
    },
    output: () => y,
    dispose: () => {},
  };
}

function allocate(
  kernels: Program["kernels"],
  memory: WasmMemory,
  symbols: Readonly<Record<string, number>>,
): ReadonlyMap<string, number> {
  const at = new Map<string, number>();
  for (const { name, scope, shape, scalar } of kernels.flatMap(({ buffers }) => buffers)) {
    if (scope !== "global" || at.has(name)) continue;
    const bits = shape.reduce((n, extent) => n * sizeOf(extent, symbols), scalars[scalar].bits);
    at.set(name, memory.allocate(Math.ceil(bits / 8) + 64));
  }
  return at;
}

/** Writes the tokens' rows to the places that a cache has for them, a block at a time: places repeat from block to block. */
function fill(
  cached: Cached,
  workload: AttentionWorkload,
  { tokens }: AttentionCase,
  { containers }: Stored,
  at: ReadonlyMap<string, number>,
  memory: WasmMemory,
): void {
  const { kvHeads, headSize } = workload;
  for (const [i, field] of cached.format.fields.entries()) {
    const { name, shape } = cached.fields[i] as Cached["fields"][number];
    const extents = shape.map((extent) => sizeOf(extent, { [tokensSymbol]: tokens }));
    const entries = rowEntries(field.span, headSize);
    const places = placesOf(cached, workload, field, extents);
    const size = extents.slice(1).reduce((a, extent) => a * extent, 1);
    const read = fieldReader(cached.format, field, containers, headSize);
    const values = new Float64Array(extents.reduce((a, extent) => a * extent, 1));
    for (let token = 0; token < tokens; token++)
      for (let of = 0; of < kvHeads * entries; of++) {
        const place = places[(token % cacheBlock) * kvHeads * entries + of] as number;
        const row = token * kvHeads + Math.floor(of / entries);
        values[Math.floor(token / cacheBlock) * size + place] = read(row, of % entries);
      }
    const bytes = bytesOfTensor(tensor(field.scalar, extents, values));
    memory.bytes(at.get(name) as number, bytes.length).set(bytes);
  }
}

/** Where (place, head, entry) of the first block lie. */
function placesOf(cached: Cached, shape: AttentionWorkload, field: Field, extents: readonly number[]): number[] {
  const entries = rowEntries(field.span, shape.headSize);
  return Array.from({ length: cacheBlock * shape.kvHeads * entries }, (_, i) => {
    const entry = i % entries;
    const head = Math.floor(i / entries) % shape.kvHeads;
    const place = Math.floor(i / entries / shape.kvHeads);
    const token = { block: b.constant(0), place: b.constant(place) };
    const index = cacheIndex(cached, field, shape, token, b.constant(head), b.constant(entry));
    return index.reduce((sum, digit, axis) => sum * (extents[axis] as number) + sizeOf(digit, {}), 0);
  });
}
