/**
 * Stores of codes of fewer than 8 bits into their containers (a part of `unpack`).
 *
 *     w.q[2*k] = u4(a); w.q[2*k + 1] = u4(b)   ->   w.q[&w.q + k] = u8(a) & 15 | (u8(b) & 15) << 4
 *     w.q[k] = u4(a)                           ->   w.q[&w.q + k//2] = w.q[&w.q + k//2] & ((15 << s) ^ 255) | (u8(a) & 15) << s        s = u8(k % 2 * 4)
 *
 * All codes of a container, stored one after another, become one store (first form). Any other code is put into the container that is
 * there: the buffer must then have been written before, and no other thread may write the same byte. On a GPU, where side by side codes
 * are those of invocations that run together, this form is refused unless each is proven to have bytes of its own.
 */
import { affineOf, exprOf } from "../affine.ts";
import { and, cast, constant, max, min, op, or, shl, store } from "../build.ts";
import { check } from "../errors.ts";
import type { Buffer, Expr, Kernel, Stmt, Store } from "../nodes.ts";
import { isFloat, type Scalar, scalars, storageBits, typeOf } from "../types.ts";
import { buffersOf } from "../visit.ts";
import { isApart } from "./conflicts.ts";
import { codesIn, containerAt, maskOf, type Place, placeOf, shiftOf } from "./containers.ts";
import { shift } from "./linear.ts";
import type { Namer } from "./names.ts";
import { laneOf, laneRegister, lanesOf, wholeIndex } from "./pieces.ts";

/** A code as a value of the container's type, without bits above the code's. */
export function encoded(value: Expr, container: Scalar, rewrite: (e: Expr) => Expr): Expr {
  const most = maskOf(value.type.scalar);
  if (value.kind === "const") return constant(value.value, typeOf(container, value.type.lanes));
  if (value.kind !== "cast") return cast(container, rewrite(value));
  const from = rewrite(value.arg);
  const limit = (bound: number): Expr => constant(bound, from.type.scalar);
  if (isFloat(from.type.scalar)) return cast(container, min(max(from, limit(0)), limit(most)));
  return and(cast(container, from), constant(most, container));
}

/** Takes the stores of a straight run of statements; gives those that stand in their place. */
export interface CodeStores {
  /** Takes a store of codes. */
  readonly put: (s: Store, of: Buffer) => Stmt[];
  /** What must stand before another statement. */
  readonly before: (s: Stmt) => Stmt[];
  /** What must stand at the end of the run. */
  readonly flush: () => Stmt[];
}

interface Context {
  readonly codes: ReadonlyMap<string, Buffer>;
  readonly simplify: (e: Expr) => Expr;
  readonly rewrite: (e: Expr) => Expr;
  readonly fresh: Namer;
  /** Registers that the stores need are declared here. */
  readonly added: Buffer[];
  /** The kernel whose invocations run together; undefined where they don't. */
  readonly together: Kernel | undefined;
}

/** The codes stored into one container so far. */
interface Filling {
  readonly of: Buffer;
  readonly place: Place;
  readonly stores: (Store | undefined)[];
}

export function codeStores(context: Context): CodeStores {
  const open = new Map<Expr, Filling>();
  /** Per buffer, the address without its constant: places of one family are the same or apart. */
  const families = new Map<string, Expr>();
  const reading = new Set<string>();
  const flush = (): Stmt[] => {
    const all = [...open.values()].flatMap(({ of, stores }) =>
      stores.flatMap((s) => (s ? changed(s, of, context) : [])),
    );
    open.clear();
    families.clear();
    reading.clear();
    return all;
  };
  const put = (s: Store, of: Buffer): Stmt[] => {
    const place = placeOf(of, s.index, context.simplify);
    const loads = buffersOf(s.value);
    if (s.mask !== undefined || typeof place.shift !== "number" || loads.has(s.buffer))
      return [...flush(), ...changed(s, of, context)];
    const family = familyOf(place);
    const slot = place.shift / storageBits(of.scalar);
    const known = families.get(of.name);
    const conflict =
      (known !== undefined && known !== family) ||
      open.get(place.address)?.stores[slot] !== undefined ||
      [...open.values()].some((filling) => loads.has(filling.of.name));
    const done = conflict ? flush() : [];
    families.set(of.name, family);
    for (const name of loads) reading.add(name);
    const filling = open.get(place.address) ?? {
      of,
      place,
      stores: new Array(codesIn(place.container, of)).fill(undefined),
    };
    filling.stores[slot] = s;
    open.set(place.address, filling);
    if (filling.stores.includes(undefined)) return done;
    open.delete(place.address);
    return [...done, filled(filling, context)];
  };
  const before = (s: Stmt): Stmt[] => {
    if (open.size === 0) return [];
    const reads = (e: Expr): boolean => [...open.values()].some(({ of }) => buffersOf(e).has(of.name));
    if (s.kind === "let" && !reads(s.value)) return [];
    const apart =
      s.kind === "store" && !reading.has(s.buffer) && ![s.value, ...s.index, ...(s.mask ? [s.mask] : [])].some(reads);
    return apart ? [] : flush();
  };
  return { put, before, flush };
}

