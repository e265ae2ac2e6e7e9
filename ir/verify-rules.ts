/**
 * The rules that a kernel must keep, as a table: what each says is in the list at the head of `verify.ts`. A rule gives the reason for which
 * the kernel or statement breaks it, or undefined.
 */
import { affineOf } from "./affine.ts";
import { sub } from "./build.ts";
import { lanePattern } from "./evaluate.ts";
import { rangeOf } from "./interval.ts";
import { intrinsics } from "./intrinsics.ts";
import type { Buffer, Expr, For, Kernel, LoopKind } from "./nodes.ts";
import { type Access, type Context, provenNonNegative, type Site } from "./sites.ts";
import { printExpr } from "./text/print.ts";
import { boolType, indexType, isFloat, isSubByte, scalarRange, scalars, typeOf } from "./types.ts";
import { gridFormReason, invocationFormReason, subgroupReason } from "./verify-grid.ts";
import { buffersOf, eachNode, exprsOf, loopsOf, operands, variablesOf } from "./visit.ts";

/**
 * How far a kernel has come: a definition, one being scheduled, one scheduled for a GPU (`grid`), one that the backend of CPUs (`lowered`) or
 * of GPUs (`invocation`) takes.
 */
export type Form = "naive" | "scheduled" | "grid" | "lowered" | "invocation";

const isLowered = (form: Form): boolean => form === "lowered" || form === "invocation";

type Reason = string | undefined;

export interface KernelRule {
  readonly name: string;
  readonly check: (context: Context, form: Form) => Reason;
}

export interface SiteRule {
  readonly name: string;
  readonly check: (site: Site, context: Context, form: Form) => Reason;
}

/** The first reason that any of these gives. */
function first<T>(items: Iterable<T>, reason: (item: T) => Reason): Reason {
  for (const item of items) {
    const found = reason(item);
    if (found !== undefined) return found;
  }
  return undefined;
}

const repeated = (names: readonly string[]): string | undefined => names.find((name, i) => names.indexOf(name) !== i);

const show = (access: Access): string => `${access.buffer}[${access.index.map((e) => printExpr(e)).join(", ")}]`;

/** Lanes of an access: those of its index and mask. */
const lanesOf = ({ index, mask }: Access): readonly number[] =>
  [...index, ...(mask ? [mask] : [])].find(({ type }) => type.lanes.length > 0)?.type.lanes ?? [];

const sameLanes = (a: readonly number[], b: readonly number[]): boolean => typeOf("i32", a) === typeOf("i32", b);

const isParallel = (kind: LoopKind): boolean => kind !== "serial" && kind !== "unroll";

// -------------------------------------------------------------------------------------------------------------- kernels

function shapeReason(buffer: Buffer, kernel: Kernel): Reason {
  const { name, shape, unit, scope, lanes } = buffer;
  for (const size of shape) {
    if (size.type !== indexType) return `an extent of ${name} is ${size.type.text}, expected i32`;
    if (scope !== "global" && size.kind !== "const")
      return `local buffer ${name} has the extent ${printExpr(size)}, expected a constant`;
    if (size.kind === "const" && size.value < 0) return `${name} has the extent ${size.value}`;
    if (!isSize(size, kernel)) return `the extent ${printExpr(size)} of ${name} is not made of symbols`;
  }
  if (unit === "byte" && (scope === "register" || shape.length !== 1))
    return `${name} counts bytes, so it is no register and has one extent`;
  if (lanes.length > 0 && scope !== "register") return `${name} has elements with lanes, but is not a register buffer`;
  return undefined;
}

/** Whether an expression is made of symbols alone. */
const isSize = (e: Expr, { symbols }: Kernel): boolean =>
  buffersOf(e).size === 0 && variablesOf(e).isSubsetOf(new Set(symbols.map(({ name }) => name)));

