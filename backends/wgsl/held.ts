/** How values of IR types are held in WGSL, and the WGSL types of them. */
import { type Scalar, scalars, type Type } from "../../ir/index.ts";
import { type Held, type Machine, machineOf } from "./ops.ts";

/** Whether a vector is held as four bytes in one word. */
export const isBytes = ({ scalar, count, lanes }: Type): boolean =>
  lanes.length > 0 && count === 4 && scalars[scalar].bits === 8;

/** How a type is held; undefined where WGSL has no such type. */
export function heldAs(type: Type): Held | undefined {
  return isBytes(type) ? "bytes" : machineOf[type.scalar];
}

/** Lanes of the WGSL type: 1 for a scalar. Vectors have 2, 3 or 4; a vector of one lane is a scalar. */
export const widthOf = (type: Type): number => (isBytes(type) ? 1 : type.count);

export const typeText = (machine: Machine, width: number): string =>
  width === 1 ? machine : `vec${width}<${machine}>`;

/** The machine type of the words or elements that hold a scalar of memory. */
export const bytesOf = (scalar: Scalar): number => scalars[scalar].bits / 8;
