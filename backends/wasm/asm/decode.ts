// Reads back what encode.ts wrote, so that a disassembly shows the real bytes. Not a general reader: only what the encoder
// writes is accepted, names included, and that is proven at the end by encoding the result again.
// Function bodies are in decode-body.ts, the name section in decode-names.ts.

import { ByteReader } from "./byte-reader.ts";
import { decodeBody, decodeConstant, nameOf, readValueType } from "./decode-body.ts";
import { decodeNames, type Names } from "./decode-names.ts";
import { encodeModule } from "./encode.ts";
import { WasmDecodeError, WasmModuleError } from "./errors.ts";
import type { FunctionType } from "./index-spaces.ts";
import type { ConstInstr, Data, Export, FunctionImport, Global, MemoryImport, WasmModule } from "./module.ts";
import { functionTypeForm, header, itemKinds, limitFlags, type SectionName, sections } from "./sections.ts";

/**
 * The module that `encodeModule` wrote as these bytes: `decodeModule(encodeModule(m))` equals `m`.
 *
 * @throws WasmDecodeError for bytes that `encodeModule` does not write, saying where and why
 */
export function decodeModule(bytes: Uint8Array): WasmModule {
  const content = splitSections(bytes);
  const nameSection = content.get("custom");
  if (nameSection === undefined)
    throw new WasmDecodeError(bytes.length, "no name section: the names cannot be restored");
  const names = decodeNames(nameSection);

  const list = <T>(name: SectionName, read: (reader: ByteReader, index: number) => T): readonly T[] => {
    const reader = content.get(name);
    if (reader === undefined) return [];
    const items = reader.list((index) => read(reader, index));
    reader.expectEnd(`the ${name} section`);
    return items;
  };

  const types = list("type", readFunctionType);
  const typeAt = (reader: ByteReader): FunctionType => {
    const index = reader.u32();
    return types[index] ?? reader.fail(`no function type ${index}`);
  };
  let importedFunctions = 0;
  const imports = list("import", (reader): MemoryImport | FunctionImport => {
    const [module, field, kind] = [reader.string(), reader.string(), reader.byte()];
    if (kind === itemKinds.memory) return { kind: "memory", module, field, ...readLimits(reader, names) };
    if (kind !== itemKinds.function) reader.fail(`an import of kind ${kind}, which is never written`);
    const name = nameOf(reader, names.function, importedFunctions++, "function");
    return { kind: "function", module, field, name, ...typeAt(reader) };
  });
  const functionTypes = list("function", typeAt);
  const globals = list("global", (reader, index): Global => {
    const name = nameOf(reader, names.global, index, "global");
    const [type, mutable] = [readValueType(reader), reader.byte() === 1];
    return { name, type, mutable, init: decodeConstant(reader, names) };
  });
  const exports = list("export", (reader) => readExport(reader, names));
  const functions = list("code", (reader, index) => {
    const body = reader.sized("a function");
    const type = functionTypes[index] ?? reader.fail(`code of function ${index}, which has no type`);
    const decoded = decodeBody(body, importedFunctions + index, type, names);
    body.expectEnd(`function "${decoded.name}"`);
    return decoded;
  });
  const data = list("data", (reader, index) => readData(reader, index, names));

  const module: WasmModule = { imports, globals, functions, exports, data };
  proveSame(module, bytes);
  return module;
}

/** The sections by name, each once and in order. */
function splitSections(bytes: Uint8Array): ReadonlyMap<SectionName, ByteReader> {
  const reader = new ByteReader(bytes);
  if (header.some((byte, index) => bytes[index] !== byte)) reader.fail("not a WebAssembly module of version 1");
  reader.bytes(header.length);
  const order = Object.keys(sections) as SectionName[];
  const content = new Map<SectionName, ByteReader>();
  let next = 0;
  while (!reader.done) {
    const start = reader.offset;
    const number = reader.byte();
    const position = order.findIndex((name) => sections[name] === number);
    if (position < 0) reader.fail(`section ${number} is none that is written`, start);
    if (position < next) reader.fail(`section ${number} (${order[position]}) out of order`, start);
    content.set(order[position]!, reader.sized(`section ${number} (${order[position]})`));
    next = position + 1;
  }
  return content;
}

function readFunctionType(reader: ByteReader): FunctionType {
  if (reader.byte() !== functionTypeForm) reader.fail("a type that is not a function type");
  return { params: reader.list(() => readValueType(reader)), results: reader.list(() => readValueType(reader)) };
}

function readLimits(reader: ByteReader, names: Names): Omit<MemoryImport, "kind" | "module" | "field"> {
  const flags = reader.byte();
  const name = nameOf(reader, names.memory, 0, "memory");
  const address = flags & limitFlags.memory64 ? "i64" : "i32";
  const min = reader.u32();
  const shared = (flags & limitFlags.shared) !== 0;
  return { name, address, min, ...(flags & limitFlags.hasMaximum && { max: reader.u32() }), shared };
}

function readExport(reader: ByteReader, names: Names): Export {
  const name = reader.string();
  const code = reader.byte();
  const kind = (Object.keys(itemKinds) as Export["kind"][]).find((key) => itemKinds[key] === code);
  if (kind === undefined) return reader.fail(`export "${name}" of kind ${code}, which is never written`);
  return { name, kind, item: nameOf(reader, names[kind], reader.u32(), kind) };
}

function readData(reader: ByteReader, index: number, names: Names): Data {
  if (reader.u32() !== 0) reader.fail("a data segment that is passive or of a second memory");
  const offset = addressIn(decodeConstant(reader, names));
  if (offset === undefined) return reader.fail("a data segment at an offset that is no address");
  const bytes = reader.bytes(reader.u32());
  return { name: nameOf(reader, names.data, index, "data segment"), offset, bytes };
}

function addressIn(constant: ConstInstr): number | undefined {
  if (constant.op === "i64.const") return Number(constant.value);
  return constant.op === "i32.const" ? constant.value >>> 0 : undefined;
}

/** Whatever the reader let pass (a padded integer, an unused type) shows as a difference here. */
function proveSame(module: WasmModule, bytes: Uint8Array): void {
  const written = encodeAgain(module);
  const length = Math.max(written.length, bytes.length);
  for (let at = 0; at < length; at++) {
    if (written[at] !== bytes[at]) throw new WasmDecodeError(at, "encodeModule would write this module differently");
  }
}

function encodeAgain(module: WasmModule): Uint8Array {
  try {
    return encodeModule(module);
  } catch (error) {
    if (error instanceof WasmModuleError) throw new WasmDecodeError(0, error.message);
    throw error;
  }
}
