// The numbers behind the names of a module: the binary format refers to functions, globals, types and locals by position.
// Also says where a name is used twice. Used by the encoder, which writes the numbers, and the checker, which needs the types.

import { WasmModuleError } from "./errors.ts";
import type { FunctionImport, Global, MemoryImport, Variable, WasmFunction, WasmModule } from "./module.ts";
import type { AddressType, ValueType } from "./types.ts";

/** The parameter and result types of a function. */
export interface FunctionType {
  readonly params: readonly ValueType[];
  readonly results: readonly ValueType[];
}

/** What a name stands for: its position in its index space, and its declaration. */
export interface Entry<T> {
  readonly index: number;
  readonly item: T;
}

/** The index spaces of a module. Imported functions come before the module's own. */
export interface IndexSpaces {
  readonly functions: ReadonlyMap<string, Entry<FunctionType>>;
  readonly globals: ReadonlyMap<string, Entry<Global>>;
  readonly memories: ReadonlyMap<string, Entry<MemoryImport>>;
  readonly data: ReadonlyMap<string, Entry<unknown>>;
  /** Distinct function types in order of first use: imports, then functions. */
  readonly types: ReadonlyMap<string, Entry<FunctionType>>;
}

const isFunction = (item: MemoryImport | FunctionImport): item is FunctionImport => item.kind === "function";
const isMemory = (item: MemoryImport | FunctionImport): item is MemoryImport => item.kind === "memory";

/** The functions that the module imports, in order. */
export function importedFunctions(module: WasmModule): readonly FunctionImport[] {
  return module.imports.filter(isFunction);
}

/** The memories that the module imports, in order. */
export function importedMemories(module: WasmModule): readonly MemoryImport[] {
  return module.imports.filter(isMemory);
}

/** The type of addresses in the module; i32 where it imports no memory. */
export function addressTypeOf(module: Pick<WasmModule, "imports">): AddressType {
  return module.imports.find(isMemory)?.address ?? "i32";
}

/** The type of a function of the module (an imported one is its own type). */
export function functionType(item: WasmFunction): FunctionType {
  return { params: item.params.map((param) => param.type), results: item.results };
}

/** Identifies a function type: equal types have equal keys. */
export function typeKey(type: FunctionType): string {
  return `${type.params.join(" ")} -> ${type.results.join(" ")}`;
}

function enumerate<T>(what: string, items: readonly (readonly [string, T])[]): ReadonlyMap<string, Entry<T>> {
  const entries = new Map<string, Entry<T>>();
  for (const [name, item] of items) {
    if (entries.has(name)) throw new WasmModuleError(`two ${what} are called "${name}": rename one`);
    entries.set(name, { index: entries.size, item });
  }
  return entries;
}

/** Numbers everything in the module that has a name. Throws where a name is not unique. */
export function indexSpaces(module: WasmModule): IndexSpaces {
  const imported = importedFunctions(module);
  const types = new Map<string, Entry<FunctionType>>();
  for (const type of [...imported, ...module.functions.map(functionType)]) {
    const key = typeKey(type);
    if (!types.has(key)) types.set(key, { index: types.size, item: type });
  }
  return {
    functions: enumerate("functions", [
      ...imported.map((item) => [item.name, item] as const),
      ...module.functions.map((item) => [item.name, functionType(item)] as const),
    ]),
    globals: enumerate(
      "globals",
      module.globals.map((item) => [item.name, item] as const),
    ),
    memories: enumerate(
      "memories",
      importedMemories(module).map((item) => [item.name, item] as const),
    ),
    data: enumerate(
      "data segments",
      module.data.map((item) => [item.name, item] as const),
    ),
    types,
  };
}

/** The parameters and locals of a function, numbered. Throws where a name is not unique. */
export function localSpace(item: WasmFunction): ReadonlyMap<string, Entry<Variable>> {
  return enumerate(
    `variables of function "${item.name}"`,
    [...item.params, ...item.locals].map((variable) => [variable.name, variable] as const),
  );
}