function familyOf(place: Place): Expr {
  const form = affineOf(place.address);
  return exprOf(shift(form, -form.constant));
}

/** One store of a container all of whose codes are known. */
function filled({ of, place, stores }: Filling, { rewrite }: Context): Stmt {
  const bits = storageBits(of.scalar);
  const codes = stores.map((s, i) => {
    const code = encoded((s as Store).value, place.container, rewrite);
    return i === 0 ? code : shl(code, constant(i * bits, place.container));
  });
  return store(of.name, [place.address], codes.reduce(or));
}

/** The containers with these codes changed. */
function changed(s: Store, of: Buffer, context: Context): Stmt[] {
  const { rewrite, simplify } = context;
  const place = placeOf(of, s.index, simplify);
  const code = encoded(s.value, place.container, rewrite);
  const mask = s.mask && rewrite(s.mask);
  const lanes = place.address.type.lanes;
  // Lanes at one place of their containers have one each.
  if (lanes.length === 0 || typeof place.shift === "number" || place.shift.type.lanes.length === 0)
    return [combined(of, s.index, code, mask, context)];
  // Lanes that may share a container are stored one after another.
  const before: Stmt[] = [];
  const split = splitter(lanes, before, context);
  const stores = lanesOf(lanes).map((lane) => {
    const at = (e: Expr): Expr => laneOf(e, lane, split);
    return combined(of, s.index.map(at), at(code), mask && at(mask), context);
  });
  return [...before, ...stores];
}

/** Whether invocations store to different bytes, where the last axis counts the codes of one. */
function hasOwnBytes(kernel: Kernel, { scalar, shape }: Buffer, index: readonly Expr[]): boolean {
  const last = shape.at(-1);
  return last?.kind === "const" && last.value * storageBits(scalar) === 8 && isApart(kernel, index.slice(0, -1));
}

function combined(of: Buffer, index: readonly Expr[], code: Expr, mask: Expr | undefined, context: Context): Stmt {
  const { together, simplify } = context;
  const place = placeOf(of, index, simplify);
  const { container, address } = place;
  if (storageBits(of.scalar) === 8) return store(of.name, [address], code, mask);
  check(
    together === undefined || (container === "u8" && hasOwnBytes(together, of, index)),
    () =>
      `${together?.name}: a ${of.scalar} of ${of.name} is stored alone: other invocations may store the rest of its byte; store whole bytes`,
  );
  const by = shiftOf(place);
  const all = constant(2 ** scalars[container].bits - 1, container);
  const others = op("xor", shl(constant(maskOf(of.scalar), container), by), all);
  return store(of.name, [address], or(and(containerAt(of, place, mask), others), shl(code, by)), mask);
}

/** Lane registers for vectors that have no scalar form; the stores into them go to `before`. */
function splitter(shape: readonly number[], before: Stmt[], { fresh, added }: Context): (whole: Expr) => Buffer {
  const registers = new Map<Expr, Buffer>();
  return (whole) => {
    const known = registers.get(whole);
    if (known !== undefined) return known;
    const register = laneRegister(fresh("lanes"), whole.type.scalar, shape);
    registers.set(whole, register);
    added.push(register);
    before.push(store(register.name, wholeIndex(shape), whole));
    return register;
  };
}
