// Packages that modules import by name, written out as addresses: workers have no import map (https://github.com/WICG/import-maps#limitations).
// Not here: which address a name stands for (packages.ts).

import type { ImportMap } from "./packages.ts";

/** `import .. from "zod"`, `export .. from "zod"`, `import "zod"`, at the beginning of a line as formatters and compilers write them; the name may stand lines below. */
const statement = /^((?:import|export)\b(?:[\w\s{},*$]*?\bfrom)?\s*)(["'])([^"'./][^"'\n]*)\2/gm;

/** The text of a module, served at `path`, with the names that the map has written out. Lines and columns before a name stay. */
export function withAddresses(text: string, path: string, map: ImportMap): string {
  const scope = Object.keys(map.scopes)
    .filter((prefix) => path.startsWith(prefix))
    .sort((a, b) => b.length - a.length)[0];
  const names = { ...map.imports, ...(scope === undefined ? {} : map.scopes[scope]) };
  return text.replace(statement, (whole, start: string, quote: string, name: string) => {
    const address = addressOf(name, names);
    return address === undefined ? whole : `${start}${quote}${address}${quote}`;
  });
}

/** As import maps have it: the whole name, else the longest beginning that ends with a slash. */
function addressOf(name: string, names: Readonly<Record<string, string>>): string | undefined {
  if (Object.hasOwn(names, name)) return names[name];
  const prefix = Object.keys(names)
    .filter((key) => key.endsWith("/") && name.startsWith(key))
    .sort((a, b) => b.length - a.length)[0];
  return prefix === undefined ? undefined : `${names[prefix]}${name.slice(prefix.length)}`;
}
