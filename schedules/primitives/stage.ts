/**
 * stage: what the body of a loop loads from a buffer, at one index, is copied into a nearer buffer first.
 *
 *     for kj < 8: for mi < 4: for h < 2: d[mi, h] += x[mi, 2*kj + h] * f32(i32(q[2*kj + h]) - 8)           over kj
 *     stage(buffer: q, at: kj, into: q.r, scope: register, decode: true)
 *     for kj < 8:
 *       for q.r/h < 2: q.r[q.r/h] = f32(i32(q[2*kj + q.r/h]) - 8)
 *       for mi < 4: for h < 2: d[mi, h] += x[mi, 2*kj + h] * q.r[h]                                         over kj
 *
 * The new buffer has an axis per loop inside `at` that the index depends on; the loops of the copy are named `<into>/<loop>`. With `decode` not the load alone is moved
 * but the largest expression around it that depends on no other buffer (but for those in its index), and on no other of those loops; `with` names buffers that it may depend on besides, such as
 * scales. `scalar` makes the copy narrower, where every value fits. Masks move along, and tests around the load become masks.
 */
import { z } from "zod";
import {
  b,
  buffersOf,
  type Expr,
  eachNode,
  exprsOf,
  type For,
  factsOf,
  type Load,
  loopsOf,
  mapExprs,
  operands,
  rewriter,
  type Scalar,
  type Stmt,
  scalars,
  simplifyKernel,
  substituter,
  variablesOf,
} from "../../ir/index.ts";
import { accessesIn } from "../elements.ts";
import { require } from "../errors.ts";
import { extentOf, type KernelStep, kernelPrimitive, loopNamed, type Primitive, replaceIn } from "../primitive.ts";
import { declaredRange, retype } from "../retype.ts";
import { loopsIn, nest } from "../two-levels.ts";

export interface StageStep extends KernelStep {
  readonly op: "stage";
  readonly buffer: string;
  /** The loop in whose body the copy stands, first of all. */
  readonly at: string;
  readonly into: string;
  readonly scope: "register" | "workgroup";
  /** Moves the decoding too; the default moves the load alone. */
  readonly decode?: boolean | undefined;
  readonly with?: readonly string[] | undefined;
  readonly scalar?: Scalar | undefined;
}

const schema: z.ZodType<StageStep> = z.strictObject({
  op: z.literal("stage"),
  kernel: z.string().optional(),
  buffer: z.string(),
  at: z.string(),
  into: z.string(),
  scope: z.enum(["register", "workgroup"]),
  decode: z.boolean().optional(),
  with: z.array(z.string()).optional(),
  scalar: z.enum(Object.keys(scalars) as [Scalar]).optional(),
});

export const stage: Primitive<StageStep> = kernelPrimitive("stage", schema, (kernel, step) => {
  const { loop: at } = loopNamed(kernel, step.at);
  const source = kernel.buffers.find((buffer) => buffer.name === step.buffer);
  require(source !== undefined && source.scope !== "register" && source.role !== "subgroup", () =>
    `stage ${step.buffer}: it is not a global or workgroup buffer of ${kernel.name}`);
  const moving = new Set([step.buffer, ...(step.with ?? [])]);
  requireUnwritten(at, moving);
  const { load, conditions } = accessIn(at, step.buffer, (l) => {
    const isShared = l.loopKind === "serial" || l.loopKind === "unroll";
    const isInGroup = l.loopKind.startsWith("local.") || l.loopKind === "subgroup";
    require(isShared || (isInGroup && step.scope === "workgroup"), () =>
      `stage ${step.buffer}: iterations of ${l.loop} (${l.loopKind}) don't share ${step.scope} memory; stage inside it`);
  });
  // What the index and the mask are made of is read where the copy is made.
  const places = [...load.index, ...(load.mask ? [load.mask] : [])];
  const read = moving.union(new Set(places.flatMap((e) => [...buffersOf(e)])));
  requireUnwritten(at, read);
  const inner = loopsOf(at.body);
  const axes = loopsIn([load, ...conditions], inner);
  const moved = step.decode === true ? decodingOf(at, load, axes, read) : load;

  const facts = factsOf(kernel);
  const guarded = rewriter((e) =>
    e.kind === "load" && moving.has(e.buffer)
      ? b.reload(e, e.index, [...(e.mask ? [e.mask] : []), ...conditions].reduce(b.and))
      : e,
  );
  const whole = conditions.length > 0 ? guarded(moved) : moved;
  const value = step.scalar === undefined ? whole : retype(whole, step.scalar, facts);
  require(value !== undefined, () =>
    `stage ${step.buffer}: what is copied can't be held in ${step.scalar}; choose a type that holds every value`);
  const below = value === load && load.mask === undefined ? source.below : undefined;
  const range = below ? undefined : declaredRange([value], facts);
  const buffer = b.buffer(step.into, value.type.scalar, axes.map(extentOf), {
    scope: step.scope,
    ...(range && { range }),
    ...(below && { below }),
  });
  const copyOf = (name: string): string => `${step.into}/${name}`;
  const copies = axes.map((l) => b.variable(copyOf(l.loop)));
  const substitute = substituter(new Map(axes.map((l, i) => [l.loop, copies[i] as Expr])));
  const copy = nest(axes, b.store(step.into, copies, substitute(value)), copyOf);
  const staged = b.cast(
    moved.type.scalar,
    b.load(
      buffer,
      axes.map((l) => b.variable(l.loop)),
    ),
  );
  const reads = rewriter((e) => (e === moved ? staged : e));
  const changed = replaceIn(kernel, step.at, (body) => [copy, ...body.map((s) => mapExprs(s, reads))]);
  return simplifyKernel({ ...changed, buffers: [...changed.buffers, buffer] });
});

