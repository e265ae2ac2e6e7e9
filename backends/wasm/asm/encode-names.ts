// Writes the name section: what functions, locals, labels, memories, globals and data segments are called. Engines show
// function and local names in stack traces and profiles, and the decoder gets all of them back from here.

import { ByteWriter } from "./byte-writer.ts";
import { importedFunctions, importedMemories } from "./index-spaces.ts";
import type { WasmModule } from "./module.ts";
import { type NameSubsection, nameSectionName, nameSubsections } from "./sections.ts";

/** The labels of one function by the position of their block among all blocks of the function. */
export type LabelNames = readonly (readonly [block: number, name: string])[];

/**
 * Writes the content of the name section.
 *
 * @param labels of each function of the module, in order
 */
export function encodeNames(out: ByteWriter, module: WasmModule, labels: readonly LabelNames[]): void {
  out.string(nameSectionName);
  const content = new ByteWriter();
  const subsection = (name: NameSubsection, write: () => boolean): void => {
    if (write()) {
      out.byte(nameSubsections[name]);
      out.sized(content);
    }
    content.clear();
  };
  const imported = importedFunctions(module);
  const named = (items: readonly { readonly name: string }[]): boolean =>
    writeNameMap(
      content,
      items.map((item, index) => [index, item.name] as const),
    );

  subsection("function", () => named([...imported, ...module.functions]));
  subsection("local", () =>
    writeIndirect(
      content,
      imported.length,
      module.functions.map((item) => [...item.params, ...item.locals].map(({ name }, index) => [index, name] as const)),
    ),
  );
  subsection("label", () => writeIndirect(content, imported.length, labels));
  subsection("memory", () => named(importedMemories(module)));
  subsection("global", () => named(module.globals));
  subsection("data", () => named(module.data));
}

type NameMap = readonly (readonly [index: number, name: string])[];

function writeNameMap(out: ByteWriter, names: NameMap): boolean {
  out.u32(names.length);
  for (const [index, name] of names) {
    out.u32(index);
    out.string(name);
  }
  return names.length > 0;
}

/** A name map for each function that has any; `first` is the number of the first function of the module's own. */
function writeIndirect(out: ByteWriter, first: number, maps: readonly NameMap[]): boolean {
  const present = maps.map((map, index) => [first + index, map] as const).filter(([, map]) => map.length > 0);
  out.u32(present.length);
  for (const [index, map] of present) {
    out.u32(index);
    writeNameMap(out, map);
  }
  return present.length > 0;
}
