/** Templates `gpu-attention-decode` and `gpu-attention-prefill`: attention over a cache, on a GPU. The derivation is in `gpu-attention-schedule.ts`. */
import { type AttentionWorkload, cacheBlock, cacheFormatOf, rowWidth } from "../../ir/index.ts";
import { attentionOf, refusesRows } from "./attention-steps.ts";
import { attentionSchedule } from "./gpu-attention-schedule.ts";
import { choicesOf } from "./gpu-attention-steps.ts";
import { workgroupBytes } from "./gpu-attention-weights.ts";
import { invocationsFit, isProcessor, limitOf } from "./gpu-matmul.ts";
import { type Constraint, numberAt, type Point, type Space, type Target, type Template } from "./template.ts";

/** Queries times heads of a workgroup: more leave no registers for anything else. */
const mostSums = 32;
/** Those of a default point. What makes code for processors takes seconds for more. */
const usualSums = (target: Target): number => (isProcessor(target) ? 4 : 16);
/** The most queries of a default tile: there is a kernel for each number of queries that may be left over. */
const usualRows = 4;

const groupOf = ({ heads, kvHeads }: AttentionWorkload): number => heads / kvHeads;

const divisorsOf = (count: number): readonly number[] =>
  Array.from({ length: count }, (_, i) => i + 1).filter((n) => count % n === 0);

/** Storage buffers of the kernel over blocks. */
function buffersOf(workload: AttentionWorkload, parts: number): number {
  const { keys, values, numerics, positions, slopes, bias, sinks, lse, pages } = workload;
  const count = (...flags: readonly (boolean | undefined)[]): number => flags.filter((flag) => flag === true).length;
  const fields = (format: string): number => cacheFormatOf(format).format.fields.length;
  const read = fields(keys) + fields(values) + (numerics.scores === "i8" ? 2 : 1);
  const results = parts > 1 ? 3 : 1 + count(sinks, lse);
  const places = pages === undefined ? 0 : 2;
  return read + places + count(positions === "given", slopes, bias) + results;
}

/** Values of a head, with those that it is padded by. */
const widthOf = ({ values, headSize }: AttentionWorkload): number =>
  rowWidth("v", cacheFormatOf(values).format, headSize);

/** Invocations that a head's values may be spread over. */
const acrossFor = (target: Target): readonly number[] =>
  divisorsOf(widthOf(attentionOf(target))).filter((n) => n > 1 && n <= limitOf(target, "invocations"));

/** As many as `most`; where those are few, as many as there may be. */
function usualAcross(target: Target, most: number): number {
  const all = acrossFor(target);
  const usual = all.findLast((n) => n <= most) ?? 0;
  return usual * 4 > Math.min(widthOf(attentionOf(target)), most) ? usual : (all.at(-1) as number);
}

function conditions(target: Target): readonly Constraint[] {
  const workload = attentionOf(target);
  const at = (p: Point): number => numberAt(p, "rows") * numberAt(p, "heads");
  return [
    invocationsFit(target, (p) => Math.max(numberAt(p, "lanes"), numberAt(p, "across"))),
    {
      name: "tile fits",
      violated: (p) => (at(p) <= mostSums || at(p) === 1 ? undefined : `${at(p)} sums are more than ${mostSums}`),
    },
    {
      name: "workgroup memory",
      violated: (p) => {
        const [bytes, most] = [workgroupBytes(workload, choicesOf(target, p)), limitOf(target, "workgroupMemory")];
        return bytes <= most ? undefined : `${bytes} bytes are more than ${most}`;
      },
    },
    {
      name: "parts have one kernel",
      violated: (p) => {
        const rows = numberAt(p, "rows");
        const isWhole = rows === 1 || (workload.m !== "any" && workload.m % rows === 0);
        return isWhole || p["parts"] === 1 ? undefined : `tiles of ${rows} queries leave some over`;
      },
    },
    {
      name: "parts have buffers",
      violated: (p) => {
        const [count, most] = [buffersOf(workload, numberAt(p, "parts")), limitOf(target, "storageBuffers")];
        return count <= most || p["parts"] === 1 ? undefined : `${count} storage buffers are more than ${most}`;
      },
    },
  ];
}

