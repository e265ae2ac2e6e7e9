// Files as a browser takes them: content types, TypeScript without its types, CommonJS as a module. Not here: which files are served.

import { readFile } from "node:fs/promises";
import { stripTypeScriptTypes } from "node:module";
import { extname } from "node:path";
import { isCommonJs } from "./manifest.ts";
import type { Root } from "./roots.ts";

const script = "text/javascript; charset=utf-8";

/** By file ending; a file of any other is bytes. */
const contentTypes: Readonly<Record<string, string>> = {
  ".cjs": script,
  ".css": "text/css; charset=utf-8",
  ".html": "text/html; charset=utf-8",
  ".js": script,
  ".json": "application/json",
  ".map": "application/json",
  ".md": "text/plain; charset=utf-8",
  ".mjs": script,
  ".svg": "image/svg+xml",
  ".ts": script,
  ".txt": "text/plain; charset=utf-8",
  ".wasm": "application/wasm",
};

export interface Content {
  readonly type: string;
  readonly body: string | Uint8Array;
}

export const scriptContent = (body: string): Content => ({ type: script, body });

export const isScript = (content: Content): content is Content & { readonly body: string } =>
  content.type === script && typeof content.body === "string";

export const bytesContent = (body: Uint8Array): Content => ({ type: "application/octet-stream", body });

/** A file as it is, but for what a browser can't load: TypeScript keeps its lines and columns, CommonJS becomes a default export. */
export async function fileContent(file: string, { folder, isPackage }: Root): Promise<Content> {
  const body = await readFile(file);
  if (/(?<!\.d)\.ts$/.test(file)) return scriptContent(stripTypeScriptTypes(body.toString()));
  if (isPackage && isCommonJs(file, folder)) return scriptContent(wrapped(body.toString()));
  const type = contentTypes[extname(file)] ?? "application/octet-stream";
  return { type, body: type === script ? body.toString() : body };
}

/** What a CommonJS file exports, as the default export that importing it gives in Node; one that requires others fails, saying so. */
const wrapped = (text: string): string => `const module = { exports: {} };
const require = (name) => {
  throw new Error(\`\${import.meta.url} is CommonJS and requires \${name}: it can't be loaded in a browser as it is\`);
};
(function (exports, require, module) {${text}
}).call(module.exports, module.exports, require, module);
export default module.exports;
`;
