/**
 * The locals of one function: named ones for loop variables, lets and register buffers, hoisted vector constants, and temporaries
 * that are used again from statement to statement.
 */
import type { Instr, InstrOf, ValueType, Variable } from "../asm/index.ts";

export interface Locals {
  /** The instruction that reads a local; one object per local. */
  get(local: string): Instr;
  /** A new local; the name gets a suffix where it is taken. */
  named(name: string, type: ValueType): string;
  /** A local for a value inside one statement, until released. */
  temporary(type: ValueType): string;
  release(local: string, type: ValueType): void;
  /** The instruction to push a vector constant with: inside loops a local that is set once at the start of the function. */
  constant(instr: InstrOf<"v128">): Instr;
  /** How many loops are open. */
  depth: number;
  readonly variables: readonly Variable[];
  /** Sets the constants. */
  readonly prologue: readonly Instr[];
}

/** All zeros and all ones are one register instruction; everything else is built anew by each v128.const. */
const isCheap = (bytes: readonly number[]): boolean =>
  (bytes[0] === 0 || bytes[0] === 255) && bytes.every((byte) => byte === bytes[0]);

/** Locals beside the parameters of these names. */
export function functionLocals(params: readonly Variable[]): Locals {
  const variables: Variable[] = [];
  const prologue: Instr[] = [];
  const reads = new Map<string, Instr>();
  const taken = new Map<string, number>(params.map(({ name }) => [name, 1]));
  const free: Record<ValueType, string[]> = { i32: [], i64: [], f32: [], f64: [], v128: [] };
  const constants = new Map<string, string>();
  const hoisted = new Map<Instr, Instr>();

  const named = (wanted: string, type: ValueType): string => {
    let name = wanted;
    for (let copy = taken.get(wanted) ?? 0; taken.has(name); copy++) name = `${wanted}.${copy}`;
    taken.set(wanted, (taken.get(wanted) ?? 0) + 1);
    taken.set(name, 1);
    variables.push({ name, type });
    return name;
  };
  const hoist = (instr: InstrOf<"v128">): string => {
    const key = instr.bytes.join();
    let local = constants.get(key);
    if (local === undefined) {
      local = named("const", "v128");
      constants.set(key, local);
      prologue.push(instr, { op: "local.set", local });
    }
    return local;
  };
  const locals: Locals = {
    variables,
    prologue,
    named,
    depth: 0,
    get(local) {
      let instr = reads.get(local);
      if (instr === undefined) {
        instr = { op: "local.get", local };
        reads.set(local, instr);
      }
      return instr;
    },
    temporary: (type) => free[type].pop() ?? named(`tmp.${type}`, type),
    release: (local, type) => {
      free[type].push(local);
    },
    constant(instr) {
      if (locals.depth === 0) return instr;
      let pushed = hoisted.get(instr);
      if (pushed === undefined) {
        pushed = isCheap(instr.bytes) ? instr : locals.get(hoist(instr));
        hoisted.set(instr, pushed);
      }
      return pushed;
    },
  };
  return locals;
}
