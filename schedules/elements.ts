/**
 * Which elements iterations touch: whether an index tells the iterations of loops apart, and whether iterations depend on each other. What cannot be proven
 * counts as a dependence.
 */
import {
  type Affine,
  affineOf,
  type Buffer,
  b,
  buffersOf,
  type Expr,
  eachNode,
  eachStmt,
  exprOf,
  exprsOf,
  type Facts,
  type For,
  factsOf,
  type Kernel,
  loopsOf,
  rangeOf,
  type Stmt,
  simplifier,
  storageBits,
  substituter,
  variablesOf,
  writes,
} from "../ir/index.ts";
import { nestOf } from "./primitive.ts";

const mentions = (e: Expr, names: ReadonlySet<string>): boolean => !variablesOf(e).isDisjointFrom(names);

/**
 * Of the loops in `free`, those whose variables follow from the values of an index (all other variables being fixed): two iterations that differ in one
 * of them touch different elements. Sums are read as mixed radix: in `16*a + 4*b + c` with b, c < 4 all three follow.
 */
export function determined(index: readonly Expr[], free: ReadonlySet<string>, facts: Facts): ReadonlySet<string> {
  const known = new Set<Expr>(index);
  // A loop of one iteration has nothing to tell apart.
  const loops = new Set([...free].filter((name) => widthOf(b.variable(name), facts) === 0));
  for (const e of known) {
    for (const atom of [...digitsOf(e, free, facts), ...wholeOf(e, known)]) known.add(atom);
    if (e.kind === "var" && free.has(e.name)) loops.add(e.name);
  }
  return loops;
}

/** How far an expression's values lie apart. */
function widthOf(e: Expr, facts: Facts): number {
  const [low, high] = rangeOf(e, facts);
  return high - low;
}

/** The varying atoms of a sum that follow from its value, largest coefficient first. */
function digitsOf(e: Expr, free: ReadonlySet<string>, facts: Facts): readonly Expr[] {
  const form = affineOf(e);
  const terms: { atom: Expr | undefined; step: number; reach: number }[] = [...form.terms]
    .filter(([atom]) => mentions(atom, free))
    .map(([atom, c]) => ({ atom, step: Math.abs(c), reach: Math.abs(c) * widthOf(atom, facts) }))
    .filter(({ reach }) => reach > 0);
  form.lanes?.strides.forEach((stride, i) => {
    const step = Math.abs(stride);
    terms.push({ atom: undefined, step, reach: step * ((form.lanes?.sizes[i] as number) - 1) });
  });
  terms.sort((a, b) => b.step - a.step);
  const found: Expr[] = [];
  for (const [i, { atom, step }] of terms.entries()) {
    const below = terms.slice(i + 1).reduce((sum, t) => sum + t.reach, 0);
    if (step <= below) break;
    if (atom !== undefined) found.push(atom);
  }
  return found;
}

/** `p` where both `p // d` and `p % d` are known, p being `v` or `v // c`: then `p // d` is `v // (c*d)`. */
function wholeOf(e: Expr, known: ReadonlySet<Expr>): readonly Expr[] {
  if (e.kind !== "op" || (e.op !== "floordiv" && e.op !== "mod")) return [];
  const pairs = [...known].map((x) => (e.op === "mod" ? ([e, x] as const) : ([x, e] as const)));
  return pairs.flatMap(([remainder, quotient]) => {
    if (remainder.kind !== "op" || remainder.op !== "mod") return [];
    const [p, d] = remainder.args as [Expr, Expr];
    return quotientOf(p, d) === quotient ? [p] : [];
  });
}

/** `p // d`, as it is written. */
function quotientOf(p: Expr, d: Expr): Expr {
  const [v, c] = p.kind === "op" && p.op === "floordiv" ? (p.args as [Expr, Expr]) : [p, undefined];
  return c?.kind === "const" && d.kind === "const" ? b.floordiv(v, c.value * d.value) : b.floordiv(p, d);
}

/** One access of a buffer. */
interface Access {
  readonly buffer: string;
  readonly index: readonly Expr[];
  readonly kind: "load" | "store" | "reduce";
}

