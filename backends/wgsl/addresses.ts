/**
 * What is known of byte addresses: by what they are divisible, how they are divided, where their lanes lie, and which of them move with the
 * workgroup (`sliced`). Not here: which types buffers are declared with (`views.ts`).
 */
import {
  type Affine,
  affineOf,
  b,
  type Expr,
  exprOf,
  type Facts,
  type Kernel,
  rangeOf,
  type SizeSymbol,
  variablesOf,
} from "../../ir/index.ts";

/** `value = modulo * n + residue`; modulo 0 for a constant. */
export interface Congruence {
  readonly modulo: number;
  readonly residue: number;
}

const gcd = (a: number, c: number): number => (c === 0 ? Math.abs(a) : gcd(c, a % c));
const wrapInto = (a: number, modulo: number): number => (modulo === 0 ? a : ((a % modulo) + modulo) % modulo);
const any: Congruence = { modulo: 1, residue: 0 };
const make = (modulo: number, residue: number): Congruence => ({ modulo, residue: wrapInto(residue, modulo) });

/** What the value of an i32 scalar expression is congruent to. Addresses do not overflow, so wrapping is left out. */
export function congruenceOf(e: Expr, symbols: ReadonlyMap<string, SizeSymbol>): Congruence {
  const of = (x: Expr): Congruence => congruenceOf(x, symbols);
  if (e.kind === "const") return make(0, e.value);
  if (e.kind === "var") {
    const symbol = symbols.get(e.name);
    return symbol === undefined ? any : make(symbol.modulo, symbol.residue);
  }
  if (e.kind !== "op") return any;
  const [x, y, z] = e.args as [Expr, Expr, Expr];
  switch (e.op) {
    case "add":
      return sum(of(x), of(y), 1);
    case "sub":
      return sum(of(x), of(y), -1);
    case "mul":
      return product(of(x), of(y));
    case "shl":
      return y.kind === "const" ? product(of(x), make(0, 2 ** y.value)) : any;
    case "mod":
      return y.kind === "const" ? make(gcd(of(x).modulo, y.value), of(x).residue) : any;
    case "and":
      // The bits below the lowest one of the mask are 0.
      return y.kind === "const" && y.value !== 0 ? make(y.value & -y.value, 0) : any;
    case "min":
    case "max":
      return join(of(x), of(y));
    case "select":
      return join(of(y), of(z));
    default:
      return any;
  }
}

const sum = (a: Congruence, c: Congruence, sign: number): Congruence =>
  make(gcd(a.modulo, c.modulo), a.residue + sign * c.residue);

const product = (a: Congruence, c: Congruence): Congruence =>
  make(gcd(gcd(a.modulo * c.modulo, a.modulo * c.residue), c.modulo * a.residue), a.residue * c.residue);

function join(a: Congruence, c: Congruence): Congruence {
  const modulo = gcd(gcd(a.modulo, c.modulo), a.residue - c.residue);
  return make(modulo, a.residue);
}

/** The address modulo `by`, or undefined where it is not known. */
export function residueOf(address: Affine, by: number, symbols: ReadonlyMap<string, SizeSymbol>): number | undefined {
  let total = make(0, address.constant);
  for (const [atom, factor] of address.terms)
    total = sum(total, product(make(0, factor), congruenceOf(atom, symbols)), 1);
  if (total.modulo === 0) return wrapInto(total.residue, by);
  return total.modulo % by === 0 ? wrapInto(total.residue, by) : undefined;
}

/** The scalar part of a byte address, without the buffer's own, the offset of each lane, and the bytes of a lane. */
export interface Address {
  readonly base: Affine;
  readonly lanes: readonly number[];
  readonly bytes: number;
}

/** Takes the address of elements of `bytes` apart; undefined where its lanes are not a pattern. `name` is the buffer's. */
export function addressOf(name: string, index: Expr, bytes: number): Address | undefined {
  const form = affineOf(index);
  const terms = new Map(form.terms);
  for (const atom of form.terms.keys()) {
    if (atom.kind === "var" && atom.name === `&${name}`) terms.delete(atom);
    else if (atom.type.lanes.length > 0) return undefined;
  }
  const lanes = form.lanes ? offsetsOf(form.lanes.sizes, form.lanes.strides) : new Array(index.type.count).fill(0);
  return { base: { constant: form.constant, terms, lanes: undefined, shape: [] }, lanes, bytes };
}

/** The offset of each lane of a pattern, last axis fastest. */
export function offsetsOf(sizes: readonly number[], strides: readonly number[]): readonly number[] {
  return sizes.reduce<number[]>(
    (before, size, axis) =>
      before.flatMap((base) => Array.from({ length: size }, (_, i) => base + i * (strides[axis] as number))),
    [0],
  );
}

export const shifted = (form: Affine, by: number): Affine =>
  by === 0 ? form : { ...form, constant: form.constant + by };

/** Whether `count` lanes lie one after the other, `bytes` apart. */
export const inRow = (lanes: readonly number[], bytes: number): boolean => lanes.every((at, i) => at === i * bytes);

/**
 * `form // by`, by a power of two that divides it: terms one by one where it divides their coefficients, the others together by a shift.
 * The remainder of the constant is dropped, so it serves for rounding down where only the constant is in the way.
 */
export function divided(form: Affine, by: number): Expr {
  const whole = new Map<Expr, number>();
  const rest = new Map<Expr, number>();
  for (const [atom, factor] of form.terms)
    if (factor % by === 0) whole.set(atom, factor / by);
    else rest.set(atom, factor);
  const low = rest.size === 0 ? 0 : wrapInto(form.constant, by);
  const quotient: Affine = { ...form, constant: Math.floor((form.constant - low) / by), terms: whole };
  if (rest.size === 0) return exprOf(quotient);
  const others = b.shr(exprOf({ ...form, constant: low, terms: rest }), Math.log2(by));
  return whole.size === 0 && quotient.constant === 0 ? others : b.add(exprOf(quotient), others);
}

/** Bytes that each workgroup along x has of a buffer, by name: all addresses in it are `bytes * group + rest`, 0 <= rest < bytes. */
export function slicesOf(
  kernel: Kernel,
  group: string | undefined,
  accesses: ReadonlyMap<string, readonly Address[]>,
  facts: Facts,
): ReadonlyMap<string, number> {
  const slices = new Map<string, number>();
  if (group === undefined) return slices;
  for (const { name, role, scope } of kernel.buffers) {
    const list = accesses.get(name) ?? [];
    if (scope !== "global" || role !== "packed" || list.length === 0) continue;
    const [first] = list as [Address];
    const bytes = factorOf(first.base, group);
    if (bytes !== undefined && list.every((address) => inSlice(address, group, bytes, facts))) slices.set(name, bytes);
  }
  return slices;
}

const factorOf = ({ terms }: Affine, group: string): number | undefined => {
  for (const [atom, factor] of terms)
    if (atom.kind === "var" && atom.name === group) return factor > 0 ? factor : undefined;
  return undefined;
};

function inSlice({ base, lanes, bytes: size }: Address, group: string, bytes: number, facts: Facts): boolean {
  if (factorOf(base, group) !== bytes) return false;
  const terms = new Map([...base.terms].filter(([atom]) => atom.kind !== "var" || atom.name !== group));
  if ([...terms.keys()].some((atom) => variablesOf(atom).has(group))) return false;
  const [low, high] = rangeOf(exprOf({ ...base, terms }), facts);
  return low + Math.min(...lanes) >= 0 && high + Math.max(...lanes) + size <= bytes;
}