function rangeReason({ name, scalar, range, below }: Buffer, kernel: Kernel): Reason {
  if (below !== undefined && (scalar !== "i32" || !isSize(below, kernel)))
    return `${name} is ${scalar} below ${printExpr(below)}, expected i32 below a size made of symbols`;
  if (range === undefined) return undefined;
  const [low, high] = range;
  const [min, max] = scalarRange(scalar);
  const whole = isFloat(scalar) || (Number.isInteger(low) && Number.isInteger(high));
  return low <= high && low >= min && high <= max && whole
    ? undefined
    : `${low}..${high} is not a range of ${scalar} values (${name})`;
}

function roleReason({ role, name }: Buffer, { kernel, sites }: Context): Reason {
  const pack = kernel.stage === "pack";
  const isWritten = sites.some(({ stmt }) => (stmt.kind === "store" || stmt.kind === "reduce") && stmt.buffer === name);
  if ((role === "input" || role === "weight" || role === "subgroup") && isWritten) return `${role} ${name} is written`;
  if (role === "packed" && isWritten && !pack) return `packed buffer ${name} is written by a ${kernel.stage} kernel`;
  if (role === "weight" && !pack) return `weight ${name} is used by a ${kernel.stage} kernel; it is gone after packing`;
  if (pack && (role === "input" || role === "output")) return `${role} ${name} is used by a pack kernel`;
  return undefined;
}

const loopKindsOf: Readonly<Record<Form, (kind: LoopKind) => boolean>> = {
  naive: (kind) => kind === "serial",
  scheduled: () => true,
  grid: () => true,
  lowered: (kind) => kind === "serial" || kind === "thread",
  invocation: (kind) => kind === "serial" || /^(workgroup|local)\./.test(kind),
};

function formReason(buffer: Buffer, form: Form): Reason {
  const { name, unit, scope, shape, lanes } = buffer;
  if (!isLowered(form)) return unit === "byte" ? `${name} counts bytes` : undefined;
  if (scope !== "register" && unit !== "byte" && (scope === "global" || form === "invocation"))
    return `${scope} buffer ${name} does not count bytes`;
  if (scope === "register" && shape.length > 0 && lanes.length > 0)
    return `register buffer ${name} has both axes and lanes, expected one of them`;
  return undefined;
}

export const kernelRules: readonly KernelRule[] = [
  {
    name: "unique-names",
    check: ({ kernel, sites }) => {
      const lets = sites.flatMap(({ stmt }) => (stmt.kind === "let" ? [stmt.name] : []));
      const loops = loopsOf(kernel.body).map(({ loop }) => loop);
      const variable = repeated([...kernel.symbols.map(({ name }) => name), ...loops, ...lets]);
      if (variable !== undefined) return `two symbols, loops or lets are named ${variable}`;
      const buffer = repeated(kernel.buffers.map(({ name }) => name));
      return buffer && `two buffers are named ${buffer}`;
    },
  },
  { name: "shape", check: ({ kernel }) => first(kernel.buffers, (buffer) => shapeReason(buffer, kernel)) },
  { name: "value-range", check: ({ kernel }) => first(kernel.buffers, (buffer) => rangeReason(buffer, kernel)) },
  {
    name: "role",
    check: (context) => {
      const { kernel } = context;
      if (kernel.stage === "pack" && kernel.symbols.length > 0)
        return `a pack kernel has the symbol ${kernel.symbols[0]?.name}; packing knows no run-time sizes`;
      return first(kernel.buffers, (buffer) => roleReason(buffer, context));
    },
  },
  {
    name: "thread",
    check: ({ sites }, form) => {
      const threads = sites.filter(({ stmt }) => stmt.kind === "for" && stmt.loopKind === "thread");
      const inner = threads.find(({ loops }) => loops.length > 0);
      if (inner !== undefined)
        return `thread loop ${(inner.stmt as For).loop} is inside loop ${inner.loops.at(-1)?.loop}`;
      return threads.length > 1 && form === "lowered"
        ? `there are ${threads.length} thread loops: ${threads.map(({ stmt }) => (stmt as For).loop).join(", ")}`
        : undefined;
    },
  },
  {
    name: "form",
    check: (context, form) => {
      const reason = first(context.kernel.buffers, (buffer) => formReason(buffer, form));
      if (reason !== undefined || (form !== "grid" && form !== "invocation")) return reason;
      return form === "grid" ? gridFormReason(context) : invocationFormReason(context);
    },
  },
];