/** Why an attention can't be on this GPU, whatever the template, and what to do. */
export function attentionFault(target: Target): string | undefined {
  const workload = attentionOf(target);
  const { headSize } = workload;
  if (acrossFor(target).length === 0)
    return `headSize: no number of invocations divides ${headSize}; for such heads compile without a GPU's runtime`;
  const [count, most] = [buffersOf(workload, 1), limitOf(target, "storageBuffers")];
  const remedies = [
    'open the GPU with limits: "adapter" where it has more',
    ...(workload.numerics.scores === "i8" ? ['have scores in "f32"'] : []),
    "leave out zero points or other inputs",
  ];
  return count <= most
    ? undefined
    : `its ${count} tensors are more than the ${most} storage buffers of a shader; ${remedies.slice(0, -1).join(", ")}, or ${remedies.at(-1)}`;
}

function refuses(target: Target): string | undefined {
  const { workload, device } = target;
  if (workload.op !== "attention") return `it is a ${workload.op}`;
  if (device.kind !== "wgsl") return `the device is ${device.kind}`;
  return attentionFault(target);
}

function spaceOf(target: Target, rows: readonly number[], parts: readonly number[]): Space {
  const workload = attentionOf(target);
  const { m } = workload;
  return {
    axes: {
      rows: rows.filter((r) => m === "any" || r <= Math.max(1, m)),
      heads: divisorsOf(groupOf(workload)),
      lanes: [8, 16, 32, 64],
      across: acrossFor(target),
      parts,
    },
    layout: [],
    where: conditions(target),
  };
}

/** The largest tile that fits, of those with as many sums as registers hold beside their operands; divided, the queries are one by one. */
function defaultPoint(target: Target, rows: readonly number[], parts: number): Point {
  const workload = attentionOf(target);
  const { m } = workload;
  const lanes = isProcessor(target) ? 16 : cacheBlock;
  const across = usualAcross(target, lanes);
  const tiles = (sums: number): readonly Point[] => {
    const heads = divisorsOf(groupOf(workload)).findLast((n) => n <= sums) ?? 1;
    const most = rows.findLast((r) => r <= usualRows && r * heads <= sums && (m === "any" || r <= m)) ?? 1;
    const whole = { rows: most, heads, lanes, across, parts: 1 };
    return parts > 1 ? [{ ...whole, rows: 1, parts }, whole] : [whole];
  };
  const all = Array.from({ length: usualSums(target) }, (_, i) => usualSums(target) - i).flatMap(tiles);
  const fits = (p: Point): boolean => conditions(target).every(({ violated }) => violated(p) === undefined);
  return all.find(fits) ?? (all.at(-1) as Point);
}

interface Kind {
  readonly name: string;
  readonly most: number;
  readonly rows: readonly number[];
  readonly parts: readonly number[];
  readonly usualParts: (target: Target) => number;
}

const template = ({ name, most, rows, parts, usualParts }: Kind): Template => ({
  name,
  packing: "cache",
  refuses: (target) => refusesRows(target, most) ?? refuses(target),
  space: (target) => spaceOf(target, rows, parts),
  default: (target) => defaultPoint(target, rows, usualParts(target)),
  schedule: attentionSchedule,
});

/** A processor runs few workgroups at once. */
export const gpuAttentionDecode: Template = template({
  ...{ name: "gpu-attention-decode", most: 8, rows: [1, 2], parts: [1, 2, 4, 8, 16, 32, 64] },
  usualParts: (target) => (isProcessor(target) ? 1 : 16),
});

export const gpuAttentionPrefill: Template = template({
  ...{ name: "gpu-attention-prefill", most: Number.POSITIVE_INFINITY, rows: [1, 2, 4, 8], parts: [1] },
  usualParts: () => 1,
});
