// The type stack of one function, instruction by instruction, with the algorithm of the specification's appendix 7.3:
// after a jump the stack may hold anything, which is the type "unknown" here.

import { place, WasmModuleError } from "./errors.ts";
import { type Entry, type IndexSpaces, localSpace } from "./index-spaces.ts";
import {
  type ImmediateKind,
  type ImmediatesOf,
  type Instruction,
  instructions,
  type SpecialName,
} from "./instructions.ts";
import type { Instr, InstrOf, Labelled, Memarg, Variable, WasmFunction } from "./module.ts";
import { type AddressType, operandType, type ValueType } from "./types.ts";

type StackType = ValueType | "unknown";

/** An open block, or the function itself. */
interface Frame {
  readonly label: string | undefined;
  /** What a branch to the label takes: a loop's label is at its start, where nothing is needed. */
  readonly branch: readonly ValueType[];
  readonly results: readonly ValueType[];
  /** The size of the stack below the block. */
  readonly height: number;
  /** Whether the rest of the block follows a jump. */
  unreachable: boolean;
}

interface Checking {
  readonly spaces: IndexSpaces;
  readonly address: AddressType;
  readonly locals: ReadonlyMap<string, Entry<Variable>>;
  readonly item: WasmFunction;
  readonly stack: StackType[];
  readonly frames: Frame[];
  /** For messages: how many instructions were begun, and the place of the current one. */
  begun: number;
  at: string;
}

/** Checks the names, immediates and types of a function's instructions. */
export function checkBody(item: WasmFunction, spaces: IndexSpaces, address: AddressType): void {
  const checking: Checking = {
    spaces,
    address,
    locals: localSpace(item),
    item,
    stack: [],
    frames: [],
    begun: 0,
    at: `function "${item.name}"`,
  };
  checkBlock(checking, { label: undefined, branch: item.results, results: item.results }, item.body);
}

/** Checks the data of an instruction that does not depend on where it stands: ranges of numbers and lanes. */
export function checkImmediates(instr: Instr, fail: (reason: string) => void): void {
  const row = instructions[instr.op];
  const rule = immediateRules[row.immediates] as ((instr: Instr, row: Instruction) => string | undefined) | undefined;
  const reason = rule?.(instr, row);
  if (reason !== undefined) fail(reason);
}

function checkBlock(
  c: Checking,
  { label, branch, results }: Omit<Frame, "height" | "unreachable">,
  body: readonly Instr[],
): void {
  const frame: Frame = { label, branch, results, height: c.stack.length, unreachable: false };
  const opened = c.at;
  c.frames.push(frame);
  for (const instr of body) checkInstr(c, instr);
  c.at = `${opened}, at its end`;
  take(c, results);
  if (c.stack.length > frame.height) fail(c, `values are left on the stack: ${show(c.stack.slice(frame.height))}`);
  c.frames.pop();
  c.at = opened;
}

function checkInstr(c: Checking, instr: Instr): void {
  c.at = place(c.item.name, c.begun++, instr.op);
  const row = instructions[instr.op];
  checkImmediates(instr, (reason) => fail(c, reason));
  if (needsMemory.has(row.immediates) && c.spaces.memories.size === 0) fail(c, "the module imports no memory");
  if (row.params !== undefined && row.results !== undefined) {
    take(
      c,
      row.params.map((type) => operandType(type, c.address)),
    );
    c.stack.push(...row.results.map((type) => operandType(type, c.address)));
  } else (effects[instr.op as SpecialName] as (c: Checking, instr: Instr) => void)(c, instr);
}

const needsMemory: ReadonlySet<ImmediateKind> = new Set(["memory", "memory memory", "memarg", "memarg lane"]);

/** What the instructions do whose row does not state their stack effect. */
const effects: { readonly [N in SpecialName]: (c: Checking, instr: InstrOf<ImmediatesOf<N>>) => void } = {
  unreachable: jump,
  return: (c) => {
    take(c, c.item.results);
    jump(c);
  },
  br: (c, { label }) => {
    take(c, targetOf(c, label).branch);
    jump(c);
  },
  br_if: (c, { label }) => {
    take(c, ["i32"]);
    const { branch } = targetOf(c, label);
    take(c, branch);
    c.stack.push(...branch);
  },
  block: (c, instr) => checkNested(c, instr, resultsOf(instr)),
  loop: (c, instr) => checkNested(c, instr, []),
  if: (c, instr) => {
    take(c, ["i32"]);
    const { label } = instr;
    const results = resultsOf(instr);
    const kind = { label, branch: results, results };
    if (instr.else === undefined && results.length > 0) fail(c, `an if with a result (${show(results)}) needs an else`);
    checkBlock(c, kind, instr.body);
    checkBlock(c, kind, instr.else ?? []);
    c.stack.push(...results);
  },
  call: (c, instr) => {
    const { params, results } = find(c, c.spaces.functions, "function", instr.function);
    take(c, params);
    c.stack.push(...results);
  },
  drop: (c) => {
    takeAny(c, 1);
  },
  select: (c) => {
    take(c, ["i32"]);
    const [first, second] = takeAny(c, 2) as [StackType, StackType];
    if (first !== second && first !== "unknown" && second !== "unknown") {
      fail(c, `expected two operands of one type, found ${show([first, second])}`);
    }
    c.stack.push(first === "unknown" ? second : first);
  },
  "local.get": (c, { local }) => {
    c.stack.push(find(c, c.locals, "variable", local).type);
  },
  "local.set": (c, { local }) => take(c, [find(c, c.locals, "variable", local).type]),
  "local.tee": (c, { local }) => {
    const { type } = find(c, c.locals, "variable", local);
    take(c, [type]);
    c.stack.push(type);
  },
  "global.get": (c, { global }) => {
    c.stack.push(find(c, c.spaces.globals, "global", global).type);
  },
  "global.set": (c, { global }) => {
    const { mutable, type } = find(c, c.spaces.globals, "global", global);
    if (!mutable) fail(c, `global "${global}" is not mutable`);
    take(c, [type]);
  },
};