// ----------------------------------------------------------------------------------------------------------- statements

function elementReason(access: Access, buffer: Buffer): Reason {
  const { type } = access.kind === "load" ? access : access.value;
  const { scalar } = type;
  if (buffer.unit === "element" && scalar !== buffer.scalar)
    return `${show(access)} is ${scalar}, elements are ${buffer.scalar}`;
  if (buffer.unit === "byte" && scalars[scalar].bits < 8) return `${show(access)}: ${scalar} has no byte address`;
  const lanes = lanesOf(access);
  if (lanes.length > 0 && buffer.lanes.length > 0)
    return `${show(access)} has a vector index, but elements have lanes of their own`;
  const expected = lanes.length > 0 ? lanes : buffer.lanes;
  // A scalar is stored to every lane.
  if (sameLanes(type.lanes, expected) || (access.kind !== "load" && type.lanes.length === 0)) return undefined;
  return `${show(access)} has lanes <${expected}>, the value <${type.lanes}>`;
}

/** The least distance at which lanes name different elements, along the one axis of a byte unit or any other. */
const apart = (access: Access, buffer: Buffer): number =>
  buffer.unit === "byte" ? scalars[access.kind === "load" ? access.type.scalar : access.value.type.scalar].bits / 8 : 1;

function injectiveReason(access: Access, buffer: Buffer, { resolve }: Context): Reason {
  const lanes = lanesOf(access);
  if (lanes.length === 0 || (access.mask && access.mask.type.lanes.length > 0)) return undefined;
  const axes = access.index.map((e) => {
    const form = affineOf(resolve(e));
    const decided = [...form.terms.keys()].every(({ type }) => type.lanes.length === 0);
    return decided ? lanePattern(lanes, form.lanes?.strides ?? lanes.map(() => 0)) : undefined;
  });
  const gap = apart(access, buffer);
  const known = axes.filter((axis) => axis !== undefined);
  const count = typeOf("i32", lanes).count;
  for (let a = 0; a < count; a++)
    for (let b = 0; b < a; b++) {
      const differ = known.some((axis) => Math.abs((axis[a] as number) - (axis[b] as number)) >= gap);
      if (!differ && known.length === axes.length)
        return `lanes ${b} and ${a} of ${show(access)} name the same element`;
    }
  return undefined;
}

/** Whether an address comes out of a register, as pointers do. */
function isPointer(e: Expr, { buffers }: Context): boolean {
  let found = false;
  eachNode(e, (node) => {
    found ||= node.kind === "load" && buffers.get(node.buffer)?.scope === "register";
  });
  return found;
}

function boundsReason(access: Access, buffer: Buffer, site: Site, context: Context, form: Form): Reason {
  if (access.mask !== undefined || site.loops.some((l) => rangeOf(l.extent, context.facts)[1] <= 0)) return undefined;
  const width = apart(access, buffer);
  return first(access.index.keys(), (axis) => {
    const index = context.resolve(access.index[axis] as Expr);
    const size = buffer.shape[axis] as Expr;
    const [low, high] = rangeOf(index, context.facts);
    const most = rangeOf(size, context.facts)[1] - width;
    const where = `${show(access)}: index ${axis} is in ${low}..${high}`;
    if (high < 0 || low > most) return `${where}, outside 0..${most}`;
    if (form !== "scheduled" && form !== "grid") return undefined;
    const limit = sub(sub(size, width), index);
    if (provenNonNegative(index, site, context) && provenNonNegative(limit, site, context)) return undefined;
    return `${where}, not proven to be in 0..${printExpr(sub(size, width))}; mask the access or guard it with an if`;
  });
}

