/**
 * subgroup: a sum over the invocations of a workgroup goes through one slot per subgroup, which the hardware sums at once.
 *
 *     for kl < 64: part[kl] = ..
 *     for part/kl < 64: y[n] += part[part/kl]                               over part/kl
 *     subgroup(buffer: y, at: n, lanes: [part/kl], into: slot, leader: leader)
 *     for kl < 64: part[kl] = ..
 *     for slot/zero/part/kl < 64: slot[slot/zero/part/kl] = 0
 *     for part/kl < 64: slot[leader[part/kl]] += part[part/kl]              over ()
 *     for slot/lane < 64: y[n] += slot[slot/lane]                           over slot/lane
 *
 * `lanes` are the loops that will be the workgroup's invocations, outermost first, all of the nest: the innermost becomes local.x. Which invocations make a
 * subgroup is not known, so that all of them must take part in every sum: where a lane is not summed over (a row), each of its values has slots of its own, to
 * which the other invocations add the neutral element.
 */
import { z } from "zod";
import { type Buffer, b, type Expr, type For, monoids, simplifyKernel, substituter, typeOf } from "../../ir/index.ts";
import { require } from "../errors.ts";
import { extentOf, type KernelStep, kernelPrimitive, type Primitive, reduceSite, replaceIn } from "../primitive.ts";
import { dividedMask, nest, sumLoops } from "../two-levels.ts";

export interface SubgroupStep extends KernelStep {
  readonly op: "subgroup";
  readonly buffer: string;
  readonly at?: string | undefined;
  readonly lanes: readonly string[];
  readonly into: string;
  /** Name of the buffer that tells an invocation's leader. */
  readonly leader: string;
}

const schema: z.ZodType<SubgroupStep> = z.strictObject({
  op: z.literal("subgroup"),
  kernel: z.string().optional(),
  buffer: z.string(),
  at: z.string().optional(),
  lanes: z.array(z.string()).min(1).max(3),
  into: z.string(),
  leader: z.string(),
});

export const subgroup: Primitive<SubgroupStep> = kernelPrimitive("subgroup", schema, (kernel, step) => {
  const site = reduceSite(kernel, step.buffer, step.at);
  const { loops, reduce } = site;
  const { summed } = sumLoops(kernel, site);
  const lanes = step.lanes.map((name) => {
    const found = loops.find((l) => l.loop === name);
    require(found !== undefined, () =>
      `subgroup: ${name} is not a loop of the nest, which is ${loops.map((l) => l.loop).join(", ")}`);
    return found;
  });
  require(new Set(lanes).size === lanes.length, () => `subgroup: ${step.lanes.join(", ")} names a loop twice`);
  const serial = summed.find((l) => !lanes.includes(l));
  require(serial === undefined && summed.length > 0, () =>
    `subgroup: ${serial ? `${serial.loop} is summed over by each invocation; accumulate in a register before` : `nothing is summed over in the nest of ${step.buffer}; rfactor a loop first`}`);
  require(reduce.over.length > 0, () =>
    `subgroup: the reduction into ${step.buffer} goes on from what is there; let it start anew`);
  const target = kernel.buffers.find((buffer) => buffer.name === step.buffer) as Buffer;
  const neutral = b.constant(monoids[reduce.monoid].neutral(target.scalar), typeOf(target.scalar));

  // Slots by the index of an invocation, then what the element depends on.
  const rows = lanes.filter((l) => !summed.includes(l));
  const others = loops.filter((l) => !lanes.includes(l));
  const size = lanes.reduce((product, l) => product * extentOf(l), 1);
  const slots = b.buffer(step.into, target.scalar, [size, ...[...rows, ...others].map(extentOf)], {
    scope: "workgroup",
  });
  const leader = b.buffer(step.leader, "i32", [size], { role: "subgroup" });
  const flat = (name: (l: For) => string): Expr =>
    lanes.reduce<Expr>((sum, l) => b.add(b.mul(sum, extentOf(l)), b.variable(name(l))), b.constant(0));
  const renamed = (by: string) => (l: For) => `${step.into}/${by}${l.loop}`;
  const variables = (list: readonly For[], name: (l: For) => string): readonly Expr[] =>
    list.map((l) => b.variable(name(l)));

  const zeroed = renamed("zero/");
  const zero = nest(
    [...lanes, ...rows.map((l) => ({ ...l, loop: `row/${l.loop}` })), ...others],
    b.store(
      step.into,
      [flat(zeroed), ...variables(rows, (l) => zeroed({ ...l, loop: `row/${l.loop}` })), ...variables(others, zeroed)],
      neutral,
    ),
    (name) => `${step.into}/zero/${name}`,
  );

  const own = (l: For): string => l.loop;
  const row = renamed("row/");
  const { inside, outside } = dividedMask(reduce.mask, summed);
  const belongs = [
    ...(inside ? [inside] : []),
    ...rows.filter((l) => extentOf(l) > 1).map((l) => b.op("eq", b.variable(l.loop), b.variable(row(l)))),
  ];
  const value = belongs.length > 0 ? b.select(belongs.reduce(b.and), reduce.value, neutral) : reduce.value;
  const sum = nest(
    [...lanes, ...others],
    nest(
      rows.map((l) => ({ ...l, loop: row(l) })),
      b.reduce(
        step.into,
        [b.load(leader, [flat(own)]), ...variables(rows, row), ...variables(others, own)],
        value,
        [],
        reduce.monoid,
      ),
    ),
  );

  const copied = renamed("");
  const lane = `${step.into}/lane`;
  const substitute = substituter(new Map([...rows, ...others].map((l) => [l.loop, b.variable(copied(l))])));
  const over = [...reduce.over.filter((name) => !summed.some((l) => l.loop === name)), lane];
  const flush = nest(
    [...rows, ...others].map((l) => ({ ...l, loop: copied(l) })),
    b.loop(lane, size, [
      b.reduce(
        step.buffer,
        reduce.index.map(substitute),
        b.load(slots, [b.variable(lane), ...variables([...rows, ...others], copied)]),
        over,
        reduce.monoid,
        outside && substitute(outside),
      ),
    ]),
  );
  const changed = replaceIn(kernel, step.at, (siblings) =>
    siblings.flatMap((s, i) => (i === site.position ? [zero, sum, flush] : [s])),
  );
  const known = kernel.buffers.some((buffer) => buffer.name === step.leader);
  require(!known, () => `subgroup: ${step.leader} is a buffer of ${kernel.name} already; choose another name`);
  return simplifyKernel({ ...changed, buffers: [...changed.buffers, slots, leader] });
});
