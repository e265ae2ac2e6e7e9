// Checks a module as an engine's validator would, but with names and places in the messages: declarations first, then the
// type stack of every function (check-body.ts). The encoder does not need it; it is for tests and for finding an emitter's mistakes.

import { checkBody, checkImmediates } from "./check-body.ts";
import { WasmModuleError } from "./errors.ts";
import { addressTypeOf, type IndexSpaces, importedMemories, indexSpaces } from "./index-spaces.ts";
import { instructions } from "./instructions.ts";
import type { Data, Export, Global, MemoryImport, WasmModule } from "./module.ts";
import type { AddressType } from "./types.ts";

/** The most pages of 64 KiB: 4 GiB are all that 32-bit addresses reach, 2^32 - 1 pages all that limits are written with here. */
export const maximumPages: Readonly<Record<AddressType, number>> = { i32: 65536, i64: 2 ** 32 - 1 };

/**
 * Checks that a module is well formed and well typed: what passes, an engine with the needed features validates.
 *
 * @throws WasmModuleError at the first mistake, e.g. `function "dot", instruction 12 (i32x4.add): expected [v128 v128] on
 *   the stack, found [i32 v128]`
 */
export function checkModule(module: WasmModule): void {
  const spaces = indexSpaces(module);
  const memories = importedMemories(module);
  if (memories.length > 1) throw new WasmModuleError(`${memories.length} memories are imported; one is the most`);
  for (const memory of memories) checkMemory(memory);
  for (const global of module.globals) checkGlobal(global);
  checkExports(module.exports, spaces);
  for (const item of module.functions) checkBody(item, spaces, addressTypeOf(module));
  for (const data of module.data) checkData(data, memories.length > 0);
}

function checkMemory({ name, address, min, max, shared }: MemoryImport): void {
  const fail = (reason: string): never => {
    throw new WasmModuleError(`memory "${name}": ${reason}`);
  };
  for (const pages of [min, max ?? min]) {
    if (!Number.isInteger(pages) || pages < 0 || pages > maximumPages[address]) {
      fail(`${pages} pages; sizes are whole numbers from 0 to ${maximumPages[address]}`);
    }
  }
  if (max !== undefined && max < min) fail(`the maximum (${max} pages) is below the minimum (${min})`);
  if (shared && max === undefined) fail("a shared memory must state its maximum");
}

function checkGlobal({ name, type, init }: Global): void {
  const found = instructions[init.op].results?.[0];
  if (found !== type) throw new WasmModuleError(`global "${name}": its type is ${type}, its first value's ${found}`);
  checkImmediates(init, (reason) => {
    throw new WasmModuleError(`global "${name}": ${reason}`);
  });
}

function checkExports(exports: readonly Export[], spaces: IndexSpaces): void {
  const seen = new Set<string>();
  for (const { name, kind, item } of exports) {
    const space = { function: spaces.functions, global: spaces.globals, memory: spaces.memories }[kind];
    if (!space.has(item)) throw new WasmModuleError(`export "${name}": the module has no ${kind} called "${item}"`);
    if (seen.has(name)) throw new WasmModuleError(`two exports are called "${name}": rename one`);
    seen.add(name);
  }
}

function checkData({ name, offset }: Data, hasMemory: boolean): void {
  if (!hasMemory) throw new WasmModuleError(`data segment "${name}": the module imports no memory`);
  if (offset >>> 0 !== offset) throw new WasmModuleError(`data segment "${name}": ${offset} is not a 32-bit address`);
}
