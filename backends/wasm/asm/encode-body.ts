// Writes the instructions of one function. One writer per kind of immediates; opcodes come from the instruction table.

import type { ByteWriter } from "./byte-writer.ts";
import type { LabelNames } from "./encode-names.ts";
import { place, WasmModuleError } from "./errors.ts";
import { type IndexSpaces, localSpace } from "./index-spaces.ts";
import { type ImmediateKind, instructions } from "./instructions.ts";
import type { ConstInstr, Instr, InstrOf, Labelled, Memarg, Variable, WasmFunction } from "./module.ts";
import { emptyBlockType, marks } from "./sections.ts";
import { valueTypeCodes } from "./types.ts";

/** What writing the instructions of one function needs to know and keeps count of. */
interface Emission {
  readonly out: ByteWriter;
  readonly spaces: IndexSpaces;
  readonly locals: ReadonlyMap<string, { readonly index: number }>;
  /** Labels of the enclosing blocks, outermost first. */
  readonly open: (string | undefined)[];
  readonly labelNames: [index: number, name: string][];
  blocks: number;
  /** For messages: how many instructions were begun, and the newest one's name. */
  begun: number;
  op: string;
}

/**
 * Writes the locals and instructions of a function, without its size.
 *
 * @returns the labels by the position of their block, for the name section
 */
export function encodeBody(out: ByteWriter, item: WasmFunction, spaces: IndexSpaces): LabelNames {
  const locals = localSpace(item);
  const emission: Emission = { out, spaces, locals, open: [], labelNames: [], blocks: 0, begun: 0, op: "locals" };
  try {
    writeLocals(out, item.locals);
    writeBody(emission, item.body);
    out.byte(marks.end);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    const where = place(item.name, emission.begun - 1, emission.op);
    throw new WasmModuleError(`${where}: ${error.message}`, { cause: error });
  }
  return emission.labelNames;
}

/** Writes a constant expression: the instruction and the end mark. */
export function writeConstant(out: ByteWriter, constant: ConstInstr): void {
  const row = instructions[constant.op];
  out.bytes(row.opcode);
  const write: (out: ByteWriter, instr: never) => void = constantWriters[row.immediates as ConstantKind];
  write(out, constant as never);
  out.byte(marks.end);
}

/** Runs of equal types are written as one; the order, and with it the numbering, is kept. */
function writeLocals(out: ByteWriter, locals: readonly Variable[]): void {
  const runs: { type: Variable["type"]; count: number }[] = [];
  for (const { type } of locals) {
    const last = runs.at(-1);
    if (last?.type === type) last.count++;
    else runs.push({ type, count: 1 });
  }
  out.u32(runs.length);
  for (const { type, count } of runs) {
    out.u32(count);
    out.byte(valueTypeCodes[type]);
  }
}

function writeBody(emission: Emission, body: readonly Instr[]): void {
  const { out } = emission;
  for (const instr of body) {
    emission.begun++;
    emission.op = instr.op;
    const { opcode, write } = plans.get(instr.op)!;
    out.bytes(opcode);
    write?.(out, instr, emission);
  }
}

type Writer = (out: ByteWriter, instr: Instr, emission: Emission) => void;
type ConstantKind = "i32" | "i64" | "f32" | "f64" | "v128";

const constantWriters: { readonly [K in ConstantKind]: (out: ByteWriter, instr: InstrOf<K>) => void } = {
  i32: (out, { value }) => out.s32(value),
  i64: (out, { value }) => out.s64(value),
  f32: (out, { value }) => out.f32(value),
  f64: (out, { value }) => out.f64(value),
  v128: (out, { bytes }) => writeSixteen(out, bytes),
};

const writers: {
  readonly [K in ImmediateKind]: ((out: ByteWriter, instr: InstrOf<K>, emission: Emission) => void) | undefined;
} = {
  ...constantWriters,
  none: undefined,
  memory: (out) => out.byte(0),
  "memory memory": (out) => {
    out.byte(0);
    out.byte(0);
  },
  memarg: writeMemarg,
  "memarg lane": (out, instr) => {
    writeMemarg(out, instr);
    out.byte(instr.lane);
  },
  lane: (out, { lane }) => out.byte(lane),
  shuffle: (out, { lanes }) => writeSixteen(out, lanes),
  local: (out, { local }, { locals }) => out.u32(numberOf(locals, "variable", local)),
  global: (out, instr, { spaces }) => out.u32(numberOf(spaces.globals, "global", instr.global)),
  function: (out, instr, { spaces }) => out.u32(numberOf(spaces.functions, "function", instr.function)),
  label: (out, { label }, { open }) => {
    const target = open.lastIndexOf(label);
    if (target < 0) throw new RangeError(`no enclosing block has the label "${label}"`);
    out.u32(open.length - 1 - target);
  },
  block: (out, instr, emission) => {
    openBlock(out, instr, emission);
    writeBody(emission, instr.body);
    closeBlock(out, emission);
  },
  if: (out, instr, emission) => {
    openBlock(out, instr, emission);
    writeBody(emission, instr.body);
    if (instr.else !== undefined) {
      out.byte(marks.else);
      writeBody(emission, instr.else);
    }
    closeBlock(out, emission);
  },
};

/** Opcode and writer by name: one look-up for each instruction, of which kernels have tens of thousands. */
const plans: ReadonlyMap<string, { readonly opcode: readonly number[]; readonly write: Writer | undefined }> = new Map(
  Object.values(instructions).map(({ name, opcode, immediates }) => {
    // The table's type pairs each kind with its data, which a look-up by a computed kind cannot show.
    return [name, { opcode, write: writers[immediates] as Writer | undefined }];
  }),
);

function openBlock(out: ByteWriter, { label, result }: Labelled, emission: Emission): void {
  out.byte(result === undefined ? emptyBlockType : valueTypeCodes[result]);
  if (label !== undefined) emission.labelNames.push([emission.blocks, label]);
  emission.blocks++;
  emission.open.push(label);
}

function closeBlock(out: ByteWriter, emission: Emission): void {
  emission.open.pop();
  out.byte(marks.end);
}

/** The binary format holds the logarithm of the alignment. */
function writeMemarg(out: ByteWriter, { align, offset }: Memarg): void {
  const exponent = Math.log2(align);
  if (!Number.isInteger(exponent)) throw new RangeError(`alignment ${align} is not a power of two`);
  out.u32(exponent);
  out.u32(offset);
}

function writeSixteen(out: ByteWriter, bytes: readonly number[]): void {
  if (bytes.length !== 16) throw new RangeError(`${bytes.length} bytes where a vector has 16`);
  out.bytes(bytes);
}

function numberOf(space: ReadonlyMap<string, { readonly index: number }>, what: string, name: string): number {
  const entry = space.get(name);
  if (entry === undefined) throw new RangeError(`no ${what} is called "${name}"`);
  return entry.index;
}
