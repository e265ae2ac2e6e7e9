/**
 * The executable definition of kernels: what a run takes, and its data. Statements are in `execute.ts`, expressions in `evaluate.ts`, buffers and
 * their checks in `memory.ts`, programs of several kernels in `run-program.ts`.
 *
 * Loops of every kind run their iterations in order. Iterations of `thread` and `workgroup` loops each start from the local buffers as they
 * were before the loop, so that nothing passes from one to the next, or out of the loop. Only in the form that lowering for a GPU makes, one nest of
 * local loops around everything that a workgroup does, are the iterations invocations: each has registers and lets of its own, and they
 * advance together from barrier to barrier, in an order that `InterpretOptions` decides.
 */
import { InterpretError } from "./errors.ts";
import type { Machine } from "./evaluate.ts";
import { compileBody, type Execution, holdsBarrier, run } from "./execute.ts";
import { wholeNest } from "./grid.ts";
import { shuffling } from "./in-step.ts";
import { type Binding, bindTensor, localMemory, type Memory, sizeOf } from "./memory.ts";
import type { Buffer, Kernel } from "./nodes.ts";
import { type Tensor, tensor } from "./tensor.ts";
import { eachStmt, writes } from "./visit.ts";

/** Values of the symbols and contents of the global buffers; those of role `subgroup` are not among them. */
export interface Environment {
  readonly symbols: Readonly<Record<string, number>>;
  readonly buffers: ReadonlyMap<string, Tensor>;
}

export interface InterpretOptions {
  /** Whether intrinsics that engines may fuse (`madd_f32`) round once instead of twice. Default false. */
  readonly fused?: boolean;
  /** A seed: from barrier to barrier the invocations of a workgroup run in random orders. Default: in their own order. */
  readonly order?: number;
  /**
   * The local index of the invocation elected in each invocation's subgroup, for as many invocations: the contents of `subgroup` buffers. Default:
   * groups of 32 in order, of which the first is elected.
   */
  readonly leader?: (invocations: number) => Int32Array;
}

/** Whether a kernel may run for these values of the symbols. */
export function inDomain(kernel: Kernel, symbols: Readonly<Record<string, number>>): boolean {
  return kernel.symbols.every(({ name, min, max, modulo, residue }) => {
    const value = symbols[name];
    if (value === undefined) throw new InterpretError(`${kernel.name}: symbol ${name} was given no value`);
    return Number.isInteger(value) && value >= min && value <= max && (value - residue) % modulo === 0;
  });
}

/**
 * Runs a kernel: tensors of buffers that it writes are changed in place. Throws an `InterpretError` for whatever the node definitions
 * call an error, and for data that does not fit the declarations.
 */
export function interpretKernel(kernel: Kernel, environment: Environment, options: InterpretOptions = {}): void {
  const { symbols } = environment;
  if (!inDomain(kernel, symbols))
    throw new InterpretError(
      `${kernel.name}: not defined for ${JSON.stringify(symbols)}, outside its symbols' domains`,
    );
  const bindings = new Map<string, Binding>();
  const memories = new Map<string, Memory>();
  for (const buffer of kernel.buffers) {
    if (buffer.scope === "global") {
      const given =
        buffer.role === "subgroup" ? leaderTensor(kernel, buffer, options) : environment.buffers.get(buffer.name);
      if (given === undefined) throw new InterpretError(`${kernel.name}: buffer ${buffer.name} was given no tensor`);
      const binding = bindTensor(kernel.name, buffer, given, symbols);
      bindings.set(buffer.name, binding);
      memories.set(buffer.name, binding.memory);
    } else {
      const shape = buffer.shape.map((size) => sizeOf(size, symbols));
      memories.set(buffer.name, localMemory(buffer, shape));
    }
  }
  const variables = new Map(kernel.symbols.map(({ name }) => [name, Float64Array.of(symbols[name] as number)]));
  for (const buffer of kernel.buffers) if (buffer.unit === "byte") variables.set(`&${buffer.name}`, Float64Array.of(0));
  const machine: Machine = {
    kernel: kernel.name,
    memories,
    variables,
    values: new Map(),
    fused: options.fused ?? false,
  };
  const whole = wholeNest(kernel);
  const hasBarrier = whole !== undefined && holdsBarrier(whole.body);
  const execution: Execution = {
    machine,
    stops: [],
    inStep: hasBarrier || options.order !== undefined ? whole : undefined,
    arrange:
      options.order === undefined ? (count) => Array.from({ length: count }, (_, i) => i) : shuffling(options.order),
  };
  run(compileBody(kernel.body, execution, []));
  const written = new Set<string>();
  eachStmt(kernel.body, (s) => {
    if (writes(s)) written.add(s.buffer);
  });
  for (const [name, binding] of bindings) if (written.has(name)) binding.commit();
}

/** The contents of a subgroup buffer. */
function leaderTensor(kernel: Kernel, { name, shape, unit }: Buffer, options: InterpretOptions): Tensor {
  const size = shape[0]?.kind === "const" ? shape[0].value : 0;
  const count = unit === "byte" ? size / 4 : size;
  const leader = (options.leader ?? byThirtyTwo)(count);
  const bad = leader.findIndex((of) => !(of >= 0 && of < count && leader[of] === of));
  if (leader.length !== count || bad >= 0)
    throw new InterpretError(
      `${kernel.name}: ${name}: the leaders of ${count} invocations are given by ${leader.length} numbers${bad >= 0 ? `, of which number ${bad}, ${leader[bad]}, is no leader of its own` : ""}`,
    );
  return tensor("i32", [count], leader);
}

const byThirtyTwo = (invocations: number): Int32Array =>
  Int32Array.from({ length: invocations }, (_, i) => i - (i % 32));
