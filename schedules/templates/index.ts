/** The templates, best first: the first that takes a target is its template; the last takes everything. */
import { elementwise } from "./elementwise.ts";
import { f32Decode, f32Prefill } from "./f32-madd.ts";
import { fallback } from "./fallback.ts";
import { gpuDecode } from "./gpu-decode.ts";
import { gpuElementwise } from "./gpu-elementwise.ts";
import { gpuPrefill } from "./gpu-prefill.ts";
import { integerDotDecode, integerDotPrefill } from "./integer-dot.ts";
import { tableLookup } from "./table-lookup.ts";
import type { Target, Template } from "./template.ts";

export const templates: readonly Template[] = [
  integerDotDecode,
  integerDotPrefill,
  tableLookup,
  f32Decode,
  f32Prefill,
  gpuDecode,
  gpuPrefill,
  gpuElementwise,
  elementwise,
  fallback,
];

/** The template of a target. */
export function templateFor(target: Target): Template {
  return templates.find((t) => t.refuses(target) === undefined) ?? fallback;
}

/** The template of this name, if there is one. */
export const templateNamed = (name: string): Template | undefined => templates.find((t) => t.name === name);

/** Why each template does or does not take a target, for `show`. */
export const explain = (
  target: Target,
): readonly { readonly template: string; readonly refusal: string | undefined }[] =>
  templates.map((t) => ({ template: t.name, refusal: t.refuses(target) }));
