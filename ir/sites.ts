/**
 * Every statement of a kernel with what stands around it: what the verifier's rules look at.
 */
import { type Affine, addAffine, affineOf, exprOf } from "./affine.ts";
import { constant, sub } from "./build.ts";
import { type Facts, factsOf, lowerBound, rangeOf } from "./interval.ts";
import type { Buffer, Expr, For, Kernel, Load, Reduce, Stmt, Store, Var } from "./nodes.ts";
import { indexType, type Type } from "./types.ts";
import { eachNode, exprsOf, substituter } from "./visit.ts";

/** What names elements of a buffer. */
export type Access = Load | Store | Reduce;

/** A statement in its place. */
export interface Site {
  readonly stmt: Stmt;
  /** Every distinct node of its own expressions, operands first. */
  readonly nodes: readonly Expr[];
  /** The loads among them, then the element that it writes. */
  readonly accesses: readonly Access[];
  /** Loops around it, outermost first. */
  readonly loops: readonly For[];
  /** What holds here: conditions of the `if`s around it, split at `and`. */
  readonly conditions: readonly Expr[];
  /** A variable in it that is not in scope there, or not of its type. */
  readonly misused: { readonly name: string; readonly used: Type; readonly declared: Type | undefined } | undefined;
}

/** A kernel with what its rules need to know of it. */
export interface Context {
  readonly kernel: Kernel;
  readonly buffers: ReadonlyMap<string, Buffer>;
  readonly facts: Facts;
  readonly sites: readonly Site[];
  /** An expression with lets replaced by their values, and addresses of buffers by 0. */
  readonly resolve: (e: Expr) => Expr;
}

export function contextOf(kernel: Kernel): Context {
  const inScope = new Map(kernel.symbols.map(({ name }): [string, Type] => [name, indexType]));
  const values = new Map<string, Expr>();
  for (const { name, unit } of kernel.buffers) {
    if (unit !== "byte") continue;
    inScope.set(`&${name}`, indexType);
    values.set(`&${name}`, constant(0));
  }
  const sites: Site[] = [];
  const collect = (body: readonly Stmt[], loops: readonly For[], conditions: readonly Expr[]): void => {
    const lets: string[] = [];
    for (const stmt of body) {
      const nodes = nodesOf(stmt);
      const loads = nodes.filter((e) => e.kind === "load");
      const accesses = stmt.kind === "store" || stmt.kind === "reduce" ? [...loads, stmt] : loads;
      const odd = nodes.find((e) => e.kind === "var" && inScope.get(e.name) !== e.type) as Var | undefined;
      const misused = odd && { name: odd.name, used: odd.type, declared: inScope.get(odd.name) };
      sites.push({ stmt, nodes, accesses, loops, conditions, misused });
      if (stmt.kind === "for") {
        inScope.set(stmt.loop, indexType);
        collect(stmt.body, [...loops, stmt], conditions);
        inScope.delete(stmt.loop);
      }
      if (stmt.kind === "if") collect(stmt.body, loops, [...conditions, ...conjuncts(stmt.cond)]);
      if (stmt.kind === "let") {
        inScope.set(stmt.name, stmt.value.type);
        lets.push(stmt.name);
        values.set(stmt.name, substituter(values)(stmt.value));
      }
    }
    for (const name of lets) inScope.delete(name);
  };
  collect(kernel.body, [], []);
  return {
    kernel,
    buffers: new Map(kernel.buffers.map((buffer) => [buffer.name, buffer])),
    facts: factsOf(kernel),
    sites,
    resolve: substituter(values),
  };
}

function conjuncts(e: Expr): readonly Expr[] {
  return e.kind === "op" && e.op === "and" ? e.args.flatMap(conjuncts) : [e];
}

function nodesOf(stmt: Stmt): readonly Expr[] {
  const nodes: Expr[] = [];
  const seen = new Set<Expr>();
  for (const root of exprsOf(stmt)) eachNode(root, (e) => nodes.push(e), seen);
  return nodes;
}

/** Linear forms that are at least 0 where these conditions hold. */
function known(conditions: readonly Expr[], resolve: Context["resolve"]): readonly Affine[] {
  return conditions.flatMap((given) => {
    const e = resolve(given);
    if (e.kind !== "op" || (e.op !== "lt" && e.op !== "le") || e.args[0]?.type.scalar !== "i32") return [];
    const [a, b] = e.args as [Expr, Expr];
    const difference = addAffine(affineOf(b), affineOf(a), -1);
    return [e.op === "lt" ? addAffine(difference, affineOf(constant(1)), -1) : difference];
  });
}

/** Linear forms that are at least 0 in the bodies of these loops, which have iterations then. */
const running = (loops: readonly For[]): readonly Affine[] =>
  loops.flatMap(({ extent }) => {
    if (extent.kind === "const") return [];
    const { terms, constant: value } = affineOf(sub(extent, 1));
    // c*a + d >= 0 is a >= -(d // c), a being an integer.
    const [[atom, c] = [], other] = [...terms];
    if (atom === undefined || c === undefined || c <= 0 || other !== undefined) return [];
    const least = -Math.floor(value / c);
    const [a, d] = atom.kind === "op" && atom.op === "floordiv" ? (atom.args as [Expr, Expr]) : [];
    // a // d >= v is a >= d*v
    const inside = a !== undefined && d?.kind === "const" ? [affineOf(sub(a, d.value * least))] : [];
    return [affineOf(sub(atom, least)), ...inside];
  });

/**
 * The form with a minimum (or maximum) replaced by one of its operands: where it counts negatively the form is at least the result for either operand, so that
 * one proof is enough; else both are needed.
 */
function withoutExtremum(
  form: Affine,
): { readonly forms: readonly [Affine, Affine]; readonly either: boolean } | undefined {
  for (const [atom, c] of form.terms) {
    if (atom.kind !== "op" || (atom.op !== "min" && atom.op !== "max")) continue;
    const rest = { ...form, terms: new Map([...form.terms].filter(([other]) => other !== atom)) };
    const [a, b] = atom.args.map((arg) => addAffine(rest, affineOf(arg), c)) as [Affine, Affine];
    return { forms: [a, b], either: c > 0 === (atom.op === "max") };
  }
  return undefined;
}

/** Whether an i32 expression is never negative where a site's conditions hold, and its loops have iterations. */
export function provenNonNegative(
  e: Expr,
  site: Pick<Site, "conditions" | "loops">,
  { facts, resolve }: Pick<Context, "facts" | "resolve">,
): boolean {
  const given = [...known(site.conditions, resolve), ...running(site.loops)];
  const prove = (form: Affine, rest: readonly Affine[]): boolean => {
    const sum = exprOf(form);
    if (rangeOf(sum, facts)[0] >= 0 || lowerBound(sum, facts) >= 0) return true;
    const extremum = withoutExtremum(form);
    if (extremum !== undefined) {
      const [first, second] = extremum.forms.map((part) => () => prove(part, rest)) as [() => boolean, () => boolean];
      return extremum.either ? first() || second() : first() && second();
    }
    // form = factor * condition + remainder, where a common atom cancels: then the remainder decides.
    return rest.some((condition, i) => {
      const factors = new Set<number>();
      for (const [atom, c] of condition.terms) {
        const factor = (form.terms.get(atom) ?? 0) / c;
        if (factor > 0 && Number.isInteger(factor)) factors.add(factor);
      }
      const others = rest.filter((_, j) => j !== i);
      return [...factors].some((factor) => prove(addAffine(form, condition, -factor), others));
    });
  };
  return prove(affineOf(resolve(e)), given);
}
