/** What the runtime has to know of a shader to run it: the part of the emitted `Shader` that it uses. */
import type { Feature } from "../../../ir/index.ts";

/** Values of symbols by name. */
export type Symbols = Readonly<Record<string, number>>;

/** A count of workgroups: a number, or what symbols make of it. */
export type Extent = number | ((symbols: Symbols) => number);

/** A symbol, and the values that it may have: from min to max, those that leave `residue` when divided by `modulo`. */
export interface LaunchSymbol {
  readonly name: string;
  readonly min: number;
  readonly max: number;
  readonly modulo: number;
  readonly residue: number;
}

/** A storage buffer of a shader, at `@group(0) @binding(i)` in the order of the list. */
export interface ShaderBinding {
  /** Name of the kernel's buffer. */
  readonly buffer: string;
  readonly access: "read" | "read_write";
  /** Bytes that one workgroup along x reads, where they are its own (workgroup i reads bytes i*sliced..); 0 where all read anything. */
  readonly sliced: number;
}

/**
 * A compute shader with entry point `main`. Behind its storage buffers it takes a uniform `Args`: `begin: u32` (the first workgroup along x
 * of this dispatch), then one i32 per symbol in order.
 */
export interface LaunchShader {
  readonly name: string;
  /** A whole WGSL module. */
  readonly code: string;
  readonly workgroupSize: readonly [x: number, y: number, z: number];
  /** Workgroups per dimension. */
  readonly grid: readonly [x: Extent, y: Extent, z: Extent];
  readonly bindings: readonly ShaderBinding[];
  readonly symbols: readonly LaunchSymbol[];
  readonly features: readonly Feature[];
}
