/**
 * Which values grow and shrink with e^-m, m being a maximum that is not yet final: the proof behind `online`. A value of power n is, for any c, e^(-c*n) times as large
 * when m is larger by c.
 */
import {
  b,
  buffersOf,
  type Expr,
  eachNode,
  type Load,
  type Reduce,
  rewriter,
  type Store,
  typeOf,
} from "../ir/index.ts";
import { require } from "./errors.ts";

/** A power of e^-m, and which element of the maximum m is (undefined where the power is 0). */
interface Growth {
  readonly power: number;
  readonly at: readonly Expr[] | undefined;
}

const none: Growth = { power: 0, at: undefined };

/** What is known of a buffer: the power of its elements, and on which of its axes the maximum's index stands. */
interface Known {
  readonly power: number;
  readonly axes: readonly number[];
}

/** Stands for the maximum in what an exponential subtracts. */
const maximum = b.variable("maximum!", typeOf("f32"));

export class Homogeneity {
  readonly #max: string;
  readonly #buffers = new Map<string, Known>();
  readonly #memo = new Map<Expr, Growth>();
  /** What exponentials subtract, as a function of the variable `maximum!`. */
  #subtracted: Expr | undefined;

  constructor(max: string) {
    this.#max = max;
  }

  /** What is subtracted from exponents where the maximum is `m`. */
  subtracted(m: Expr): Expr {
    const of = this.#subtracted;
    require(of !== undefined, () =>
      `online: nothing has the form exp(x - ${this.#max}); it needs sums of such exponentials`);
    return rewriter((e) => (e === maximum ? m : e))(of);
  }

  /** The power of what a statement writes; it is remembered for the buffer. */
  written(s: Store | Reduce): Growth {
    const growth = this.of(s.value);
    const axes = (growth.at ?? []).map((e) => s.index.indexOf(e));
    require(!axes.includes(-1), () =>
      `online: elements of ${s.buffer} do not say by which element of ${this.#max} they were scaled; give them its axes`);
    const known = this.#buffers.get(s.buffer);
    require(known === undefined || (known.power === growth.power && known.axes.join() === axes.join()), () =>
      `online: ${s.buffer} holds values that scale with ${this.#max} in different ways; write them to different buffers`);
    this.#buffers.set(s.buffer, { power: growth.power, axes });
    return growth;
  }

  /** The element of the maximum that scales the element of a buffer at this index. */
  maximumOf(buffer: string, index: readonly Expr[]): readonly Expr[] {
    return (this.#buffers.get(buffer)?.axes ?? []).map((axis) => index[axis] as Expr);
  }

  of(e: Expr): Growth {
    let found = this.#memo.get(e);
    if (found === undefined) {
      found = this.#growthOf(e);
      this.#memo.set(e, found);
    }
    return found;
  }

  #isFree(e: Expr): boolean {
    return [...buffersOf(e)].every((name) => name !== this.#max && (this.#buffers.get(name)?.power ?? 0) === 0);
  }

  #growthOf(e: Expr): Growth {
    if (this.#isFree(e)) return none;
    const exponential = this.#exponential(e);
    if (exponential !== undefined) return exponential;
    if (e.kind === "load") return this.#loaded(e);
    require(e.kind === "op", () => this.#refusal(e));
    const args = e.args.map((arg) => this.of(arg));
    const [first, second, third] = args as [Growth, Growth, Growth];
    switch (e.op) {
      case "mul":
        return { power: first.power + second.power, at: this.#same(e, [first, second]) };
      case "div":
        return { power: first.power - second.power, at: this.#same(e, [first, second]) };
      case "neg":
      case "abs":
        return first;
      case "add":
      case "sub":
      case "max":
      case "min":
      case "pmax":
      case "pmin":
        return this.#alike(e, e.args, args);
      case "select":
        require(first.power === 0, () => this.#refusal(e));
        return this.#alike(e, e.args.slice(1), [second, third]);
      case "lt":
      case "le":
        this.#alike(e, e.args, args);
        return none;
      default:
        require(args.every(({ power }) => power === 0), () => this.#refusal(e));
        return none;
    }
  }

  #refusal(e: Expr): string {
    return `online: ${e.kind === "op" ? e.op : e.kind} of a value that scales with ${this.#max} does not scale; only sums of products of exp(x - ${this.#max}) do`;
  }

  /** The element of the maximum that operands share. */
  #same(e: Expr, growths: readonly Growth[]): readonly Expr[] | undefined {
    const [at, ...others] = growths.flatMap((g) => (g.at === undefined ? [] : [g.at]));
    require(others.every((other) => other.every((x, i) => x === at?.[i])), () =>
      `online: ${e.kind === "op" ? e.op : e.kind} of values that scale with different elements of ${this.#max}`);
    return at;
  }

  /** Operands of one power; 0 has any. */
  #alike(e: Expr, args: readonly Expr[], growths: readonly Growth[]): Growth {
    const counted = growths.filter((_, i) => !isZero(args[i] as Expr));
    const [power = 0, ...others] = counted.map((g) => g.power);
    require(others.every((other) => other === power), () => this.#refusal(e));
    return { power, at: this.#same(e, counted) };
  }

  #loaded(e: Load): Growth {
    const known = this.#buffers.get(e.buffer);
    require(known !== undefined && (e.mask === undefined || this.#isFree(e.mask)), () =>
      `online: ${e.buffer} is used outside an exponential exp(x - ${e.buffer}); use it after its loops`);
    return { power: known.power, at: known.axes.map((axis) => e.index[axis] as Expr) };
  }

  /** `exp(x - f(m))`, f being the same everywhere. */
  #exponential(e: Expr): Growth | undefined {
    const [difference] = e.kind === "op" && e.op === "exp" ? e.args : [];
    if (difference?.kind !== "op" || difference.op !== "sub") return undefined;
    const [x, subtracted] = difference.args as [Expr, Expr];
    const loads = new Set<Load>();
    eachNode(subtracted, (inner) => {
      if (inner.kind === "load") loads.add(inner);
    });
    const [m] = loads;
    if (m?.buffer !== this.#max || loads.size !== 1 || m.mask !== undefined || !this.#isFree(x)) return undefined;
    const of = rewriter((inner) => (inner === m ? maximum : inner))(subtracted);
    require(this.#subtracted === undefined || this.#subtracted === of, () =>
      `online: exponentials subtract ${this.#max} in different ways; guard it alike everywhere`);
    this.#subtracted = of;
    return { power: 1, at: m.index };
  }
}

const isZero = (e: Expr): boolean => e.kind === "const" && e.value === 0;
