/**
 * Which template and point each part of a workload is compiled with: what was measured on this device or one like it, else the template's default. All parts share one
 * packed layout, the first part's.
 */
import type { Device, MatmulWorkload, Workload } from "../../ir/index.ts";
import {
  type Point,
  pointsOf,
  rejection,
  type Target,
  type Template,
  templateFor,
  templateNamed,
} from "../../schedules/index.ts";
import {
  type LookupResult,
  lookup,
  makeKey,
  makeScope,
  type RecordReader,
  recordKey,
  type TuneKey,
  type TuneRecord,
} from "../../tune-db/index.ts";
import { type PartPlan, scheduledWorkload } from "./artifact.ts";
import { generatorHash, layoutVersion } from "./generator.ts";

/** Values of M that one part serves; `typical` stands for them where a number is needed: it is what is tuned. */
export interface Range {
  readonly name: string;
  readonly min: number;
  readonly max: number;
  readonly typical: number;
}

/** Largest M of the decode part. */
const decodeRows = 8;
const anyRows = 2 ** 31 - 1;

/** Operators that share what they read among rows: many rows want other loops than few. */
const twoParts: readonly Workload["op"][] = ["matmul", "attention"];

/** The parts of a workload: one for a fixed M, decode and prefill where M is known at run time only. */
export function rangesOf(workload: Workload): readonly Range[] {
  if (!("m" in workload)) return [{ name: "all", min: 0, max: 0, typical: 0 }];
  if (workload.m === 0) return [{ name: "all", min: 0, max: decodeRows, typical: 0 }];
  if (workload.m !== "any") return [{ name: "all", min: workload.m, max: workload.m, typical: workload.m }];
  if (!twoParts.includes(workload.op)) return [{ name: "all", min: 0, max: anyRows, typical: 1 }];
  return [
    { name: "decode", min: 0, max: decodeRows, typical: 1 },
    { name: "prefill", min: decodeRows + 1, max: anyRows, typical: 128 },
  ];
}

/** The workload with a fixed M, as it is tuned and looked up. */
export const typicalWorkload = (workload: Workload, { typical }: Range): Workload =>
  "m" in workload ? ({ ...workload, m: typical } as Workload) : workload;

/** A part's plan, and how it came about. */
export interface Choice {
  readonly plan: PartPlan;
  readonly lookup: LookupResult | undefined;
}

/** Plans every part. Readers are asked in their order; none means defaults. Configurations in `failed` (by `recordKey`, with the reason) are left out. */
export async function planParts(
  workload: Workload,
  device: Device,
  readers: readonly RecordReader[],
  failed: ReadonlyMap<string, string> = new Map(),
): Promise<readonly Choice[]> {
  const choices: Choice[] = [];
  const packing = sharedPacking(workload, device);
  for (const range of rangesOf(workload)) {
    const first = choices[0]?.plan;
    choices.push(await planRange(workload, device, readers, failed, range, packing, first?.point));
  }
  return choices;
}

/**
 * The packing (see `Template`) that the parts of a workload share: the one of what is chosen untuned, since the fastest for one row may be slow for many. Undefined where
 * there is one part, which may have any.
 */
export function sharedPacking(workload: Workload, device: Target["device"]): string | undefined {
  const [first, ...others] = rangesOf(workload);
  if (first === undefined || others.length === 0) return undefined;
  return templateFor({ workload: typicalWorkload(workload, first), device }).packing;
}

async function planRange(
  workload: Workload,
  device: Device,
  readers: readonly RecordReader[],
  failed: ReadonlyMap<string, string>,
  range: Range,
  packing: string | undefined,
  pinned: Point | undefined,
): Promise<Choice> {
  const typical = { workload: typicalWorkload(workload, range), device };
  const target = { workload: scheduledWorkload(workload), device };
  const scope = makeScope(typical.workload, device, layoutVersion, generatorHash(device.kind));
  const usable = ({ key }: TuneRecord): string | undefined =>
    failed.get(recordKey(makeKey(scope, key.template, key.point))) ?? unusable(key, typical, target, packing, pinned);
  const found =
    readers.length === 0
      ? undefined
      : await lookup(readers, {
          workload: typical.workload,
          device,
          layoutVersion,
          generator: generatorHash(device.kind),
          usable,
        });
  const template = (found?.record && templateNamed(found.record.key.template)) ?? templateFor(typical, packing);
  const chosen = found?.record ? (found.record.key.point as Point) : template.default(target);
  // A record of a fixed M says nothing about the rows of tiles that other M need.
  const point = withLayout(template, target, fitting(template, target, chosen), pinned);
  const { name, min, max } = range;
  return {
    plan: { name, min, max, template: template.name, point, schedule: template.schedule(target, point) },
    lookup: found,
  };
}

/** Why a record can't serve. */
function unusable(
  key: TuneKey,
  typical: Target,
  target: Target,
  packing: string | undefined,
  pinned: Point | undefined,
): string | undefined {
  const template = templateNamed(key.template);
  if (template === undefined) return `there is no template ${key.template}`;
  const refusal = template.refuses(typical);
  if (refusal !== undefined) return `${template.name} does not take it: ${refusal}`;
  const point = key.point as Point;
  const reason = rejection(template.space(typical), point);
  if (reason !== undefined) return reason;
  if (packing !== undefined && template.packing !== packing)
    return `it packs weights as ${template.packing} does, all parts as ${packing}`;
  const axis = template.space(target).layout.find((a) => pinned !== undefined && a in pinned && pinned[a] !== point[a]);
  return axis === undefined
    ? undefined
    : `its layout has ${axis} = ${point[axis]}, the packed weights ${pinned?.[axis]}`;
}

/** For a symbolic M a tile of one row would do for M = 1 alone: the default's rows instead. */
function fitting(template: Template, target: Target, point: Point): Point {
  const { workload } = target;
  if (workload.op !== "matmul" || (workload as MatmulWorkload).m !== "any" || !("rows" in point) || point["rows"] !== 1)
    return point;
  const rows = template.default(target)["rows"];
  return rows === undefined ? point : nearest(template, target, { ...point, rows }, {});
}

/** The point with the layout's axes as they are pinned, others changed as little as the space allows. */
function withLayout(template: Template, target: Target, point: Point, pinned: Point | undefined): Point {
  if (pinned === undefined) return point;
  const fixed = Object.fromEntries(
    template
      .space(target)
      .layout.filter((axis) => axis in pinned)
      .map((axis) => [axis, pinned[axis] as number | string]),
  );
  return nearest(template, target, { ...point, ...fixed }, fixed);
}

/** The right point that differs least from `wanted` and has the `fixed` axes. */
function nearest(template: Template, target: Target, wanted: Point, fixed: Point): Point {
  const space = template.space(target);
  if (rejection(space, wanted) === undefined) return wanted;
  const distance = (p: Point): number => Object.keys(space.axes).filter((axis) => p[axis] !== wanted[axis]).length;
  let best: Point | undefined;
  for (const p of pointsOf(space)) {
    if (Object.keys(fixed).some((axis) => p[axis] !== fixed[axis])) continue;
    if (best === undefined || distance(p) < distance(best)) best = p;
  }
  return best ?? template.default(target);
}
