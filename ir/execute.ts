/**
 * Statements as lists of steps that run one after another; iterations of a nest of invocations as generators that stop at barriers. What a kernel's run
 * consists of is in `interpret.ts`, expressions are in `evaluate.ts`.
 */
import { InterpretError } from "./errors.ts";
import { compileExprs, compileLocate, type Machine, operandOf, type Step, type Where } from "./evaluate.ts";
import { nestAt } from "./grid.ts";
import { runInStep } from "./in-step.ts";
import { monoids } from "./monoids.ts";
import type { For, Reduce, Stmt, Store } from "./nodes.ts";
import { evalOp } from "./scalar-ops.ts";
import { eachStmt, exprsOf } from "./visit.ts";

export interface Execution {
  readonly machine: Machine;
  /** The outermost loop of the nest whose iterations are invocations that run in step. */
  readonly inStep: For | undefined;
  /** The barriers met so far, each where it stands: their numbers tell them apart. */
  readonly stops: Stmt[];
  /** The order in which so many invocations run up to the next barrier. */
  readonly arrange: (count: number) => readonly number[];
}

export function holdsBarrier(body: readonly Stmt[]): boolean {
  let found = false;
  eachStmt(body, (s) => {
    found ||= s.kind === "barrier";
  });
  return found;
}

export function run(steps: readonly Step[]): void {
  for (let i = 0; i < steps.length; i++) (steps[i] as Step)();
}

export function compileBody(body: readonly Stmt[], execution: Execution, loops: readonly For[]): Step[] {
  const { machine } = execution;
  const where = whereIn(loops, machine);
  return body.flatMap((s) => [...compileExprs(exprsOf(s), machine, where), compileStmt(s, execution, loops, where)]);
}

const whereIn =
  (loops: readonly For[], machine: Machine): Where =>
  () => {
    const values = loops.map(({ loop }) => `${loop}=${machine.variables.get(loop)?.[0]}`);
    return values.length > 0 ? `at ${values.join(", ")}` : "at the kernel's top level";
  };

function compileStmt(s: Stmt, execution: Execution, loops: readonly For[], where: Where): Step {
  const { machine } = execution;
  switch (s.kind) {
    case "for":
      return s === execution.inStep ? compileNest(s, execution, loops) : compileFor(s, execution, loops);
    case "store":
      return compileStore(s, machine, where);
    case "reduce":
      return compileReduce(s, machine, loops, where);
    case "if": {
      const cond = machine.values.get(s.cond) as Float64Array;
      const body = compileBody(s.body, execution, loops);
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
          `${machine.kernel}: a barrier inside the ${inStep.loopKind} loop ${inStep.loop}, which is no nest of local loops around all that a workgroup does: its iterations run one after another`,
        );
      return () => {};
    }
  }
}

function compileFor(s: For, execution: Execution, loops: readonly For[]): Step {
  const { machine } = execution;
  const extent = machine.values.get(s.extent) as Float64Array;
  const variable = new Float64Array(1);
  machine.variables.set(s.loop, variable);
  const body = compileBody(s.body, execution, [...loops, s]);
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

// ------------------------------------------------------------------------------------------------------ invocations

/** What an invocation does up to its end; it stops at each barrier and says which one it is, iterations included. */
type Routine = () => Generator<string, void>;

/** A nest of local loops, whose iterations advance together from barrier to barrier, each with variables and registers of its own. */
function compileNest(s: For, execution: Execution, loops: readonly For[]): Step {
  const { machine, arrange } = execution;
  const nest = nestAt(s);
  const local = [...(nest?.loops.values() ?? [])];
  const counters = local.map(({ loop }) => {
    const counter = new Float64Array(1);
    machine.variables.set(loop, counter);
    return counter;
  });
  const outside = new Set(machine.variables.values());
  const routine = compileRoutine(nest?.body ?? [], execution, [...loops, ...local]);
  const registers = [...machine.memories.values()].flatMap(({ buffer, elements }) =>
    buffer.scope === "register" && elements ? [elements.values, ...(elements.written ? [elements.written] : [])] : [],
  );
  const variables = [...machine.variables.values()].filter((values) => !outside.has(values));
  const extents = local.map(({ extent }) => (extent.kind === "const" ? extent.value : 0));
  return () =>
    runInStep({
      counters,
      extents,
      state: [...variables, ...registers],
      routine,
      arrange,
      fail: (reason) => {
        throw new InterpretError(`${machine.kernel}: ${reason}`);
      },
    });
}

/** A statement list as a routine. What holds no barrier runs as steps. */
function compileRoutine(body: readonly Stmt[], execution: Execution, loops: readonly For[]): Routine {
  const { machine } = execution;
  const where = whereIn(loops, machine);
  const parts = body.map((s): { readonly steps: readonly Step[]; readonly routine?: Routine } => {
    if (s.kind !== "barrier" && !((s.kind === "for" || s.kind === "if") && holdsBarrier(s.body)))
      return { steps: compileBody([s], execution, loops) };
    return { steps: compileExprs(exprsOf(s), machine, where), routine: compileStop(s, execution, loops) };
  });
  return function* () {
    for (const { steps, routine } of parts) {
      run(steps);
      if (routine !== undefined) yield* routine();
    }
  };
}

/** A barrier, or a loop or `if` around one. */
function compileStop(s: Stmt, execution: Execution, loops: readonly For[]): Routine {
  const { machine } = execution;
  if (s.kind === "for") {
    const extent = machine.values.get(s.extent) as Float64Array;
    const variable = new Float64Array(1);
    machine.variables.set(s.loop, variable);
    const body = compileRoutine(s.body, execution, [...loops, s]);
    return function* () {
      const count = extent[0] as number;
      for (let i = 0; i < count; i++) {
        variable[0] = i;
        yield* body();
      }
    };
  }
  if (s.kind === "if") {
    const cond = machine.values.get(s.cond) as Float64Array;
    const body = compileRoutine(s.body, execution, loops);
    return function* () {
      if (cond[0] !== 0) yield* body();
    };
  }
  const id = execution.stops.push(s);
  const around = loops.filter(({ loopKind }) => loopKind === "serial" || loopKind === "unroll");
  const counters = around.map(({ loop }) => machine.variables.get(loop) as Float64Array);
  return function* () {
    yield [id, ...counters.map((counter) => counter[0])].join();
  };
}

// ------------------------------------------------------------------------------------------------------------- writes

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