/** A scalar, a lane pattern, a vector of zeros, or a scalar plus one of these. */
function isLoweredIndex(e: Expr): boolean {
  const pattern = (part: Expr): boolean => part.kind === "lanes" || (part.kind === "const" && part.value === 0);
  if (e.type.lanes.length === 0 || pattern(e)) return true;
  if (e.kind !== "op" || e.op !== "add") return false;
  const [a, b] = e.args as [Expr, Expr];
  return (a.type.lanes.length === 0 && pattern(b)) || (b.type.lanes.length === 0 && pattern(a));
}

/** All lanes of a register whose axes are its lanes, in their order, or one lane by constants. */
function isLaneIndex(index: readonly Expr[], shape: readonly Expr[]): boolean {
  if (index.every((e) => e.kind === "const")) return true;
  const sizes = shape.map((size) => (size.kind === "const" ? size.value : 0));
  return index.every((e, axis) => {
    if (!sameLanes(e.type.lanes, sizes)) return false;
    if (e.kind !== "lanes") return sizes[axis] === 1;
    return e.strides.every((stride, i) => stride === (i === axis ? 1 : 0) || sizes[i] === 1);
  });
}

function loweredReason({ stmt, nodes, accesses }: Site, { buffers }: Context): Reason {
  if (stmt.kind === "reduce") return "a reduce is left";
  const small = nodes.find(({ type }) => isSubByte(type.scalar));
  if (small !== undefined) return `${printExpr(small)} is ${small.type.text}`;
  return first(accesses, (access) => {
    if (access.mask !== undefined) return `${show(access)} is masked`;
    const buffer = buffers.get(access.buffer) as Buffer;
    if (buffer.scope === "register" && !isLaneIndex(access.index, buffer.shape))
      return `${show(access)}: a register is indexed by its lanes or by constants`;
    const odd = access.index.find((e) => !isLoweredIndex(e));
    return odd && `${show(access)} has the vector index ${printExpr(odd)}, expected a scalar plus a lane pattern`;
  });
}

function siteFormReason(site: Site, context: Context, form: Form): Reason {
  const { stmt, nodes } = site;
  if (stmt.kind === "for" && !loopKindsOf[form](stmt.loopKind)) return `loop ${stmt.loop} is ${stmt.loopKind}`;
  if (isLowered(form)) return loweredReason(site, context);
  if (form !== "naive") return undefined;
  if (stmt.kind === "barrier") return "a barrier";
  const call = nodes.find(({ kind }) => kind === "call");
  if (call !== undefined) return `${printExpr(call)} is an intrinsic`;
  const vector = nodes.find(({ type }) => type.lanes.length > 0);
  return vector && `${printExpr(vector)} is a vector`;
}

const eachAccess =
  (check: (access: Access, buffer: Buffer, site: Site, context: Context, form: Form) => Reason): SiteRule["check"] =>
  (site, context, form) =>
    first(site.accesses, (access) => {
      const buffer = context.buffers.get(access.buffer);
      return buffer && check(access, buffer, site, context, form);
    });

