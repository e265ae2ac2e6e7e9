// Reads the name section, the counterpart of encode-names.ts.

import type { ByteReader } from "./byte-reader.ts";
import { type NameSubsection, nameSectionName, nameSubsections } from "./sections.ts";

/** Names by number. */
export type NameMap = ReadonlyMap<number, string>;

/** The names of a module; the indirect maps are by the number of the function. */
export interface Names {
  readonly function: NameMap;
  readonly local: ReadonlyMap<number, NameMap>;
  readonly label: ReadonlyMap<number, NameMap>;
  readonly memory: NameMap;
  readonly global: NameMap;
  readonly data: NameMap;
}

/** Reads the content of a custom section, which has to be the name section. */
export function decodeNames(reader: ByteReader): Names {
  const start = reader.offset;
  const title = reader.string();
  if (title !== nameSectionName) reader.fail(`a custom section "${title}"; the only one written is "name"`, start);

  const maps = new Map<NameSubsection, NameMap>();
  const indirect = new Map<NameSubsection, ReadonlyMap<number, NameMap>>();
  while (!reader.done) {
    const at = reader.offset;
    const number = reader.byte();
    const name = subsectionNames.get(number) ?? reader.fail(`name subsection ${number} is none that is written`, at);
    const content = reader.sized("a name subsection");
    if (name === "local" || name === "label") {
      indirect.set(name, new Map(content.list(() => [content.u32(), readNameMap(content)] as const)));
    } else maps.set(name, readNameMap(content));
    content.expectEnd(`the ${name} names`);
  }
  const map = (name: NameSubsection): NameMap => maps.get(name) ?? new Map();
  return {
    function: map("function"),
    local: indirect.get("local") ?? new Map(),
    label: indirect.get("label") ?? new Map(),
    memory: map("memory"),
    global: map("global"),
    data: map("data"),
  };
}

const subsectionNames: ReadonlyMap<number, NameSubsection> = new Map(
  (Object.keys(nameSubsections) as NameSubsection[]).map((name) => [nameSubsections[name], name]),
);

function readNameMap(reader: ByteReader): NameMap {
  return new Map(reader.list(() => [reader.u32(), reader.string()] as const));
}
