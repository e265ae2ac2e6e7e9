/**
 * The verifier: what must be true of every kernel and program, beyond what `build.ts` makes sure of for each node by itself. The rules
 * are in `verify-rules.ts` (kernels) and here (programs). A broken rule is an `IrError` that names kernel, rule, reason and place.
 *
 * Names
 *   unique-names     symbols, loops and lets have names of their own; so have buffers
 *   declared         every variable is in scope where it stands, with its type; every buffer is declared
 * Buffers
 *   shape            extents are i32 expressions of symbols, constant in local buffers; byte units and lanes only where they belong
 *   value-range      a declared range is not empty, of values of the type; what elements are below is made of symbols, the elements i32
 *   role             inputs, weights and subgroup buffers are never written, packed buffers only by pack kernels; weights are used only by pack kernels,
 *                    which use no inputs, outputs or symbols
 * Types
 *   index            an access has one i32 index per axis
 *   element          what is loaded, stored or reduced has the buffer's type, lanes included
 *   control          loop extents are scalar i32, masks bool
 *   sub-byte         values below 8 bits are cast or stored, nothing else
 * Loops
 *   reduce-over      a reduction goes over distinct loops around it, whose variables are not in its index
 *   thread           a thread loop has no loop around it; one at most (scheduled and lowered; a naive kernel has none)
 *   independent      no reduction goes over a parallel loop, and what is stored in one depends on its variable
 * Accesses
 *   injective        the lanes of a store name different elements, where that can be decided
 *   in-bounds        an index is proven to be inside the buffer, unless masked (naive and lowered: is not proven outside; lowering
 *                    keeps what the scheduled form proved, but addresses are no longer one index per axis)
 *   intrinsic-range  operands of intrinsics are proven to be in the range that their row asks for
 *   subgroup         a subgroup buffer is read in the index of a sum over subgroups, nowhere else
 * Forms
 *   naive-form       serial loops, scalar values, no intrinsics, barriers or byte units
 *   scheduled-form   no byte units
 *   grid-form        the same; workgroup loops outermost, nothing beside them, their extents made of symbols; at the workgroup level loops and conditions
 *                    read no memory that changes; local nests perfect, at most one loop per dimension, of constant extent, no parallel loop or
 *                    barrier inside; at most 1024 invocations; or one thread loop and no workgroup memory; workgroup memory written in a nest depends on
 *                    every local variable
 *   lowered-form     loops serial or thread; no reduce, no masks, no sub-byte values; global buffers in bytes; register buffers of rank 0, or
 *                    indexed by their lanes or by constants; a vector index is a scalar plus a lane pattern
 *   invocation-form  the same, but for the loops: workgroup loops group.x .., in them local loops local.x .., of at most 1024 invocations, in them
 *                    serial ones; workgroup buffers in bytes; barriers and sums over subgroups where all invocations arrive
 * Programs
 *   kernel-names     kernels have names of their own
 *   stage-order      pack, prologue, main, merge
 *   agreement        a global buffer is declared alike in every kernel
 *   written-first    packed buffers and workspaces are written by an earlier kernel (or the same) when read, and outputs that have elements by some kernel
 */
import { IrError } from "./errors.ts";
import type { Buffer, Kernel, Program, Stage } from "./nodes.ts";
import { contextOf, type Site } from "./sites.ts";
import { printExpr, printStatement } from "./text/print.ts";
import { type Form, kernelRules, siteRules } from "./verify-rules.ts";
import { eachStmt } from "./visit.ts";

export type { Form } from "./verify-rules.ts";

/** Throws an `IrError` unless the kernel keeps every rule of its form. */
export function verifyKernel(kernel: Kernel, form: Form): void {
  const context = contextOf(kernel);
  for (const { name, check } of kernelRules) {
    const reason = check(context, form);
    if (reason !== undefined) throw new IrError(`${kernel.name}: ${ruleName(name, form)}: ${reason}`);
  }
  for (const site of context.sites)
    for (const { name, check } of siteRules) {
      const reason = check(site, context, form);
      if (reason !== undefined)
        throw new IrError(`${kernel.name}: ${ruleName(name, form)}: ${reason}; in ${placeOf(site, kernel)}`);
    }
}

