/**
 * What a kernel is: the unions of expressions and statements, each with its exact meaning. The only constructors are in
 * `build.ts`; the meaning is executed by `interpret.ts`.
 *
 *     expr   = const | var | lanes | load | op | cast | table | call
 *     stmt   = for | store | reduce | if | let | barrier
 *     kernel = name, stage, symbols, buffers, body        program = kernels
 */
import type { IntrinsicName } from "./intrinsics.ts";
import type { OpName } from "./scalar-ops.ts";
import type { Scalar, Type } from "./types.ts";

// ---------------------------------------------------------------------------------------------------- expressions
// Expressions have no side effects and are interned: structural equality is `===`. A scalar operand next to a vector
// operand is broadcast to its lanes.

/** A constant. Integers are in range of their type; f32 constants are already rounded to f32. A vector constant has the same value in every lane. */
export interface Const {
  readonly kind: "const";
  readonly id: number;
  readonly type: Type;
  readonly value: number;
}

/** The value of a loop variable, a symbol (both i32) or a `let`. */
export interface Var {
  readonly kind: "var";
  readonly id: number;
  readonly type: Type;
  readonly name: string;
}

/** An i32 vector: lane (l0, l1, ..) holds sum of `strides[i] * l_i`. Printed `<4:1,2:0>` (size:stride per lane axis). */
export interface Lanes {
  readonly kind: "lanes";
  readonly id: number;
  readonly type: Type;
  readonly strides: readonly number[];
}

/**
 * The element of a buffer at a logical index, one expression per axis. Where an index is a vector, each lane loads its own element. Where `mask` is false the
 * result is 0 and nothing is read. An index outside the buffer (where the mask holds) is an error.
 */
export interface Load {
  readonly kind: "load";
  readonly id: number;
  readonly type: Type;
  readonly buffer: string;
  readonly index: readonly Expr[];
  readonly mask: Expr | undefined;
}

/** A row of the scalar-op table applied to operands, lane by lane. */
export interface Op {
  readonly kind: "op";
  readonly id: number;
  readonly type: Type;
  readonly op: OpName;
  readonly args: readonly Expr[];
}

/**
 * `value`: the nearest value in another type. Integer to integer wraps; integer to float and float to float round to nearest even;
 * float to integer truncates towards zero and saturates, NaN becomes 0. `bits`: the same bits read as another type of equal width.
 */
export interface Cast {
  readonly kind: "cast";
  readonly id: number;
  readonly type: Type;
  readonly mode: "value" | "bits";
  readonly arg: Expr;
}

/**
 * One of a few constants: `values[index]`, lane by lane. The values are i8 or u8, at most 16 of them; the index is a u8, and one past the
 * last value is an error.
 */
export interface Table {
  readonly kind: "table";
  readonly id: number;
  readonly type: Type;
  readonly values: readonly number[];
  readonly index: Expr;
}

/** A row of the intrinsic table applied to vectors: its meaning, shapes and preconditions are in `intrinsics.ts`. */
export interface Call {
  readonly kind: "call";
  readonly id: number;
  readonly type: Type;
  readonly intrinsic: IntrinsicName;
  readonly args: readonly Expr[];
}

export type Expr = Const | Var | Lanes | Load | Op | Cast | Table | Call;

// ----------------------------------------------------------------------------------------------------- statements

/** How the iterations of a loop are laid out in time and hardware. The meaning never depends on it: kinds other than `serial` and `unroll` need independent iterations. */
export type LoopKind =
  | "serial"
  | "unroll"
  | "thread"
  | "workgroup.x"
  | "workgroup.y"
  | "workgroup.z"
  | "local.x"
  | "local.y"
  | "local.z"
  | "subgroup";

/** Runs `body` for `loop` = 0, 1, .. extent - 1 (never when extent <= 0). Loop names are unique in a kernel. */
export interface For {
  readonly kind: "for";
  readonly loop: string;
  readonly extent: Expr;
  readonly loopKind: LoopKind;
  readonly body: readonly Stmt[];
}

/** Writes an element (or, with a vector index, one per lane; no two lanes may name the same element). Where `mask` is false nothing is written. */
export interface Store {
  readonly kind: "store";
  readonly buffer: string;
  readonly index: readonly Expr[];
  readonly value: Expr;
  readonly mask: Expr | undefined;
}

/** Associative, commutative combination with a neutral element. `pmax` is the maximum of floats that passes over NaN. */
export type Monoid = "sum" | "max" | "pmax" | "min";