/** Every access in statements, in order: those of a statement's expressions before what it writes. */
export function accessesIn(body: readonly Stmt[]): readonly Access[] {
  const found: Access[] = [];
  eachStmt(body, (s) => {
    const seen = new Set<Expr>();
    for (const root of exprsOf(s)) eachNode(root, (e) => e.kind === "load" && found.push(e), seen);
    if (writes(s)) found.push(s);
  });
  return found;
}

/** What iterations share, and what each has of its own: those of a workgroup's local loops share its memory and its registers' axes. */
export type Sharing = "nothing" | "workgroup";

/** Whether iterations follow each other, or run at once: then elements of one byte are one place, which is written whole. */
export type Order = "sequence" | "at once";

/**
 * Why iterations of these loops depend on each other, taken together by their number (iteration 3 of each is one); undefined when each writes elements of
 * its own and reads, of what is written, only those. Local buffers must be made anew in every iteration; where iterations share a workgroup, its memory is
 * like global memory, and a register may live on when one of its axes is the iteration's number.
 */
export function dependence(
  kernel: Kernel,
  loops: readonly For[],
  sharing: Sharing = "nothing",
  order: Order = "sequence",
): string | undefined {
  const names = loops.map((l) => l.loop);
  const facts = factsOf(kernel);
  let reason: string | undefined;
  eachStmt(loops, (s) => {
    const over = s.kind === "reduce" ? names.find((name) => s.over.includes(name)) : undefined;
    if (over !== undefined && writes(s)) reason ??= `${s.buffer} is a sum over ${over}`;
  });
  if (reason !== undefined) return reason;
  const scopes = new Map(kernel.buffers.map(({ name, scope }) => [name, scope]));
  const written = new Set(accessesIn(loops).flatMap((a) => (a.kind === "load" ? [] : [a.buffer])));
  for (const buffer of written) {
    const scope = scopes.get(buffer);
    if (scope === "global" || (scope === "workgroup" && sharing === "workgroup"))
      reason = isLeaderSum(kernel, loops, buffer) ? undefined : sharedElements(loops, buffer, facts, order);
    else if (sharing === "nothing" || !hasOwnAxis(loops, buffer)) reason = carried(kernel, loops, buffer);
    if (reason !== undefined) return reason;
  }
  return undefined;
}

/** Whether an axis of the buffer is the iteration's number in every access. */
function hasOwnAxis(loops: readonly For[], buffer: string): boolean {
  const accesses = loops.flatMap((l) =>
    accessesIn(l.body).flatMap((a) => (a.buffer === buffer ? [{ index: a.index, own: b.variable(l.loop) }] : [])),
  );
  return (accesses[0]?.index ?? []).some((_, axis) => accesses.every(({ index, own }) => index[axis] === own));
}

/** Whether all that is done with the buffer is to add to the slots of subgroups' leaders, which is done for a subgroup at once. */
function isLeaderSum(kernel: Kernel, loops: readonly For[], buffer: string): boolean {
  const roles = new Map(kernel.buffers.map(({ name, role }) => [name, role]));
  const byLeader = (e: Expr): boolean => e.kind === "load" && roles.get(e.buffer) === "subgroup";
  let all = accessesIn(loops).every((a) => a.kind !== "load" || a.buffer !== buffer);
  eachStmt(loops, (s) => {
    if (writes(s, buffer)) all &&= s.kind === "reduce" && s.over.length === 0 && s.index.some(byLeader);
  });
  return all;
}

/** Why an iteration touches elements of the buffer that another one touches, or undefined. */
export function sharedElements(
  loops: readonly For[],
  buffer: string,
  facts: Facts,
  order: Order = "sequence",
): string | undefined {
  const inBytes = order === "at once" ? placeInBytes(facts.buffer(buffer), facts) : undefined;
  const accesses = loops.flatMap((l) =>
    accessesIn(l.body)
      .filter((a) => a.buffer === buffer)
      .map((a) => ({ ...a, index: inBytes?.(a.index) ?? a.index, loop: l })),
  );
  const [{ index, loop }] = accesses as [(typeof accesses)[number]];
  const written = new Set(accessesIn(loops).flatMap((a) => (a.kind === "load" ? [] : [a.buffer])));
  const changing = accesses.flatMap((a) => a.index.flatMap((e) => [...buffersOf(e)])).find((name) => written.has(name));
  if (changing !== undefined) return `${buffer} is indexed by ${changing}, which changes in ${loop.loop}`;
  const keys = accesses.map((a) => iterationKeys(a.index, a.loop, facts));
  const [first, ...others] = keys as [ReadonlySet<string>, ...ReadonlySet<string>[]];
  if ([...first].some((key) => others.every((other) => other.has(key)))) return undefined;
  const inside = namesIn([loop]);
  const same = accesses.every((a) => a.index.length === index.length && a.index.every((e, i) => e === index[i]));
  const named = index.some((e) => variablesOf(e).has(loop.loop));
  if (same && named && determined(index, inside, facts).has(loop.loop)) return undefined;
  const how = accesses.every((a) => a.kind !== "load") ? "write the same" : "use each other's";
  return `iterations of ${loop.loop} ${how} ${inBytes === undefined ? "elements" : "bytes"} of ${buffer}`;
}

