/**
 * Which elements iterations touch: whether an index tells the iterations of loops apart, and whether iterations depend on each other. What cannot be proven
 * counts as a dependence.
 */
import {
  type Affine,
  affineOf,
  b,
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

/** `v` where both `v // d` and `v % d` are known. */
function wholeOf(e: Expr, known: ReadonlySet<Expr>): readonly Expr[] {
  if (e.kind !== "op" || (e.op !== "floordiv" && e.op !== "mod")) return [];
  const other = e.op === "mod" ? "floordiv" : "mod";
  const [v, d] = e.args as [Expr, Expr];
  const both = [...known].some((x) => x.kind === "op" && x.op === other && x.args[0] === v && x.args[1] === d);
  return both ? [v] : [];
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

/**
 * Why iterations of these loops depend on each other, taken together by their number (iteration 3 of each is one); undefined when each writes elements of
 * its own and reads, of what is written, only those. Local buffers must be made anew in every iteration.
 */
export function dependence(kernel: Kernel, loops: readonly For[]): string | undefined {
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
    reason = scopes.get(buffer) === "global" ? sharedElements(loops, buffer, facts) : carried(kernel, loops, buffer);
    if (reason !== undefined) return reason;
  }
  return undefined;
}

/** Why an iteration touches elements of the buffer that another one touches, or undefined. */
function sharedElements(loops: readonly For[], buffer: string, facts: Facts): string | undefined {
  const accesses = loops.flatMap((l) =>
    accessesIn(l.body)
      .filter((a) => a.buffer === buffer)
      .map((a) => ({ ...a, loop: l })),
  );
  const keys = accesses.map(({ index, loop }) => iterationKeys(index, loop, facts));
  const [first, ...others] = keys as [ReadonlySet<string>, ...ReadonlySet<string>[]];
  if ([...first].some((key) => others.every((other) => other.has(key)))) return undefined;
  const [{ index, loop }] = accesses as [(typeof accesses)[number]];
  const inside = new Set(loopsOf([loop]).map((l) => l.loop));
  const same = accesses.every((a) => a.index.length === index.length && a.index.every((e, i) => e === index[i]));
  const named = index.some((e) => variablesOf(e).has(loop.loop));
  if (same && named && determined(index, inside, facts).has(loop.loop)) return undefined;
  const how = accesses.every((a) => a.kind !== "load") ? "write the same" : "use each other's";
  return `iterations of ${loop.loop} ${how} elements of ${buffer}`;
}

/** Ways in which an index gives the iteration's number: `axis i is c*loop + shift + something in 0..c-1`. */
function iterationKeys(index: readonly Expr[], loop: For, facts: Facts): ReadonlySet<string> {
  const varying = new Set(loopsOf([loop]).map((l) => l.loop));
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
function carried(kernel: Kernel, loops: readonly For[], buffer: string): string | undefined {
  const facts = factsOf(kernel);
  const uses = (s: Stmt): boolean => accessesIn([s]).some((a) => a.buffer === buffer);
  const outside = (body: readonly Stmt[]): boolean =>
    body.some((s) => !loops.includes(s as For) && (s.kind === "for" ? outside(s.body) : uses(s)));
  if (outside(kernel.body)) return `${buffer} is used outside ${loops.map((l) => l.loop).join(", ")} too`;
  for (const l of loops) {
    // The nest that uses it first, alone: it must give every element a value that depends on none before.
    let first = l.body.find(uses);
    while (first?.kind === "for" && nestOf(first).body.length > 1) first = nestOf(first).body.find(uses);
    const inside = new Set(loopsOf(l.body).map((inner) => inner.loop));
    if (first !== undefined && !makesWhole(first, buffer, inside, facts))
      return `${buffer} keeps its value from one iteration of ${l.loop} to the next`;
  }
  return undefined;
}

/** Whether a nest stores every element of a buffer, or starts a sum over loops `inside` in each. */
function makesWhole(first: Stmt, buffer: string, inside: ReadonlySet<string>, facts: Facts): boolean {
  const { loops, body } = nestOf(first);
  const [s] = body;
  if (body.length !== 1 || s === undefined || !writes(s, buffer) || s.mask !== undefined) return false;
  const names = new Set(loops.map((l) => l.loop));
  const starts = s.kind === "store" || (s.over.length > 0 && s.over.every((name) => inside.has(name)));
  const axes = loops.filter((l) => s.index.some((e) => variablesOf(e).has(l.loop)));
  const size = (list: readonly Expr[]): number =>
    list.reduce((product, e) => product * (e.kind === "const" ? e.value : Number.NaN), 1);
  const lanes = s.index.find((e) => e.type.lanes.length > 0)?.type.count ?? 1;
  return (
    starts &&
    accessesIn([s]).every((a) => a.kind !== "load" || a.buffer !== buffer) &&
    determined(s.index, names, facts).isSupersetOf(new Set(axes.map((l) => l.loop))) &&
    size(axes.map((l) => l.extent)) * lanes === size(facts.buffer(buffer)?.shape ?? [])
  );
}