/**
 * `buffer[index] = combine(buffer[index], value)`, the sum (max, min) over the loops named in `over`. In the first iteration of all those
 * loops the element is taken as the neutral one, so no separate initialization exists until one is made. With `over` empty it always accumulates.
 * Where `mask` is false nothing happens, not even in the first iteration; no two lanes may name the same element.
 * Any order of the iterations is allowed by this node; the printed order is the one executed. In a float sum a value that is a product may
 * be added with one rounding (fused) or two.
 */
export interface Reduce {
  readonly kind: "reduce";
  readonly buffer: string;
  readonly index: readonly Expr[];
  readonly monoid: Monoid;
  readonly value: Expr;
  readonly over: readonly string[];
  readonly mask: Expr | undefined;
}

/** Runs `body` when the scalar condition holds. */
export interface If {
  readonly kind: "if";
  readonly cond: Expr;
  readonly body: readonly Stmt[];
}

/** Names a value for the statements after it in the same list and inside them. The name is unique in the kernel. */
export interface Let {
  readonly kind: "let";
  readonly name: string;
  readonly value: Expr;
}

/** Every invocation of the workgroup arrives before any goes on; what they wrote before it, to workgroup and global buffers, is seen by all of them after it. */
export interface Barrier {
  readonly kind: "barrier";
}

export type Stmt = For | Store | Reduce | If | Let | Barrier;

// ------------------------------------------------------------------------------------------------ kernels, programs

export type BufferScope = "global" | "workgroup" | "register";

/**
 * Who owns a global buffer: `input` and `output` the caller at each run; `weight` the caller before packing (bytes as they stand in the file); `packed` the
 * packed tensor (written by pack kernels, then constant); `cache` the packed tensor of a cache, which other programs write between runs; `workspace` the program;
 * `subgroup` the hardware. Buffers of other scopes are `local` to a kernel.
 *
 * A `subgroup` buffer (i32, one element per invocation of a workgroup) says how the hardware groups invocations: element i is the local index of the
 * invocation elected in the subgroup of invocation i. Nothing else is known of it: any function with `leader[leader[i]] == leader[i]` is possible. It is
 * read in one place only, `slot[leader[i], ..] += v over ()` (or max, min): each subgroup's sum goes into the slot of its leader.
 */
export type BufferRole = "input" | "output" | "weight" | "packed" | "cache" | "workspace" | "subgroup" | "local";

/** A multidimensional array, row-major. Register and workgroup buffers are undefined until written. A rank-0 register buffer is a mutable scalar (or vector, see `lanes`). */
export interface Buffer {
  readonly name: string;
  readonly scalar: Scalar;
  /** Lane shape of each element: empty except in register buffers made by lowering. */
  readonly lanes: readonly number[];
  /** Extents: constants or expressions of symbols. In a `byte` unit buffer one axis, its size in bytes. */
  readonly shape: readonly Expr[];
  /**
   * What an index counts. `byte` is what lowering makes of global and workgroup buffers: the single index is then a byte address, the variable
   * `&name` being the address of the buffer's first byte (0 in the interpreter), and each lane reads or writes one element there.
   */
  readonly unit: "element" | "byte";
  readonly scope: BufferScope;
  readonly role: BufferRole;
  /** Smallest and largest value that the elements can hold, where tighter than the type's: checked when data enters, relied on by interval analysis. */
  readonly range: readonly [number, number] | undefined;
  /** A size below which the elements are, from 0 up, where their range depends on symbols: used as `range` is, which is then left out. */
  readonly below: Expr | undefined;
}

/** A size unknown until run time, in [min, max], and congruent to `residue` modulo `modulo`. A kernel runs only for values in its domain. */
export interface SizeSymbol {
  readonly name: string;
  readonly min: number;
  readonly max: number;
  readonly modulo: number;
  readonly residue: number;
}

/** When a kernel runs: `pack` once per weight tensor; `prologue`, `main`, `merge` at every run, in this order. */
export type Stage = "pack" | "prologue" | "main" | "merge";

/** One launch. Self-contained: declares every symbol and buffer that it uses. */
export interface Kernel {
  readonly name: string;
  readonly stage: Stage;
  readonly symbols: readonly SizeSymbol[];
  readonly buffers: readonly Buffer[];
  readonly body: readonly Stmt[];
}

/** Kernels in the order they run. Global buffers of one name are declared alike in every kernel. Kernels whose symbol domains do not hold the run's values are left out. */
export interface Program {
  readonly name: string;
  readonly kernels: readonly Kernel[];
}
