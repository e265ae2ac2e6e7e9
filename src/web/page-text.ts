// The page at / as HTML: what modules are found by which names, and what it starts. Not here: the modules.

import type { ImportMap } from "./packages.ts";

export interface PageOptions {
  /** @default "qloom" */
  readonly title?: string;
  /** The module that the page starts, by its address (`modulePath`). */
  readonly module?: string;
  /** The stylesheet's address. */
  readonly styles?: string;
  /** What the body holds, as HTML that is served as it is. */
  readonly body?: string;
}

const escapes: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
const escaped = (text: string): string => text.replace(/[&<>"]/g, (character) => escapes[character] ?? character);

export function pageText(importMap: ImportMap, { title = "qloom", module, styles, body = "" }: PageOptions): string {
  // In a script element a text may not hold "</script", whatever it means there.
  const map = JSON.stringify(importMap).replaceAll("<", "\\u003c");
  const start = module === undefined ? "" : `<script type="module" src="${escaped(module)}"></script>\n`;
  const style = styles === undefined ? "" : `<link rel="stylesheet" href="${escaped(styles)}">\n`;
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${escaped(title)}</title>
<link rel="icon" href="data:,">
${style}<script type="importmap">${map}</script>
${start}${body}</html>
`;
}