export const siteRules: readonly SiteRule[] = [
  {
    name: "declared",
    check: (site, { buffers }) => {
      const missing = site.accesses.find(({ buffer }) => !buffers.has(buffer));
      if (missing !== undefined) return `buffer ${missing.buffer} is not declared`;
      if (site.misused === undefined) return undefined;
      const { name, used, declared } = site.misused;
      return declared === undefined ? `${name} is not in scope` : `${name} is ${declared.text}, used as ${used.text}`;
    },
  },
  {
    name: "index",
    check: eachAccess((access, buffer) => {
      if (access.index.length !== buffer.shape.length)
        return `${show(access)} has ${access.index.length} indices, ${buffer.name} ${buffer.shape.length} axes`;
      const odd = access.index.find(({ type }) => type.scalar !== "i32");
      return odd && `${show(access)} is indexed by ${odd.type.text}, expected i32`;
    }),
  },
  { name: "element", check: eachAccess(elementReason) },
  {
    name: "table",
    check: ({ nodes }, { facts }) =>
      first(nodes, (e) => {
        if (e.kind !== "table") return undefined;
        const [low, high] = rangeOf(e.index, facts);
        const last = e.values.length - 1;
        return high > last ? `${printExpr(e)}: its index is in ${low}..${high}, expected 0..${last}` : undefined;
      }),
  },
  {
    name: "control",
    check: ({ stmt, accesses }) => {
      if (stmt.kind === "for" && stmt.extent.type !== indexType)
        return `the extent of ${stmt.loop} is ${stmt.extent.type.text}, expected i32`;
      if (stmt.kind === "if" && stmt.cond.type !== boolType)
        return `the condition is ${stmt.cond.type.text}, expected bool`;
      const odd = accesses.find(({ mask }) => mask !== undefined && mask.type.scalar !== "bool");
      return odd && `the mask of ${show(odd)} is ${odd.mask?.type.text}, expected bool`;
    },
  },
  {
    name: "sub-byte",
    check: (site) => {
      const { stmt } = site;
      const used = site.nodes.find((e) => e.kind !== "cast" && operands(e).some(({ type }) => isSubByte(type.scalar)));
      if (used !== undefined) return `${printExpr(used)} uses a value below 8 bits without a cast`;
      const root = exprsOf(stmt).find(({ type }) => isSubByte(type.scalar));
      return root && stmt.kind !== "store" ? `${printExpr(root)} is ${root.type.text}: cast it` : undefined;
    },
  },
  {
    name: "reduce-over",
    check: ({ stmt, loops }, { resolve }) => {
      if (stmt.kind !== "reduce") return undefined;
      const twice = repeated(stmt.over);
      if (twice !== undefined) return `${twice} is named twice`;
      return first(stmt.over, (name) => {
        if (!loops.some(({ loop }) => loop === name)) return `${name} is not a loop around it`;
        const used = stmt.index.some((e) => variablesOf(resolve(e)).has(name));
        return used ? `${name} is summed over and also in the index of ${show(stmt)}` : undefined;
      });
    },
  },
  {
    name: "independent",
    check: ({ stmt, loops }, context, form) => {
      if (stmt.kind !== "store" && stmt.kind !== "reduce") return undefined;
      // In the program of an invocation some stores are the first one's, under a condition.
      const parallel = loops.filter(
        ({ loopKind, extent }) =>
          isParallel(loopKind) &&
          !(extent.kind === "const" && extent.value === 1) &&
          !(form === "invocation" && loopKind.startsWith("local.")),
      );
      const over = parallel.find(({ loop }) => stmt.kind === "reduce" && stmt.over.includes(loop));
      if (over !== undefined) return `a reduction goes over the ${over.loopKind} loop ${over.loop}`;
      const index = stmt.index.map(context.resolve);
      if (context.buffers.get(stmt.buffer)?.scope !== "global" || index.some((e) => isPointer(e, context)))
        return undefined;
      const shared = parallel.find(({ loop }) => !index.some((e) => variablesOf(e).has(loop)));
      return shared && `every iteration of the ${shared.loopKind} loop ${shared.loop} writes ${show(stmt)}`;
    },
  },
  {
    name: "injective",
    check: eachAccess((access, buffer, _site, context) =>
      access.kind === "load" ? undefined : injectiveReason(access, buffer, context),
    ),
  },
  { name: "in-bounds", check: eachAccess(boundsReason) },
  {
    name: "intrinsic-range",
    check: (site, { facts, resolve }) =>
      first(site.nodes, (e) => {
        if (e.kind !== "call") return undefined;
        return first(intrinsics[e.intrinsic].operands.entries(), ([i, { name, range }]) => {
          const [low, high] = rangeOf(resolve(e.args[i] as Expr), facts);
          if (range === undefined || (low >= range[0] && high <= range[1])) return undefined;
          return `operand ${name} of ${e.intrinsic} is in ${low}..${high}, must be in ${range[0]}..${range[1]}`;
        });
      }),
  },
  { name: "subgroup", check: subgroupReason },
  { name: "form", check: siteFormReason },
];
