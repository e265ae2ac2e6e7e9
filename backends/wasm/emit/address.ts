/**
 * Byte addresses of loads and stores: which part of an index is computed, which is the instruction's constant offset, and which
 * bytes the lanes of a vector touch. What instructions then load the bytes is in `patterns.ts`.
 *
 * An address is the unsigned 32-bit sum of base and offset, which does not wrap: a base must not be "negative" (wrap below 0) before the
 * offset is added. So a constant moves to the offset only where the rest of the index is a sum of parts that can't be negative.
 */
import { type Affine, affineOf, b, type Expr, eachStmt, type Facts, type Kernel, rangeOf } from "../../../ir/index.ts";

/** `base + constant + lane pattern`; `lanes` is undefined for a scalar access. */
export interface Split {
  readonly base: Expr | undefined;
  readonly constant: number;
  /** Byte offset of each lane, by lane axis: `sizes` lanes, `strides` bytes apart. */
  readonly lanes: { readonly sizes: readonly number[]; readonly strides: readonly number[] } | undefined;
}

interface Parts {
  constant: number;
  /** The sum of the lane patterns; undefined while there is none. */
  strides: readonly number[] | undefined;
  readonly added: Expr[];
  readonly subtracted: Expr[];
  /** Whether every vector part is a pattern. */
  isPattern: boolean;
}

/** Splits an index; undefined where the lanes are not a pattern (a gather by computed indices). */
export function splitIndex(index: Expr): Split | undefined {
  const parts: Parts = { constant: 0, strides: undefined, added: [], subtracted: [], isPattern: true };
  collect(index, 1, parts);
  if (!parts.isPattern) return splitForm(affineOf(index));
  const sizes = index.type.lanes;
  const lanes = sizes.length === 0 ? undefined : { sizes, strides: parts.strides ?? sizes.map(() => 0) };
  return { base: parts.subtracted.reduce(subtract, addAll(parts.added)), constant: parts.constant, lanes };
}

const subtract = (a: Expr | undefined, term: Expr): Expr => b.sub(a ?? 0, term);

/** A single pattern stays the array that it is: plans are remembered by it. */
function addStrides(a: readonly number[] | undefined, c: readonly number[], sign: 1 | -1): readonly number[] {
  return a === undefined && sign === 1 ? c : c.map((s, i) => (a?.[i] ?? 0) + sign * s);
}

/** Takes sums apart; terms keep their identity, so that equal bases of several accesses stay one node. */
function collect(e: Expr, sign: 1 | -1, parts: Parts): void {
  if (e.kind === "const") parts.constant += sign * e.value;
  else if (e.kind === "lanes") parts.strides = addStrides(parts.strides, e.strides, sign);
  else if (e.kind === "op" && e.op === "add") for (const arg of e.args) collect(arg, sign, parts);
  else if (e.kind === "op" && e.op === "sub") {
    collect(e.args[0] as Expr, sign, parts);
    collect(e.args[1] as Expr, sign === 1 ? -1 : 1, parts);
  } else if (e.type.lanes.length > 0) parts.isPattern = false;
  else (sign === 1 ? parts.added : parts.subtracted).push(e);
}

function splitForm(form: Affine): Split | undefined {
  if ([...form.terms.keys()].some((atom) => atom.type.lanes.length > 0)) return undefined;
  const base = addAll([...form.terms].map(([atom, c]) => (c === 1 ? atom : b.mul(atom, c))));
  return {
    base,
    constant: form.constant,
    lanes: { sizes: form.shape, strides: form.lanes?.strides ?? form.shape.map(() => 0) },
  };
}

const addAll = (terms: readonly Expr[]): Expr | undefined =>
  terms.length === 0 ? undefined : terms.reduce((a, term) => b.add(a, term));

