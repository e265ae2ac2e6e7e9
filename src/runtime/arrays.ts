/** Typed arrays by the types of elements that inputs and outputs have. */
import { ApiError } from "./errors.ts";

/** Values of a tensor. */
export type TensorArray = Float32Array | Int32Array | Uint32Array | Int8Array | Uint8Array;

type ArrayType =
  | Float32ArrayConstructor
  | Int32ArrayConstructor
  | Uint32ArrayConstructor
  | Int8ArrayConstructor
  | Uint8ArrayConstructor;

const arrays: Readonly<Record<string, ArrayType>> = {
  f32: Float32Array,
  i32: Int32Array,
  u32: Uint32Array,
  i8: Int8Array,
  u8: Uint8Array,
};

/** The typed array that holds a tensor's values. Throws an `ApiError` where there is none. */
export function arrayOf({ name, scalar }: { readonly name: string; readonly scalar: string }): ArrayType {
  const array = arrays[scalar];
  if (array === undefined) throw new ApiError(`${name}: no typed array holds ${scalar}`);
  return array;
}

/** The type of an array's elements. Throws an `ApiError` for another array than those. */
export function scalarOf(values: TensorArray): string {
  const found = Object.entries(arrays).find(([, array]) => values instanceof array);
  if (found === undefined)
    throw new ApiError(
      "values is no array of a type that tensors have; it is one of Float32Array, Int32Array, Uint32Array, Int8Array, Uint8Array",
    );
  return found[0];
}
