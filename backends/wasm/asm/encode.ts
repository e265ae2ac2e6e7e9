// Writes a module in the WebAssembly binary format, names included. Sections only: function bodies are in encode-body.ts,
// the name section in encode-names.ts. Types are not checked here, that is check.ts; what the format itself cannot say
// (an unknown name, an integer that does not fit) is refused.

import { ByteWriter } from "./byte-writer.ts";
import { encodeBody, writeConstant } from "./encode-body.ts";
import { encodeNames, type LabelNames } from "./encode-names.ts";
import { WasmModuleError } from "./errors.ts";
import { addressTypeOf, functionType, type IndexSpaces, indexSpaces, typeKey } from "./index-spaces.ts";
import type { ConstInstr, Export, MemoryImport, WasmModule } from "./module.ts";
import { functionTypeForm, header, itemKinds, limitFlags, type SectionName, sections } from "./sections.ts";
import { type AddressType, type ValueType, valueTypeCodes } from "./types.ts";

/**
 * The binary form of a module. The same module gives the same bytes.
 *
 * @throws WasmModuleError where a name is unknown or not unique, or a number does not fit its field
 */
export function encodeModule(module: WasmModule): Uint8Array<ArrayBuffer> {
  const spaces = indexSpaces(module);
  const out = new ByteWriter(4096);
  out.bytes(header);
  const section = new ByteWriter(4096);
  const finish = (name: SectionName): void => {
    out.byte(sections[name]);
    out.sized(section);
    section.clear();
  };
  const list = <T>(name: SectionName, items: readonly T[], write: (item: T) => void): void => {
    if (items.length === 0) return;
    section.u32(items.length);
    for (const item of items) located(`${name} section`, () => write(item));
    finish(name);
  };

  list("type", [...spaces.types.values()], ({ item }) => {
    section.byte(functionTypeForm);
    writeTypes(section, item.params);
    writeTypes(section, item.results);
  });
  list("import", module.imports, (item) => {
    section.string(item.module);
    section.string(item.field);
    section.byte(itemKinds[item.kind]);
    if (item.kind === "memory") writeLimits(section, item);
    else section.u32(spaces.types.get(typeKey(item))!.index);
  });
  list("function", module.functions, (item) => section.u32(spaces.types.get(typeKey(functionType(item)))!.index));
  list("global", module.globals, (item) => {
    section.byte(valueTypeCodes[item.type]);
    section.byte(item.mutable ? 1 : 0);
    writeConstant(section, item.init);
  });
  list("export", module.exports, (item) => {
    section.string(item.name);
    section.byte(itemKinds[item.kind]);
    section.u32(exportedIndex(spaces, item));
  });
  const labels: LabelNames[] = [];
  const body = new ByteWriter(4096);
  list("code", module.functions, (item) => {
    labels.push(encodeBody(body, item, spaces));
    section.sized(body);
    body.clear();
  });
  list("data", module.data, (item) => {
    section.u32(0);
    writeConstant(section, addressConstant(addressTypeOf(module), item.offset));
    section.u32(item.bytes.length);
    section.copy(item.bytes);
  });
  located("name section", () => encodeNames(section, module, labels));
  finish("custom");
  return out.toBytes();
}

function writeTypes(out: ByteWriter, types: readonly ValueType[]): void {
  out.u32(types.length);
  for (const type of types) out.byte(valueTypeCodes[type]);
}

/** An i32 constant is written signed; the address means its unsigned value. */
const addressConstant = (type: AddressType, address: number): ConstInstr =>
  type === "i64" ? { op: "i64.const", value: BigInt(address) } : { op: "i32.const", value: address | 0 };

function writeLimits(out: ByteWriter, memory: MemoryImport): void {
  const { hasMaximum, shared, memory64 } = limitFlags;
  const flags: readonly (readonly [number, boolean])[] = [
    [hasMaximum, memory.max !== undefined],
    [shared, memory.shared],
    [memory64, memory.address === "i64"],
  ];
  out.byte(flags.reduce((sum, [flag, isSet]) => (isSet ? sum | flag : sum), 0));
  out.u32(memory.min);
  if (memory.max !== undefined) out.u32(memory.max);
}

function exportedIndex(spaces: IndexSpaces, item: Export): number {
  const space = { function: spaces.functions, global: spaces.globals, memory: spaces.memories }[item.kind];
  const entry = space.get(item.item);
  if (entry === undefined) {
    throw new WasmModuleError(`export "${item.name}": the module has no ${item.kind} called "${item.item}"`);
  }
  return entry.index;
}

/** Runs a step; a number that does not fit its field is reported with the place. */
function located(where: string, step: () => void): void {
  try {
    step();
  } catch (error) {
    if (error instanceof RangeError) throw new WasmModuleError(`${where}: ${error.message}`, { cause: error });
    throw error;
  }
}
