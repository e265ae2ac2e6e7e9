// Prints a module in the WebAssembly text format, for people and for tools: one instruction a line, bodies indented,
// everything by name. The text is complete: assembling it gives the same module. Constants are printed by wat-values.ts.

import { addressTypeOf } from "./index-spaces.ts";
import { type ImmediateKind, instructions } from "./instructions.ts";
import type {
  Data,
  Export,
  FunctionImport,
  Global,
  Instr,
  InstrOf,
  Labelled,
  Memarg,
  MemoryImport,
  WasmFunction,
  WasmModule,
} from "./module.ts";
import type { AddressType, ValueType } from "./types.ts";
import { bytesText, floatText, identifier, stringText, vectorText } from "./wat-values.ts";

/** The module in the text format, ending with a line break. */
export function printWat(module: WasmModule): string {
  return `${[
    "(module",
    ...module.imports.map((item) => `  ${importText(item)}`),
    ...module.globals.map((item) => `  ${globalText(item)}`),
    ...module.functions.flatMap(functionLines),
    ...module.exports.map((item) => `  ${exportText(item)}`),
    ...module.data.map((item) => `  ${dataText(item, addressTypeOf(module))}`),
    ")",
  ].join("\n")}\n`;
}

/** One instruction as a line without indentation; of a block only the first line. */
export function printInstr(instr: Instr): string {
  const row = instructions[instr.op];
  const text = (immediateText[row.immediates] as (instr: Instr, naturalAlign: number) => string)(instr, row.bytes);
  return `${instr.op}${text}`;
}

function importText(item: MemoryImport | FunctionImport): string {
  const from = `import ${stringText(item.module)} ${stringText(item.field)}`;
  const name = identifier(item.name);
  if (item.kind === "function") {
    return `(${from} (func ${name}${typesText("param", item.params)}${typesText("result", item.results)}))`;
  }
  const max = item.max === undefined ? "" : ` ${item.max}`;
  const address = item.address === "i64" ? " i64" : "";
  return `(${from} (memory ${name}${address} ${item.min}${max}${item.shared ? " shared" : ""}))`;
}

function globalText({ name, type, mutable, init }: Global): string {
  return `(global ${identifier(name)} ${mutable ? `(mut ${type})` : type} (${printInstr(init)}))`;
}

function functionLines({ name, params, results, locals, body }: WasmFunction): readonly string[] {
  const declared = params.map((param) => ` (param ${identifier(param.name)} ${param.type})`).join("");
  return [
    `  (func ${identifier(name)}${declared}${typesText("result", results)}`,
    ...locals.map((local) => `    (local ${identifier(local.name)} ${local.type})`),
    ...bodyLines(body, "    "),
    "  )",
  ];
}

function exportText({ name, kind, item }: Export): string {
  return `(export ${stringText(name)} (${kind === "function" ? "func" : kind} ${identifier(item)}))`;
}

function dataText({ name, offset, bytes }: Data, address: AddressType): string {
  return `(data ${identifier(name)} (${address}.const ${offset}) ${bytesText(bytes)})`;
}

function bodyLines(body: readonly Instr[], indent: string): readonly string[] {
  const lines: string[] = [];
  for (const instr of body) {
    lines.push(`${indent}${printInstr(instr)}`);
    if (!("body" in instr)) continue;
    // Not a spread into push: a body may have more lines than a call may have arguments.
    for (const line of bodyLines(instr.body, `${indent}  `)) lines.push(line);
    if ("else" in instr) {
      lines.push(`${indent}else`);
      for (const line of bodyLines(instr.else ?? [], `${indent}  `)) lines.push(line);
    }
    lines.push(`${indent}end`);
  }
  return lines;
}

/** What stands after the instruction's name, with a space before it. */
const immediateText: {
  readonly [K in ImmediateKind]: (instr: InstrOf<K>, naturalAlign: number) => string;
} = {
  none: () => "",
  memory: () => "",
  "memory memory": () => "",
  memarg: memargText,
  "memarg lane": (instr, naturalAlign) => `${memargText(instr, naturalAlign)} ${instr.lane}`,
  lane: ({ lane }) => ` ${lane}`,
  shuffle: ({ lanes }) => ` ${lanes.join(" ")}`,
  i32: ({ value }) => ` ${value}`,
  i64: ({ value }) => ` ${value}`,
  f32: ({ value }) => ` ${floatText(value, "f32")}`,
  f64: ({ value }) => ` ${floatText(value, "f64")}`,
  v128: ({ bytes }) => ` ${vectorText(bytes)}`,
  local: ({ local }) => ` ${identifier(local)}`,
  global: ({ global }) => ` ${identifier(global)}`,
  function: (instr) => ` ${identifier(instr.function)}`,
  label: ({ label }) => ` ${identifier(label)}`,
  block: headText,
  if: headText,
};

/** Only what differs from the default. */
function memargText({ offset, align }: Memarg, naturalAlign: number): string {
  return `${offset === 0 ? "" : ` offset=${offset}`}${align === naturalAlign ? "" : ` align=${align}`}`;
}

function headText({ label, result }: Labelled): string {
  return `${label === undefined ? "" : ` ${identifier(label)}`}${typesText("result", result === undefined ? [] : [result])}`;
}

function typesText(what: "param" | "result", types: readonly ValueType[]): string {
  return types.length === 0 ? "" : ` (${what} ${types.join(" ")})`;
}
