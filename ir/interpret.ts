/**
 * The executable definition of kernels: statements, run one after another in the printed order. Expressions are in `evaluate.ts`,
 * buffers and their checks in `memory.ts`, programs of several kernels in `run-program.ts`.
 *
 * Loops of every kind run their iterations in order. Iterations of `thread` and `workgroup` loops each start from the local buffers as they
 * were before the loop, so that nothing passes from one to the next, or out of the loop. A barrier between whole loops is then no operation; one inside a
 * `local` or `subgroup` loop would need its iterations to run in step, which is not emulated but refused.
 */
import { InterpretError } from "./errors.ts";
import { compileExprs, compileLocate, type Machine, operandOf, type Step, type Where } from "./evaluate.ts";
import { type Binding, bindTensor, localMemory, type Memory, sizeOf } from "./memory.ts";
import { monoids } from "./monoids.ts";
import type { For, Kernel, Reduce, Stmt, Store } from "./nodes.ts";
import { evalOp } from "./scalar-ops.ts";
import type { Tensor } from "./tensor.ts";
import { eachStmt, exprsOf, writes } from "./visit.ts";

/** Values of the symbols and contents of the global buffers. */
export interface Environment {
  readonly symbols: Readonly<Record<string, number>>;
  readonly buffers: ReadonlyMap<string, Tensor>;
}

export interface InterpretOptions {
  /** Whether intrinsics that engines may fuse (`madd_f32`) round once instead of twice. Default false. */
  readonly fused?: boolean;
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
      const given = environment.buffers.get(buffer.name);
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
  run(compileBody(kernel.body, machine, []));
  const written = new Set<string>();
  eachStmt(kernel.body, (s) => {
    if (writes(s)) written.add(s.buffer);
  });
  for (const [name, binding] of bindings) if (written.has(name)) binding.commit();
}

function run(steps: readonly Step[]): void {
  for (let i = 0; i < steps.length; i++) (steps[i] as Step)();
}

function compileBody(body: readonly Stmt[], machine: Machine, loops: readonly For[]): Step[] {
  const where: Where = () => {
    const values = loops.map(({ loop }) => `${loop}=${machine.variables.get(loop)?.[0]}`);
    return values.length > 0 ? `at ${values.join(", ")}` : "at the kernel's top level";
  };
  return body.flatMap((s) => [...compileExprs(exprsOf(s), machine, where), compileStmt(s, machine, loops, where)]);
}

function compileStmt(s: Stmt, machine: Machine, loops: readonly For[], where: Where): Step {
  switch (s.kind) {
    case "for":
      return compileFor(s, machine, loops);
    case "store":
      return compileStore(s, machine, where);
    case "reduce":
      return compileReduce(s, machine, loops, where);
    case "if": {
      const cond = machine.values.get(s.cond) as Float64Array;
      const body = compileBody(s.body, machine, loops);
      return () => {
        if (cond[0] !== 0) run(body);
      };
    }
    case "let": {
      const from = machine.values.get(s.value) as Float64Array;
      const value = new Float64Array(from.length);
      machine.variables.set(s.name, value);
      return () => value.set(from);
    }
    case "barrier": {
      const inStep = loops.find(({ loopKind }) => loopKind.startsWith("local.") || loopKind === "subgroup");
      if (inStep)
        throw new InterpretError(
          `${machine.kernel}: a barrier inside the ${inStep.loopKind} loop ${inStep.loop} can't be interpreted: iterations run one after another`,
        );
      return () => {};
    }
  }
}

function compileFor(s: For, machine: Machine, loops: readonly For[]): Step {
  const extent = machine.values.get(s.extent) as Float64Array;
  const variable = new Float64Array(1);
  machine.variables.set(s.loop, variable);
  const body = compileBody(s.body, machine, [...loops, s]);
  const isolated = s.loopKind === "thread" || s.loopKind.startsWith("workgroup.");
  if (!isolated)
    return () => {
      const count = extent[0] as number;
      for (let i = 0; i < count; i++) {
        variable[0] = i;
        run(body);
      }
    };
  const local = [...machine.memories.values()].filter(({ buffer }) => buffer.scope !== "global");
  return () => {
    const count = extent[0] as number;
    const restores = local.map((memory) => memory.snapshot());
    for (let i = 0; i < count; i++) {
      variable[0] = i;
      run(body);
      for (const restore of restores) restore();
    }
  };
}

/** The lanes that an access has, and what finds and checks the element of each. */
function compileTargets(s: Store | Reduce, machine: Machine, where: Where) {
  const { scalar } = s.value.type;
  const { memory, locate } = compileLocate(s.kind, s, scalar, machine, where);
  const vector = [...s.index, ...(s.mask ? [s.mask] : [])].find((e) => e.type.lanes.length > 0);
  const count = vector?.type.count ?? memory.width;
  if (s.value.type.count > 1 && s.value.type.count !== count)
    throw new InterpretError(`${machine.kernel}: ${s.kind} ${s.buffer}: ${s.value.type.text} into ${count} lanes`);
  const mask = s.mask && operandOf(s.mask, machine);
  const positions = new Float64Array(count);
  const range = memory.buffer.scalar === scalar ? memory.buffer.range : undefined;
  const fail = (reason: string): never => {
    throw new InterpretError(`${machine.kernel}: ${s.kind} ${s.buffer}: ${reason} ${where()}`);
  };
  /** Fills in the positions, -1 for a lane that is masked out. */
  const find = (): void => {
    for (let lane = 0; lane < count; lane++) {
      const off = mask !== undefined && mask.values[lane * mask.step] === 0;
      const position = off ? -1 : locate(lane);
      for (let before = 0; before < lane && !off; before++)
        if (positions[before] === position) fail(`lanes ${before} and ${lane} name the same element`);
      positions[lane] = position;
    }
  };
  const write = (position: number, value: number): void => {
    if (range !== undefined && !(value >= range[0] && value <= range[1]))
      fail(`${value} is outside its declared range ${range[0]}..${range[1]}`);
    memory.write(position, scalar, value);
  };
  return { memory, scalar, count, positions, find, write, fail };
}

function compileStore(s: Store, machine: Machine, where: Where): Step {
  const { count, positions, find, write } = compileTargets(s, machine, where);
  const { values, step } = operandOf(s.value, machine);
  return () => {
    find();
    for (let lane = 0; lane < count; lane++) {
      const position = positions[lane] as number;
      if (position >= 0) write(position, values[lane * step] as number);
    }
  };
}

function compileReduce(s: Reduce, machine: Machine, loops: readonly For[], where: Where): Step {
  const { memory, scalar, count, positions, find, write, fail } = compileTargets(s, machine, where);
  const { values, step } = operandOf(s.value, machine);
  const over = s.over.map((name) => {
    if (!loops.some(({ loop }) => loop === name))
      throw new InterpretError(`${machine.kernel}: reduce ${s.buffer}: ${name} is not a loop around it`);
    return machine.variables.get(name) as Float64Array;
  });
  const { op, neutral } = monoids[s.monoid];
  const start = neutral(scalar);
  return () => {
    find();
    const first = over.length > 0 && over.every((variable) => variable[0] === 0);
    for (let lane = 0; lane < count; lane++) {
      const position = positions[lane] as number;
      if (position < 0) continue;
      if (!first && !memory.isWritten(position, scalar)) fail("an element is combined with before it is written");
      const before = first ? start : memory.read(position, scalar);
      write(position, evalOp(op, scalar, before, values[lane * step] as number));
    }
  };
}
