// Reads the locals and instructions of one function, the counterpart of encode-body.ts.
// One reader per kind of immediates; opcodes come from the instruction table.

import type { ByteReader } from "./byte-reader.ts";
import type { NameMap, Names } from "./decode-names.ts";
import type { FunctionType } from "./index-spaces.ts";
import { type ImmediateKind, type Instruction, instructionAt } from "./instructions.ts";
import type { ConstInstr, ImmediateData, Instr, Labelled, Memarg, Variable, WasmFunction } from "./module.ts";
import { emptyBlockType, marks } from "./sections.ts";
import { type ValueType, valueTypeCodes } from "./types.ts";

/** Far beyond any kernel; keeps hostile bytes from exhausting the stack. */
const maximumNesting = 1000;

/** What reading the instructions of one function needs to know and keeps count of. */
interface Decoding {
  readonly names: Names;
  readonly locals: NameMap;
  readonly labels: NameMap;
  /** Labels of the enclosing blocks, outermost first. */
  readonly open: (string | undefined)[];
  blocks: number;
}

/** Reads the code of function number `index`, without its size. */
export function decodeBody(reader: ByteReader, index: number, type: FunctionType, names: Names): WasmFunction {
  const locals = names.local.get(index) ?? new Map<number, string>();
  const variable = (type: ValueType, number: number): Variable => ({
    name: nameOf(reader, locals, number, `variable of function ${index}`),
    type,
  });
  const params = type.params.map(variable);
  const variables: Variable[] = [...params];
  for (let runs = reader.u32(); runs > 0; runs--) {
    const count = reader.u32();
    const runType = readValueType(reader);
    for (let left = count; left > 0; left--) variables.push(variable(runType, variables.length));
  }
  const labels = names.label.get(index) ?? new Map<number, string>();
  const decoding: Decoding = { names, locals, labels, open: [], blocks: 0 };
  const { body, mark } = readBody(reader, decoding);
  if (mark !== marks.end) reader.fail("an else without an if");
  return {
    name: nameOf(reader, names.function, index, "function"),
    params,
    results: type.results,
    locals: variables.slice(params.length),
    body,
  };
}

/** Reads a constant expression with its end mark. */
export function decodeConstant(reader: ByteReader, names: Names): ConstInstr {
  const start = reader.offset;
  const decoding: Decoding = { names, locals: new Map(), labels: new Map(), open: [], blocks: 0 };
  const { body } = readBody(reader, decoding);
  const [constant] = body;
  if (body.length !== 1 || !constant?.op.endsWith(".const")) reader.fail("not a single constant", start);
  return constant as ConstInstr;
}

/** The name of item `index`, which the encoder never leaves out. */
export function nameOf(reader: ByteReader, names: NameMap, index: number, what: string): string {
  return names.get(index) ?? reader.fail(`the name section does not name ${what} ${index}`);
}

/** Reads the byte of a value type. */
export function readValueType(reader: ByteReader): ValueType {
  const start = reader.offset;
  const code = reader.byte();
  return valueTypes.get(code) ?? reader.fail(`0x${code.toString(16)} is not a value type`, start);
}

const valueTypes: ReadonlyMap<number, ValueType> = new Map(
  (Object.keys(valueTypeCodes) as ValueType[]).map((type) => [valueTypeCodes[type], type]),
);

/** Reads up to and including the mark that ends the body. */
function readBody(reader: ByteReader, decoding: Decoding): { body: Instr[]; mark: number } {
  const body: Instr[] = [];
  for (;;) {
    const start = reader.offset;
    const first = reader.byte();
    if (first === marks.end || first === marks.else) return { body, mark: first };
    const row = readRow(reader, first, start);
    // The table's type pairs each kind with its data, which a look-up by a computed kind cannot show.
    body.push({ op: row.name, ...readers[row.immediates](reader, decoding) } as Instr);
  }
}

function readRow(reader: ByteReader, first: number, start: number): Instruction {
  const prefixed = first === 0xfc || first === 0xfd;
  const code = prefixed ? reader.u32() : first;
  const row = prefixed ? instructionAt(first, code) : instructionAt(0, code);
  const digits = `${prefixed ? `0x${first.toString(16)} ` : ""}0x${code.toString(16)}`;
  return row ?? reader.fail(`opcode ${digits} is not in the instruction table`, start);
}

const readers: { readonly [K in ImmediateKind]: (reader: ByteReader, decoding: Decoding) => ImmediateData[K] } = {
  none: () => ({}),
  memory: (reader) => readZeros(reader, 1),
  "memory memory": (reader) => readZeros(reader, 2),
  memarg: readMemarg,
  "memarg lane": (reader) => ({ ...readMemarg(reader), lane: reader.byte() }),
  lane: (reader) => ({ lane: reader.byte() }),
  shuffle: (reader) => ({ lanes: [...reader.bytes(16)] }),
  i32: (reader) => ({ value: reader.s32() }),
  i64: (reader) => ({ value: reader.s64() }),
  f32: (reader) => ({ value: reader.f32() }),
  f64: (reader) => ({ value: reader.f64() }),
  v128: (reader) => ({ bytes: [...reader.bytes(16)] }),
  local: (reader, { locals }) => ({ local: nameOf(reader, locals, reader.u32(), "variable") }),
  global: (reader, { names }) => ({ global: nameOf(reader, names.global, reader.u32(), "global") }),
  function: (reader, { names }) => ({ function: nameOf(reader, names.function, reader.u32(), "function") }),
  label: (reader, { open }) => {
    const depth = reader.u32();
    const label = open.at(-1 - depth);
    return { label: label ?? reader.fail(`a branch ${depth} blocks outwards, where no block has a label`) };
  },
  block: (reader, decoding) => {
    const head = openBlock(reader, decoding);
    const { body, mark } = readBody(reader, decoding);
    if (mark !== marks.end) reader.fail("an else without an if");
    decoding.open.pop();
    return { ...head, body };
  },
  if: (reader, decoding) => {
    const head = openBlock(reader, decoding);
    const { body, mark } = readBody(reader, decoding);
    const other = mark === marks.else ? readBody(reader, decoding) : undefined;
    if (other?.mark === marks.else) reader.fail("a second else in one if");
    decoding.open.pop();
    return { ...head, body, ...(other === undefined ? {} : { else: other.body }) };
  },
};

function openBlock(reader: ByteReader, decoding: Decoding): Omit<Labelled, "body"> {
  const start = reader.offset;
  const code = reader.byte();
  const result = valueTypes.get(code);
  if (result === undefined && code !== emptyBlockType) {
    reader.fail(`block type 0x${code.toString(16)}: blocks leave nothing or one value`, start);
  }
  const label = decoding.labels.get(decoding.blocks++);
  decoding.open.push(label);
  if (decoding.open.length > maximumNesting) reader.fail(`blocks nested deeper than ${maximumNesting}`, start);
  return { ...(label === undefined ? {} : { label }), ...(result === undefined ? {} : { result }) };
}

function readMemarg(reader: ByteReader): Memarg {
  const start = reader.offset;
  const exponent = reader.u32();
  if (exponent > 31) reader.fail(`alignment 2^${exponent} (or a second memory, which is never written)`, start);
  return { align: 2 ** exponent, offset: reader.u32() };
}

function readZeros(reader: ByteReader, count: number): object {
  const start = reader.offset;
  for (let left = count; left > 0; left--) if (reader.byte() !== 0) reader.fail("a second memory", start);
  return {};
}