function checkNested(c: Checking, instr: Labelled, branch: readonly ValueType[]): void {
  const results = resultsOf(instr);
  checkBlock(c, { label: instr.label, branch, results }, instr.body);
  c.stack.push(...results);
}

const resultsOf = ({ result }: Labelled): readonly ValueType[] => (result === undefined ? [] : [result]);

/** Takes operands of the given types, deepest first, from the top of the stack. */
function take(c: Checking, types: readonly ValueType[]): void {
  const found = takeAny(c, types.length, types);
  if (types.some((type, index) => found[index] !== type && found[index] !== "unknown")) {
    fail(c, `expected ${show(types)} on the stack, found ${show(found)}`);
  }
}

/** Takes `count` operands; after a jump, missing ones are of unknown type. `expected` is for the message. */
function takeAny(c: Checking, count: number, expected?: readonly ValueType[]): readonly StackType[] {
  const { height, unreachable } = c.frames.at(-1)!;
  const found = c.stack.splice(Math.max(height, c.stack.length - count));
  const missing = count - found.length;
  if (missing === 0) return found;
  const wanted = expected === undefined ? (count === 1 ? "an operand" : `${count} operands`) : show(expected);
  if (!unreachable) fail(c, `expected ${wanted} on the stack, found ${show(found)}`);
  return [...Array<StackType>(missing).fill("unknown"), ...found];
}

/** What follows in the block cannot be reached. */
function jump(c: Checking): void {
  const frame = c.frames.at(-1)!;
  c.stack.length = frame.height;
  frame.unreachable = true;
}

function targetOf(c: Checking, label: string): Frame {
  const frame = c.frames.findLast((candidate) => candidate.label === label);
  return frame ?? fail(c, `no enclosing block has the label "${label}"`);
}

function find<T>(c: Checking, space: ReadonlyMap<string, Entry<T>>, what: string, name: string): T {
  const entry = space.get(name);
  return entry === undefined ? fail(c, `no ${what} is called "${name}"`) : entry.item;
}

const show = (types: readonly StackType[]): string => `[${types.join(" ")}]`;

function fail(c: Checking, reason: string): never {
  throw new WasmModuleError(`${c.at}: ${reason}`);
}

type Rule<K extends ImmediateKind> = (instr: InstrOf<K>, row: Instruction) => string | undefined;

/** What must hold of the immediates on their own; the reason is returned where it does not. */
const immediateRules: { readonly [K in ImmediateKind]?: Rule<K> } = {
  memarg: memargRule,
  "memarg lane": (instr, row) => memargRule(instr, row) ?? laneRule(instr, row),
  lane: laneRule,
  shuffle: ({ lanes }) =>
    lanes.length === 16 && lanes.every((lane) => isWithin(lane, 32)) ? undefined : "16 lanes of 0 to 31 are needed",
  i32: ({ value }) => ((value | 0) === value ? undefined : `${value} is not a signed 32-bit integer`),
  i64: ({ value }) => (BigInt.asIntN(64, value) === value ? undefined : `${value} is not a signed 64-bit integer`),
  v128: ({ bytes }) =>
    bytes.length === 16 && bytes.every((byte) => isWithin(byte, 256)) ? undefined : "16 bytes of 0 to 255 are needed",
};

function memargRule({ align, offset }: Memarg, { bytes }: Instruction): string | undefined {
  if (offset >>> 0 !== offset) return `offset ${offset} is not an unsigned 32-bit integer`;
  const isPower = Number.isInteger(Math.log2(align));
  return isPower && align >= 1 && align <= bytes
    ? undefined
    : `alignment ${align} is not a power of two up to ${bytes}`;
}

function laneRule({ lane }: { readonly lane: number }, { lanes }: Instruction): string | undefined {
  return isWithin(lane, lanes) ? undefined : `lane ${lane} is not among 0 to ${lanes - 1}`;
}

const isWithin = (value: number, end: number): boolean => Number.isInteger(value) && value >= 0 && value < end;