const ruleName = (name: string, form: Form): string => (name === "form" ? `${form}-form` : name);

/** The loops around a statement and its first line, on one line. */
function placeOf({ loops, stmt }: Site, { buffers }: Kernel): string {
  const line = printStatement(stmt, buffers);
  return [...loops.map(({ loop }) => `for ${loop}`), line.length > 160 ? `${line.slice(0, 157)}...` : line].join(": ");
}

const order: readonly Stage[] = ["pack", "prologue", "main", "merge"];

/** Throws an `IrError` unless every kernel keeps the rules of its form, and the program those of programs. */
export function verifyProgram(program: Program, form: Form): void {
  for (const kernel of program.kernels) verifyKernel(kernel, form);
  const fail = (rule: string, reason: string): never => {
    throw new IrError(`${program.name}: ${rule}: ${reason}`);
  };
  const names = new Set<string>();
  const declared = new Map<string, { readonly buffer: Buffer; readonly by: string }>();
  const written = new Set<string>();
  let last: Kernel | undefined;
  for (const kernel of program.kernels) {
    if (names.has(kernel.name)) fail("kernel-names", `two kernels are named ${kernel.name}`);
    names.add(kernel.name);
    if (last !== undefined && order.indexOf(kernel.stage) < order.indexOf(last.stage))
      fail("stage-order", `${kernel.name} (${kernel.stage}) comes after ${last.name} (${last.stage})`);
    last = kernel;
    for (const buffer of kernel.buffers) {
      if (buffer.scope !== "global" || buffer.role === "subgroup") continue;
      const first = declared.get(buffer.name);
      declared.set(buffer.name, first ?? { buffer, by: kernel.name });
      const difference = first && differs(first.buffer, buffer);
      if (first !== undefined && difference !== undefined)
        fail("agreement", `${first.by} and ${kernel.name} declare ${buffer.name} with different ${difference}`);
    }
    eachStmt(kernel.body, (s) => {
      if (s.kind === "store" || s.kind === "reduce") written.add(s.buffer);
    });
    for (const { accesses } of contextOf(kernel).sites)
      for (const access of accesses) {
        const role = access.kind === "load" ? declared.get(access.buffer)?.buffer.role : undefined;
        if ((role === "packed" || role === "workspace") && !written.has(access.buffer))
          fail(
            "written-first",
            `${kernel.name} reads ${role} buffer ${access.buffer}, which no kernel before it writes`,
          );
      }
  }
  const empty = ({ shape }: Buffer): boolean => shape.some((size) => size.kind === "const" && size.value === 0);
  for (const { buffer } of declared.values())
    if (buffer.role === "output" && !written.has(buffer.name) && !empty(buffer))
      fail("written-first", `no kernel writes output ${buffer.name}`);
}

const range = ({ range: of, below }: Buffer): string =>
  of?.join("..") ?? (below ? `below ${printExpr(below)}` : "none");

/** The first property in which two declarations of a buffer differ. */
function differs(a: Buffer, b: Buffer): string | undefined {
  if (a.scalar !== b.scalar) return `types: ${a.scalar} and ${b.scalar}`;
  if (a.unit !== b.unit) return `units: ${a.unit} and ${b.unit}`;
  if (a.role !== b.role) return `roles: ${a.role} and ${b.role}`;
  const shape = ({ shape: sizes }: Buffer): string => sizes.map((size) => printExpr(size)).join(", ");
  if (shape(a) !== shape(b)) return `shapes: [${shape(a)}] and [${shape(b)}]`;
  if (range(a) !== range(b)) return `ranges: ${range(a)} and ${range(b)}`;
  return undefined;
}
