/** What the runtime has to know of a shader to run it: the part of the emitted `Shader` that it uses. */
import type { Expr, Feature, SizeSymbol } from "../../../ir/index.ts";

/** A count of workgroups. */
export type Extent = number | Expr;

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
  /** Workgroups per dimension: numbers, or expressions of the symbols. */
  readonly grid: readonly [x: Extent, y: Extent, z: Extent];
  readonly bindings: readonly ShaderBinding[];
  readonly symbols: readonly SizeSymbol[];
  readonly features: readonly Feature[];
}
