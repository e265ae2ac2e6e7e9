/**
 * Where codes of fewer than 8 bits lie: in which byte, word or double word, and at which bit of it. What is made of that: `unpack.ts`.
 */
import { type Affine, affineOf, exprOf, isMultipleOf } from "../affine.ts";
import { add, cast, constant, floordiv, lanes, load, mod, mul, toExpr, variable } from "../build.ts";
import type { Buffer, Expr, Load } from "../nodes.ts";
import { type Scalar, scalars, storageBits } from "../types.ts";
import { addressAt, elementCount, elementIndex, scale, shift } from "./linear.ts";

/** Where a code lies: from bit `shift` on in the container at a byte address. */
export interface Place {
  readonly container: Scalar;
  readonly address: Expr;
  /** Bits below the code: a number where every lane and iteration has the same, else an expression of the container's type. */
  readonly shift: Expr | number;
}

const containers: readonly Scalar[] = ["u8", "u16", "u32"];

const modulo = (a: number, by: number): number => ((a % by) + by) % by;

/** Codes in a container of this type. */
export const codesIn = (container: Scalar, of: Buffer): number => scalars[container].bits / storageBits(of.scalar);

/** The bits of a code, right-aligned. */
export const maskOf = (code: Scalar): number => 2 ** scalars[code].bits - 1;

/** The place of an element of a global buffer of codes; `simplify` is for places that vary. */
export function placeOf(of: Buffer, index: readonly Expr[], simplify: (e: Expr) => Expr): Place {
  const bits = storageBits(of.scalar);
  const form = elementIndex(of, index);
  /** Whether every lane's code has the same place in its container. */
  const fits = (per: number): boolean => isMultipleOf(shift(form, -modulo(form.constant, per)), per);
  const count = elementCount(of);
  const whole = (per: number): boolean => isMultipleOf(affineOf(toExpr(count)), per);
  const nearest =
    bits === 8 ? 1 : Math.min(...(form.lanes?.strides ?? []).map(Math.abs).filter((stride) => stride > 0));
  const container = containers.find((c) => codesIn(c, of) === nearest && whole(nearest) && fits(nearest)) ?? "u8";
  const per = codesIn(container, of);
  if (fits(per)) {
    const position = modulo(form.constant, per);
    const bytes = scale(shift(form, -position), scalars[container].bits / 8 / per);
    return { container, address: exprOf(addressAt(of.name, bytes)), shift: position * bits };
  }
  // Lanes that are whole containers apart have one place in them.
  const apart = isApart(form, per) ? form.lanes : undefined;
  const e = exprOf(apart ? { ...form, lanes: undefined, shape: [] } : form);
  const first = simplify(add(variable(`&${of.name}`), floordiv(e, per)));
  const strides = apart?.strides.map((stride) => stride / per);
  const address = apart && strides ? add(first, lanes(apart.sizes, strides)) : first;
  return { container, address, shift: cast(container, simplify(mul(mod(e, per), bits))) };
}

/** Whether lanes differ by whole multiples, and by nothing else. */
const isApart = ({ lanes: of, terms }: Affine, per: number): boolean =>
  of?.strides.every((stride) => stride % per === 0) === true &&
  [...terms.keys()].every((atom) => atom.type.lanes.length === 0);

/** The container at a place. */
export const containerAt = (of: Buffer, { container, address }: Place, mask: Expr | undefined): Load =>
  load({ name: of.name, scalar: container, lanes: [], shape: [address] }, [address], mask);

/** The shift of a place as a value of the container's type. */
export const shiftOf = ({ shift: by, container }: Place): Expr =>
  typeof by === "number" ? constant(by, container) : by;
