/** What the emission of one function carries along: names and where their values are, facts, and what the statement at hand has computed. */
import type { Buffer, Expr, Facts, Feature } from "../../../ir/index.ts";
import { EmitError } from "../../errors.ts";
import type { AddressType } from "../asm/index.ts";
import type { IsAddress, NonNegative } from "./address.ts";
import type { Uses } from "./broadcasts.ts";
import type { Node, Vec } from "./dag.ts";
import type { Locals } from "./locals.ts";

/** Where the value of a variable or register buffer is: one local for a scalar, one per v128 register for a vector. */
export interface Place {
  readonly locals: readonly string[];
  /** Lane width of a vector; undefined for a scalar. */
  readonly bits: 8 | 16 | 32 | 64 | undefined;
  /** A local with a scalar's value in every lane; the scalar itself may then have none. */
  readonly splat?: string;
}

export interface Context {
  readonly kernel: string;
  readonly buffers: ReadonlyMap<string, Buffer>;
  readonly facts: Facts;
  readonly nonNegative: NonNegative;
  /** What is an address of 64 bits; nothing where addresses have 32. */
  readonly isAddress: IsAddress;
  readonly address: AddressType;
  /** Features that instructions may need, and those that they did. */
  readonly allowed: ReadonlySet<Feature>;
  readonly used: Set<Feature>;
  readonly locals: Locals;
  readonly variables: Map<string, Place>;
  readonly registers: Map<string, Place>;
  /** How the scalar lets are used. */
  readonly uses: ReadonlyMap<string, Uses>;
  /** The thread loop, once it is met. */
  readonly threads: { loop: string | undefined };
  /** The values of expressions (see select.ts); `operand` broadcasts a scalar to `count` lanes, `splat` to a register. */
  readonly scalar: (e: Expr) => Node;
  readonly vector: (e: Expr) => Vec;
  readonly operand: (e: Expr, count: number) => Vec;
  readonly splat: (e: Expr) => Node;
  /** Values of the statement at hand; forgotten after it, because memory and register buffers change. */
  readonly scalars: Map<Expr, Node>;
  readonly vectors: Map<Expr, Vec>;
  readonly splats: Map<Expr, Node>;
}

export function fail(c: Context, reason: string): never {
  throw new EmitError(`kernel ${c.kernel}: ${reason}`);
}
