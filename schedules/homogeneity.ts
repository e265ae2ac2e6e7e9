/**
 * Which values grow and shrink with e^-m, m being a maximum that is not yet final: the proof behind `online`. A value of power n is, for any c, e^(-c*n) times as large
 * when m is larger by c.
 *
 * Exponents must be terms of the maximum, less the maximum: none is over 0 then, whatever part of the terms m has seen, so that no exponential leaves f32.
 */
import {
  b,
  buffersOf,
  type Expr,
  eachNode,
  type Facts,
  type For,
  type Load,
  type Reduce,
  rangeOf,
  rewriter,
  type Store,
  simplifier,
  substituter,
  typeOf,
  variablesOf,
} from "../ir/index.ts";
import { require } from "./errors.ts";

/** A power of e^-m, and which element of the maximum m is (undefined where the power is 0). */
interface Growth {
  readonly power: number;
  readonly at: readonly Expr[] | undefined;
}

const none: Growth = { power: 0, at: undefined };

/** What is known of a buffer: the power of its elements, and the index of the maximum that scaled one, in variables that stand for the element's own index. */
interface Known {
  readonly power: number;
  readonly at: readonly Expr[];
}

/** The reduction that makes the maximum, in its loops, of which the first is over blocks. */
export interface Maximum {
  readonly reduce: Reduce;
  readonly loops: readonly For[];
}

/** Stands for an element's index on an axis. */
const place = (axis: number): Expr => b.variable(`axis!${axis}`);

/** The index of the maximum of an element at this index. */
const indexAt = ({ at }: Known, index: readonly Expr[]): readonly Expr[] =>
  at.map(substituter(new Map(index.map((e, axis) => [`axis!${axis}`, e]))));

/** Stands for the maximum in what an exponential subtracts. */
const maximum = b.variable("maximum!", typeOf("f32"));

export class Homogeneity {
  readonly #max: Maximum;
  readonly #facts: Facts;
  readonly #simplify: (e: Expr) => Expr;
  readonly #buffers = new Map<string, Known>();
  readonly #memo = new Map<Expr, Growth>();
  /** The loops around the statement that is looked at, that over blocks first. */
  #loops: readonly For[] = [];
  /** What exponentials subtract, as a function of the variable `maximum!`. */
  #subtracted: Expr | undefined;

  constructor(max: Maximum, facts: Facts) {
    this.#max = max;
    this.#facts = facts;
    this.#simplify = simplifier(facts);
  }