/** Offset in bytes of each lane, last axis fastest. */
export function laneOffsets(sizes: readonly number[], strides: readonly number[]): readonly number[] {
  let offsets = [0];
  sizes.forEach((size, axis) => {
    const stride = strides[axis] as number;
    offsets = offsets.flatMap((at) => Array.from({ length: size }, (_, i) => at + i * stride));
  });
  return offsets;
}

/** Whether an expression is an address: `&name`, or a sum or choice of one, or what holds one. */
export type IsAddress = (e: Expr) => boolean;

/** The addresses of a kernel, by its lets and register buffers. */
export function addressesIn(kernel: Kernel): IsAddress {
  const holders = new Set<string>();
  const known = new Map<Expr, boolean>();
  const test = (e: Expr): boolean => {
    if (e.type.scalar !== "i32") return false;
    let found = known.get(e);
    if (found === undefined) {
      found = isIn(e);
      known.set(e, found);
    }
    return found;
  };
  const isIn = (e: Expr): boolean => {
    if (e.kind === "var") return e.name.startsWith("&") || holders.has(e.name);
    if (e.kind === "load") return e.index.length === 0 && holders.has(e.buffer);
    return e.kind === "op" && e.args.some(test);
  };
  const registers = new Set(kernel.buffers.filter((x) => x.scope === "register").map((x) => x.name));
  // What holds an address is written before it is read.
  eachStmt(kernel.body, (s) => {
    if (s.kind === "let" && test(s.value)) holders.add(s.name);
    if (s.kind === "store" && registers.has(s.buffer) && s.index.length === 0 && test(s.value)) holders.add(s.buffer);
  });
  known.clear();
  return test;
}

/** Whether an i32 expression, taken as a mathematical integer, is never negative. */
export type NonNegative = (e: Expr) => boolean;

/**
 * Non-negativity in a kernel. Stronger than intervals where sums exceed 2^31 (unsigned addresses), and knows pointers: a register
 * buffer is never negative when nothing negative is stored and it is only moved upwards.
 */
export function nonNegativeIn(kernel: Kernel, facts: Facts): NonNegative {
  const values = new Map<string, Expr>();
  const stored = new Map<string, Expr[]>();
  eachStmt(kernel.body, (s) => {
    if (s.kind === "let") values.set(s.name, s.value);
    if (s.kind === "store") stored.set(s.buffer, [...(stored.get(s.buffer) ?? []), s.value]);
  });
  const registers = new Set(kernel.buffers.filter((x) => x.scope === "register").map((x) => x.name));
  const known = new Map<Expr, boolean>();
  const pointers = new Map<string, boolean>();

  const pointer = (name: string): boolean => {
    const before = pointers.get(name);
    if (before !== undefined) return before;
    // Assumed while the stores are looked at: p = p + 64 keeps what holds before it.
    pointers.set(name, true);
    const holds = (stored.get(name) ?? []).every(test);
    if (!holds) {
      // What was concluded from the assumption goes with it.
      for (const [other, assumed] of pointers) if (assumed) pointers.delete(other);
      pointers.set(name, false);
      known.clear();
    }
    return holds;
  };
  const test: NonNegative = (e) => {
    let result = known.get(e);
    if (result === undefined) {
      result = structural(e) || (e.type.scalar === "i32" && rangeOf(e, facts)[0] >= 0);
      known.set(e, result);
    }
    return result;
  };
  const structural = (e: Expr): boolean => {
    if (e.kind === "var") {
      if (e.name.startsWith("&")) return true;
      const value = values.get(e.name);
      return value !== undefined && test(value);
    }
    if (e.kind === "load") return e.index.length === 0 && registers.has(e.buffer) && pointer(e.buffer);
    if (e.kind !== "op") return false;
    const [x, y] = e.args as [Expr, Expr];
    switch (e.op) {
      case "add":
      case "mul":
      case "min":
        return test(x) && test(y);
      case "max":
        return test(x) || test(y);
      case "shl":
        return test(x);
      case "select":
        return test(y) && test(e.args[2] as Expr);
      default:
        return false;
    }
  };
  return test;
}