function requireUnwritten(at: For, buffers: ReadonlySet<string>): void {
  for (const a of accessesIn(at.body))
    require(a.kind === "load" || !buffers.has(a.buffer), () =>
      `stage ${a.buffer}: it is written in ${at.loop}; stage it in a loop that only reads it`);
}

/** A load, and the conditions under which it is done. */
interface Access {
  readonly load: Load;
  readonly conditions: readonly Expr[];
}

/** The one access of the buffer in a loop's body, the same wherever it stands; `crossed` sees the loops around it there. */
function accessIn(at: For, buffer: string, crossed: (l: For) => void): Access {
  const found: Access[] = [];
  const lets = new Set<string>();
  const visit = (body: readonly Stmt[], conditions: readonly Expr[], loops: readonly For[]): void => {
    for (const s of body) {
      for (const root of exprsOf(s))
        eachNode(root, (e) => {
          if (e.kind !== "load" || e.buffer !== buffer) return;
          found.push({ load: e, conditions });
          loops.forEach(crossed);
        });
      if (s.kind === "for") visit(s.body, conditions, [...loops, s]);
      if (s.kind === "if") visit(s.body, [...conditions, s.cond], loops);
      if (s.kind === "let") lets.add(s.name);
    }
  };
  visit(at.body, [], []);
  const [first, ...others] = found;
  require(first !== undefined, () =>
    `stage ${buffer}: the body of ${at.loop} does not load it; choose a loop around its loads`);
  const same = (a: Access): boolean =>
    a.load === first.load &&
    a.conditions.length === first.conditions.length &&
    a.conditions.every((e, i) => e === first.conditions[i]);
  require(others.every(same), () =>
    `stage ${buffer}: the body of ${at.loop} loads it at several indices or under several conditions; choose an inner loop`);
  const parts = [first.load, ...first.conditions];
  require(parts.every((e) => e.type.lanes.length === 0), () => `stage ${buffer}: its load is a vector; stage before`);
  const local = parts.flatMap((e) => [...variablesOf(e)]).find((name) => lets.has(name));
  require(local === undefined, () =>
    `stage ${buffer}: its index depends on let ${local}, which is made in ${at.loop}; choose an inner loop`);
  const loaded = first.conditions.flatMap((e) => [...buffersOf(e)])[0];
  require(loaded === undefined, () =>
    `stage ${buffer}: a test of ${loaded} says when it is loaded; stage inside the test`);
  return first;
}

/** The largest expressions around a load that use no buffers but those that are read, nor loops inside `at` that are not among `axes`: one, the same wherever it stands. */
function decodingOf(at: For, load: Load, axes: readonly For[], read: ReadonlySet<string>): Expr {
  const own = new Set([...axes.map((l) => l.loop), ...variablesOf(load)]);
  const inner = new Set(loopsOf(at.body).map((l) => l.loop));
  const lets = new Set<string>();
  const found = new Set<Expr>();
  const contains = (e: Expr): boolean => e === load || operands(e).some(contains);
  const movable = (e: Expr): boolean =>
    e.type.scalar !== "bool" &&
    e.type.lanes.length === 0 &&
    buffersOf(e).isSubsetOf(read) &&
    [...variablesOf(e)].every((name) => own.has(name) || !(inner.has(name) || lets.has(name)));
  const search = (e: Expr): void => {
    if (!contains(e)) return;
    if (movable(e)) found.add(e);
    else for (const arg of operands(e)) search(arg);
  };
  const visit = (body: readonly Stmt[]): void => {
    for (const s of body) {
      for (const root of exprsOf(s)) search(root);
      if (s.kind === "for" || s.kind === "if") visit(s.body);
      if (s.kind === "let") lets.add(s.name);
    }
  };
  visit(at.body);
  require(found.size === 1, () =>
    `stage ${load.buffer}: it is decoded in ${found.size} ways in ${at.loop}; stage it without decode`);
  return [...found][0] as Expr;
}
