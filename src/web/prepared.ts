// Files as they are sent, made once: every worker of a page asks for all of its modules. Not here: what is made of a file (content.ts).

import { hash } from "node:crypto";
import { stat } from "node:fs/promises";
import type { Content } from "./content.ts";
import type { Root } from "./roots.ts";

/** `tag` tells it from what the path held before (an HTTP entity tag). */
export interface Prepared extends Content {
  readonly tag: string;
}

type Make = (path: string, file: string, root: Root) => Promise<Content>;

/** `make`, called again for a path only when its file has changed. */
export function prepareOnce(make: Make): (...of: Parameters<Make>) => Promise<Prepared> {
  const known = new Map<string, { readonly version: string; readonly content: Prepared }>();
  return async (path, file, root) => {
    const { mtimeMs, size } = await stat(file);
    const version = `${file} ${mtimeMs} ${size}`;
    const before = known.get(path);
    if (before?.version === version) return before.content;
    const made = await make(path, file, root);
    const content = { ...made, tag: `"${hash("sha256", made.body, "hex").slice(0, 16)}"` };
    known.set(path, { version, content });
    return content;
  };
}
