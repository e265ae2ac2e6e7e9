/** The templates, best first: the first that takes a target is its template; the last takes everything. */
import { ScheduleError } from "../errors.ts";
import { attentionDecode, attentionPrefill } from "./attention.ts";
import { elementwise } from "./elementwise.ts";
import { f32Decode, f32Prefill } from "./f32-madd.ts";
import { fallback } from "./fallback.ts";
import { gpuAttentionDecode, gpuAttentionPrefill } from "./gpu-attention.ts";
import { gpuDecode } from "./gpu-decode.ts";
import { gpuElementwise } from "./gpu-elementwise.ts";
import { gpuPrefill } from "./gpu-prefill.ts";
import { integerDotDecode, integerDotPrefill } from "./integer-dot.ts";
import { planePopcount } from "./plane-popcount.ts";
import { roundedLookup, tableLookup } from "./table-lookup.ts";
import type { Target, Template } from "./template.ts";

export const templates: readonly Template[] = [
  roundedLookup,
  integerDotDecode,
  integerDotPrefill,
  tableLookup,
  planePopcount,
  f32Decode,
  f32Prefill,
  attentionDecode,
  attentionPrefill,
  gpuAttentionDecode,
  gpuAttentionPrefill,
  gpuDecode,
  gpuPrefill,
  gpuElementwise,
  elementwise,
  fallback,
];

/** The template of a target; where weights are packed already, one that reads them. Throws a `ScheduleError` that says why where there is none. */
export function templateFor(target: Target, packing?: string): Template {
  const reason = fallback.refuses(target);
  if (reason !== undefined) throw new ScheduleError(reason);
  return rivalsFor(target, packing)[0] ?? fallback;
}

/** The templates that the tuner tries for a target, best first: of each packing the first that takes it, and the fallback only where there is no other. */
export function rivalsFor(target: Target, packing?: string): readonly Template[] {
  const takers = templates.filter(
    (t) => t.refuses(target) === undefined && (packing === undefined || t.packing === packing),
  );
  const firsts = takers.filter((t, i) => takers.findIndex((other) => other.packing === t.packing) === i);
  const able = firsts.filter((t) => t !== fallback);
  return able.length > 0 ? able : firsts;
}

/** The template of this name, if there is one. */
export const templateNamed = (name: string): Template | undefined => templates.find((t) => t.name === name);

/** Why each template does or does not take a target, for `show`. */
export const explain = (
  target: Target,
): readonly { readonly template: string; readonly refusal: string | undefined }[] =>
  templates.map((t) => ({ template: t.name, refusal: t.refuses(target) }));