  get #name(): string {
    return this.#max.reduce.buffer;
  }

  /** What is subtracted from exponents where the maximum is `m`. */
  subtracted(m: Expr): Expr {
    const of = this.#subtracted;
    require(of !== undefined, () => `nothing has the form exp(x - ${this.#name}); it needs sums of such exponentials`);
    return guardOf(of, m);
  }

  /** The power of what a statement in these loops writes; it is remembered for the buffer. */
  written(s: Store | Reduce, loops: readonly For[]): number {
    this.#loops = loops;
    const { power, at = [] } = this.#of(s.value);
    const inside = new Set(loops.map((l) => l.loop));
    const isCounted = (e: Expr): boolean => e.kind === "var" && inside.has(e.name);
    const counted = substituter(
      new Map(s.index.flatMap((e, axis) => (e.kind === "var" && isCounted(e) ? [[e.name, place(axis)] as const] : []))),
    );
    const own = at.map((e) => {
      const axis = s.index.indexOf(e);
      const said = axis < 0 ? counted(e) : place(axis);
      require([...variablesOf(said)].every((name) => !inside.has(name)), () =>
        `elements of ${s.buffer} do not say by which element of ${this.#name} they were scaled; give them its axes`);
      return said;
    });
    const known = this.#buffers.get(s.buffer);
    require(known === undefined || (known.power === power && known.at.every((e, i) => e === own[i])), () =>
      `${s.buffer} holds values that scale with ${this.#name} in different ways; write them to different buffers`);
    this.#buffers.set(s.buffer, { power, at: own });
    return power;
  }

  /** The element of the maximum that scales the element of a buffer at this index. */
  maximumOf(buffer: string, index: readonly Expr[]): readonly Expr[] {
    const known = this.#buffers.get(buffer);
    return known === undefined ? [] : indexAt(known, index);
  }

  /** Whether a value is the same whatever the maximum is. */
  isFree(e: Expr): boolean {
    return [...buffersOf(e)].every((name) => name !== this.#name && (this.#buffers.get(name)?.power ?? 0) === 0);
  }

  #of(e: Expr): Growth {
    let found = this.#memo.get(e);
    if (found === undefined) {
      found = this.isFree(e) ? none : this.#growthOf(e);
      this.#memo.set(e, found);
    }
    return found;
  }

  #growthOf(e: Expr): Growth {
    if (e.kind === "load") return this.#loaded(e);
    require(e.kind === "op", () => this.#refusal(e));
    if (e.op === "exp") return this.#exponential(e.args[0] as Expr);
    const args = e.args.map((arg) => this.#of(arg));
    const [first, second, third] = args as [Growth, Growth, Growth];
    switch (e.op) {
      case "mul":
        return { power: first.power + second.power, at: this.#shared(args) };
      case "neg":
      case "abs":
        return first;
      case "div":
        // A divisor that vanishes for one maximum may not for another.
        require(second.power === 0, () => this.#refusal(e));
        return first;
      case "select":
        require(first.power === 0, () => this.#refusal(e));
        return this.#alike(e, e.args.slice(1), [second, third]);
      case "add":
      case "sub":
      case "max":
      case "min":
      case "pmax":
      case "pmin":
        return this.#alike(e, e.args, args);
      default:
        require(false, () => this.#refusal(e));
    }
  }

  #refusal(e: Expr): string {
    return `${e.kind === "op" ? e.op : e.kind} of a value that scales with ${this.#name} does not scale; only sums of products of exp(x - ${this.#name}) do`;
  }

  /** The element of the maximum that operands share. */
  #shared(growths: readonly Growth[]): readonly Expr[] | undefined {
    const [at, ...others] = growths.flatMap((g) => (g.at === undefined ? [] : [g.at]));
    require(others.every((other) => other.every((x, i) => x === at?.[i])), () =>
      `values that scale with different elements of ${this.#name} are combined; keep them apart`);
    return at;
  }

  /** Operands of one power; 0 has any. */
  #alike(e: Expr, args: readonly Expr[], growths: readonly Growth[]): Growth {
    const counted = growths.filter((_, i) => !isZero(args[i] as Expr));
    const [power = 0, ...others] = counted.map((g) => g.power);
    require(others.every((other) => other === power), () => this.#refusal(e));
    return { power, at: this.#shared(counted) };
  }

  #loaded(e: Load): Growth {
    const known = this.#buffers.get(e.buffer);
    const read = e.mask === undefined ? e.index : [...e.index, e.mask];
    require(known !== undefined && read.every((at) => this.isFree(at)), () =>
      `${this.#name} is used outside an exponential exp(x - ${this.#name}); use it after its loops`);
    return { power: known.power, at: indexAt(known, e.index) };
  }

  /** `exp(x - f(m))`, f being the same everywhere and x a term of the maximum, or f of one. */
  #exponential(exponent: Expr): Growth {
    const [x, subtracted] = exponent.kind === "op" && exponent.op === "sub" ? exponent.args : [];
    const m = subtracted && theLoadOf(subtracted, this.#name);
    require(x !== undefined && m !== undefined && this.isFree(x), () =>
      `an exponent that depends on ${this.#name} is not x - ${this.#name}; subtract the maximum, or its maximum with a constant`);
    const of = rewriter((e) => (e === m ? maximum : e))(subtracted as Expr);
    const { value } = this.#max.reduce;
    require(isGuard(of) || (of === maximum && rangeOf(value, this.#facts)[0] > -Infinity), () =>
      `where all of a block is -Infinity, exp(x - ${this.#name}) is NaN; subtract pmax(${this.#name}, c), c being finite`);
    require(this.#subtracted === undefined || this.#subtracted === of, () =>
      `exponentials subtract ${this.#name} in different ways; guard it alike everywhere`);
    require(this.#isTerm(x, of, m.index), () =>
      `an exponent is not what ${this.#name} is the maximum of, less ${this.#name}; it may be too large while blocks are missing`);
    this.#subtracted = of;
    return { power: 1, at: m.index };
  }

  /** Whether `x` is, for some iteration in the same block, what is taken into the maximum at this index (or that, guarded). */
  #isTerm(x: Expr, guard: Expr, at: readonly Expr[]): boolean {
    const { reduce, loops } = this.#max;
    const same = (p: Expr, q: Expr): boolean => this.#simplify(p) === this.#simplify(q);
    return assignments(loops, this.#loops).some((iteration) => {
      const move = substituter(iteration);
      const value = move(reduce.value);
      return (
        (same(x, value) || same(x, guardOf(guard, value))) && reduce.index.every((e, i) => same(move(e), at[i] as Expr))
      );
    });
  }
}

const isZero = (e: Expr): boolean => e.kind === "const" && e.value === 0;

const guardOf = (guard: Expr, m: Expr): Expr => rewriter((e) => (e === maximum ? m : e))(guard);

/** The one load that an expression holds, of all of this buffer; undefined if there are others. */
function theLoadOf(e: Expr, buffer: string): Load | undefined {
  const loads = new Set<Load>();
  eachNode(e, (inner) => {
    if (inner.kind === "load") loads.add(inner);
  });
  const [load] = loads;
  return loads.size === 1 && load?.buffer === buffer && load.mask === undefined ? load : undefined;
}

/** The maximum with a finite constant: which grows with it, is no less, and is finite where it is -Infinity. */
function isGuard(e: Expr): boolean {
  if (e.kind !== "op" || (e.op !== "pmax" && e.op !== "max")) return false;
  const [first, second] = e.args as [Expr, Expr];
  const isBound = (c: Expr): boolean => c.kind === "const" && Number.isFinite(c.value);
  return (first === maximum && isBound(second)) || (e.op === "max" && second === maximum && isBound(first));
}

/** Ways to put loops `to` in the place of loops `from`: the first for the first, for each other one a different one of as many iterations. */
function assignments([from, ...rest]: readonly For[], [to, ...free]: readonly For[]): readonly Map<string, Expr>[] {
  if (from === undefined || to === undefined) return [];
  return rest
    .reduce<readonly (readonly For[])[]>(
      (found, l) =>
        found.flatMap((taken) =>
          free.filter((other) => other.extent === l.extent && !taken.includes(other)).map((other) => [...taken, other]),
        ),
      [[]],
    )
    .map((taken) => new Map([from, ...rest].map((l, i) => [l.loop, b.variable(([to, ...taken][i] as For).loop)])));
}