/** Where elements that share bytes lie, in bytes: the last axes that are whole bytes together become one, of bytes. Undefined for elements that share none. */
function placeInBytes(
  buffer: Buffer | undefined,
  facts: Facts,
): ((index: readonly Expr[]) => readonly Expr[]) | undefined {
  if (buffer === undefined || buffer.scalar === "bool" || storageBits(buffer.scalar) >= 8) return undefined;
  const together = 8 / storageBits(buffer.scalar);
  const sizes = buffer.shape.map((extent) => (extent.kind === "const" ? extent.value : Number.NaN));
  let axis = sizes.length - 1;
  const sizeFrom = (first: number): number => sizes.slice(first).reduce((product, size) => product * size, 1);
  while (axis > 0 && sizeFrom(axis) % together !== 0) axis--;
  return (index) => {
    const linear = index.slice(axis).reduce((sum, e, i) => b.add(b.mul(sum, buffer.shape[axis + i] as Expr), e));
    return [...index.slice(0, axis), simplifier(facts)(b.floordiv(linear, together))];
  };
}

/** Names that statements give values: loops and lets. */
export function namesIn(body: readonly Stmt[]): ReadonlySet<string> {
  const names = new Set<string>();
  eachStmt(body, (s) => {
    if (s.kind === "for") names.add(s.loop);
    if (s.kind === "let") names.add(s.name);
  });
  return names;
}

/** Ways in which an index gives the iteration's number: `axis i is c*loop + shift + something in 0..c-1`. */
function iterationKeys(index: readonly Expr[], loop: For, facts: Facts): ReadonlySet<string> {
  const varying = namesIn([loop]);
  const keys = new Set<string>();
  for (const [axis, e] of index.entries()) {
    const form = affineOf(e);
    const entries = [...form.terms];
    const c = entries.find(([atom]) => atom.kind === "var" && atom.name === loop.loop)?.[1] ?? 0;
    if (c <= 0) continue;
    const others = entries.filter(([atom]) => !(atom.kind === "var" && atom.name === loop.loop));
    const within: Affine = { ...form, constant: 0, terms: new Map(others.filter(([atom]) => mentions(atom, varying))) };
    const shift: Affine = {
      constant: form.constant,
      terms: new Map(others.filter(([atom]) => !mentions(atom, varying))),
      lanes: undefined,
      shape: [],
    };
    const [low, high] = rangeOf(exprOf(within), facts);
    if (low >= 0 && high < c) keys.add(`${axis}:${c}:${exprOf(shift).id}`);
  }
  return keys;
}

/** Why a local buffer carries a value from one iteration to the next, or out of the loops; undefined when it does not. */
export function carried(kernel: Kernel, loops: readonly For[], buffer: string): string | undefined {
  const facts = factsOf(kernel);
  const uses = (s: Stmt): boolean => accessesIn([s]).some((a) => a.buffer === buffer);
  const outside = (body: readonly Stmt[]): boolean =>
    body.some((s) => {
      if (loops.includes(s as For)) return false;
      if (s.kind === "for") return outside(s.body);
      return s.kind === "if" ? buffersOf(s.cond).has(buffer) || outside(s.body) : uses(s);
    });
  if (outside(kernel.body)) return `${buffer} is used outside ${loops.map((l) => l.loop).join(", ")} too`;
  for (const l of loops) {
    // The nest that uses it first, and the loops that it stands in: it must give every element a value that depends on none before.
    const path: For[] = [];
    let siblings = l.body;
    let first = siblings.find(uses);
    // A test around all uses: where it fails there are none.
    let isAlone = true;
    for (;;) {
      isAlone &&= siblings.filter(uses).length === 1;
      const nest = first?.kind === "for" ? nestOf(first) : undefined;
      if (first?.kind === "if" && isAlone) siblings = first.body;
      else if (nest !== undefined && (nest.body.length > 1 || nest.body[0]?.kind === "if")) {
        path.push(...nest.loops);
        siblings = nest.body;
      } else break;
      first = siblings.find(uses);
    }
    const inside = new Set(loopsOf(l.body).map((inner) => inner.loop));
    if (first !== undefined && !makesWhole(first, path, ownShape(l, buffer, facts), buffer, inside, facts))
      return `${buffer} keeps its value from one iteration of ${l.loop} to the next`;
  }
  return undefined;
}

