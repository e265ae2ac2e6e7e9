// The instruction table: name, opcode, kind of immediates and stack signature of every instruction that kernels may use.
// The encoder, decoder, checker and text printer all read it; none of them names an instruction whose row says it all.
// Not here: the rows themselves (table-*.ts), and what the immediates look like in a module (module.ts).
// To add an instruction: one row. To add a kind of immediates: a word in `ImmediateKind`, then tsc names the other places.

import { coreTable, saturatingAndBulkTable } from "./table-core.ts";
import { relaxedTable } from "./table-relaxed.ts";
import { simdTable } from "./table-simd.ts";
import type { OperandType } from "./types.ts";

type SourceTable = typeof coreTable & typeof saturatingAndBulkTable & typeof simdTable & typeof relaxedTable;

/** The name of an instruction as in the WebAssembly text format, e.g. `i16x8.relaxed_dot_i8x16_i7x16_s`. */
export type InstructionName = keyof SourceTable;

/** What follows the opcode in the binary format; the data of each kind is in module.ts. */
export type ImmediateKind =
  | "none"
  | "memory" // a memory index, always 0
  | "memory memory" // destination and source memory, both 0
  | "memarg" // alignment and offset
  | "memarg lane"
  | "lane"
  | "shuffle" // 16 lane numbers
  | "i32"
  | "i64"
  | "f32"
  | "f64"
  | "v128"
  | "local"
  | "global"
  | "function"
  | "label"
  | "block" // block type and a nested body
  | "if"; // block type and one or two nested bodies

/** The kind of immediates of an instruction. */
export type ImmediatesOf<N extends InstructionName> = SourceTable[N] extends readonly [
  number,
  string,
  infer I,
  ...unknown[],
]
  ? I & ImmediateKind
  : "none";

/** The names of the instructions that have one of the given kinds of immediates. */
export type NameWithImmediates<K extends ImmediateKind> = {
  [N in InstructionName]: ImmediatesOf<N> extends K ? N : never;
}[InstructionName];

/** The names of the instructions whose stack effect the row does not state (it depends on labels, locals, operands...). */
export type SpecialName = {
  [N in InstructionName]: SourceTable[N][1] extends "special" ? N : never;
}[InstructionName];

/** The feature an engine must have for an instruction; everything of WebAssembly 2.0 besides SIMD counts as core. */
export type Feature = "core" | "simd128" | "relaxed-simd";

/** One row of the instruction table. */
export interface Instruction {
  readonly name: InstructionName;
  /** The prefix byte, or 0 where the opcode is a single byte. */
  readonly prefix: 0 | 0xfc | 0xfd;
  readonly code: number;
  /** The opcode as written: prefix, then the code as LEB128. */
  readonly opcode: readonly number[];
  readonly feature: Feature;
  readonly immediates: ImmediateKind;
  /** Operand types, deepest first; undefined where the stack effect is special. */
  readonly params: readonly OperandType[] | undefined;
  readonly results: readonly OperandType[] | undefined;
  /** Bytes read or written, which is the natural alignment; 0 where no memory is accessed through a memarg. */
  readonly bytes: number;
  /** How many lanes the lane immediate chooses from; 0 where there is none. */
  readonly lanes: number;
}

type Params =
  | ""
  | `${OperandType} `
  | `${OperandType} ${OperandType} `
  | `${OperandType} ${OperandType} ${OperandType} `;
type Row = readonly [
  code: number,
  signature: "special" | `${Params}->${"" | ` ${OperandType}`}`,
  immediates?: ImmediateKind,
  bytes?: number,
];

const operandTypes = (list: string): readonly OperandType[] =>
  list.split(" ").filter((word): word is OperandType => word !== "");

/** `i16x8.extract_lane_s` chooses one of 8; a lane of a 4-byte access chooses one of 16 / 4. */
function laneCount(name: string, immediates: ImmediateKind, bytes: number): number {
  if (immediates === "memarg lane") return 16 / bytes;
  return immediates === "lane" ? Number(/x(\d+)\./.exec(name)?.[1]) : 0;
}

function expand(
  table: Readonly<Record<string, Row>>,
  prefix: Instruction["prefix"],
  feature: Feature,
): readonly (readonly [string, Instruction])[] {
  return Object.entries(table).map(([name, [code, signature, immediates = "none", bytes = 0]]) => {
    const [params = "", results = ""] = signature.split("->");
    const special = signature === "special";
    const leb128 = code < 0x80 ? [code] : [(code & 0x7f) | 0x80, code >> 7];
    const row: Instruction = {
      name: name as InstructionName,
      prefix,
      code,
      opcode: prefix === 0 ? [code] : [prefix, ...leb128],
      feature,
      immediates,
      params: special ? undefined : operandTypes(params),
      results: special ? undefined : operandTypes(results),
      bytes,
      lanes: laneCount(name, immediates, bytes),
    };
    return [name, row];
  });
}

/** All instructions by name. Source: WebAssembly 3.0 core specification, sections 3.4 (types) and 5.4 (codes). */
export const instructions: Readonly<Record<InstructionName, Instruction>> = Object.fromEntries([
  ...expand(coreTable, 0, "core"),
  ...expand(saturatingAndBulkTable, 0xfc, "core"),
  ...expand(simdTable, 0xfd, "simd128"),
  ...expand(relaxedTable, 0xfd, "relaxed-simd"),
]) as Readonly<Record<InstructionName, Instruction>>;

const byOpcode: ReadonlyMap<number, Instruction> = new Map(
  Object.values(instructions).map((row) => [row.prefix * 0x10000 + row.code, row]),
);

/** The row of an opcode, or undefined where it is none of the table's. */
export function instructionAt(prefix: number, code: number): Instruction | undefined {
  return code < 0x10000 ? byOpcode.get(prefix * 0x10000 + code) : undefined;
}