/** The extents of a buffer that an iteration can reach: without axes on which it has one place everywhere. */
function ownShape(loop: For, buffer: string, facts: Facts): readonly Expr[] {
  const inside = namesIn(loop.body);
  const written = new Set(accessesIn(loop.body).flatMap((a) => (a.kind === "load" ? [] : [a.buffer])));
  const indices = accessesIn(loop.body).flatMap((a) => (a.buffer === buffer ? [a.index] : []));
  const isOne = (axis: number): boolean => {
    const place = indices[0]?.[axis] as Expr;
    const isFixed = !mentions(place, inside) && buffersOf(place).isDisjointFrom(written);
    return place.type.lanes.length === 0 && isFixed && indices.every((index) => index[axis] === place);
  };
  return (facts.buffer(buffer)?.shape ?? []).filter((_, axis) => !isOne(axis));
}

/**
 * Whether a nest stores every element of a buffer (of the given shape), or starts a sum over loops `inside` in each. The nest may stand in loops `path` that hold more: an element that
 * depends on one of those must be used in its own iteration only, or after the loop.
 */
function makesWhole(
  first: Stmt,
  path: readonly For[],
  shape: readonly Expr[],
  buffer: string,
  inside: ReadonlySet<string>,
  facts: Facts,
): boolean {
  const { loops, body } = nestOf(first);
  const [s] = body;
  if (body.length !== 1 || s === undefined || !writes(s, buffer)) return false;
  if (s.mask !== undefined && !holdsAtFirst(s.mask, s.kind === "reduce" ? s.over : [], facts)) return false;
  const all = [...path, ...loops];
  const starts = s.kind === "store" || (s.over.length > 0 && s.over.every((name) => inside.has(name)));
  const axes = all.filter((l) => s.index.some((e) => variablesOf(e).has(l.loop)));
  const size = (list: readonly Expr[]): number =>
    list.reduce((product, e) => product * (e.kind === "const" ? e.value : Number.NaN), 1);
  const lanes = s.index.find((e) => e.type.lanes.length > 0)?.type.count ?? 1;
  return (
    starts &&
    path.every((l) => !axes.includes(l) || hasOwnAxis([l], buffer) || usesOf(l, buffer) === 1) &&
    accessesIn([s]).every((a) => a.kind !== "load" || a.buffer !== buffer) &&
    determined(s.index, new Set(all.map((l) => l.loop)), facts).isSupersetOf(new Set(axes.map((l) => l.loop))) &&
    (size(axes.map((l) => l.extent)) * lanes === size(shape) || countsThrough(s.index, axes, shape))
  );
}

/** Whether each extent is that of a loop whose variable is an index: an axis of a symbolic extent is counted through. */
const countsThrough = (index: readonly Expr[], axes: readonly For[], shape: readonly Expr[]): boolean =>
  axes.length === shape.length &&
  axes.every((l) => index.includes(b.variable(l.loop))) &&
  shape.every((extent) => axes.filter((l) => l.extent === extent).length === shape.filter((e) => e === extent).length);

/** How often a loop's body uses a buffer. */
const usesOf = (loop: For, buffer: string): number => accessesIn(loop.body).filter((a) => a.buffer === buffer).length;

/** Whether a condition holds in the first iteration of these loops, whatever the others do. */
export function holdsAtFirst(condition: Expr, loops: readonly string[], facts: Facts): boolean {
  const first = substituter(new Map(loops.map((name) => [name, b.constant(0)])))(condition);
  const e = simplifier(facts)(first);
  return e.kind === "const" && e.value === 1;
}
