/**
 * Syntax trees: what the grammar reads, before names and literals have types. `parse.ts` gives them their meaning.
 */
import type { Scalar } from "../types.ts";

/** Line and column of a first character, both from 1. */
export interface Place {
  readonly line: number;
  readonly column: number;
}

export interface Named extends Place {
  readonly name: string;
}

/** `a + b * c`: operators in the order written, bound by `precedence.ts`. */
export interface ChainSyntax extends Place {
  readonly kind: "chain";
  readonly operands: readonly ExprSyntax[];
  readonly operators: readonly (Place & { readonly spelling: string })[];
}

/** `[i, j if mask]` */
export interface AccessSyntax {
  readonly index: readonly ExprSyntax[];
  readonly mask: ExprSyntax | undefined;
}

export type ExprSyntax =
  | (Place & { readonly kind: "literal"; readonly value: number; readonly spelled: "integer" | "float" | "bool" })
  | (Place & { readonly kind: "name"; readonly name: string })
  | (Place & {
      readonly kind: "load";
      readonly buffer: string;
      readonly scalar: Scalar | undefined;
      readonly access: AccessSyntax;
    })
  | (Place & { readonly kind: "call"; readonly name: string; readonly args: readonly ExprSyntax[] })
  | (Place & {
      readonly kind: "typed";
      readonly scalar: Scalar;
      readonly lanes: readonly number[];
      readonly arg: ExprSyntax;
    })
  | (Place & { readonly kind: "bits"; readonly scalar: Scalar; readonly arg: ExprSyntax })
  | (Place & {
      readonly kind: "table";
      readonly scalar: Scalar;
      readonly index: ExprSyntax;
      readonly values: readonly number[];
    })
  | (Place & { readonly kind: "lanes"; readonly sizes: readonly number[]; readonly strides: readonly number[] })
  | (Place & { readonly kind: "negate"; readonly arg: ExprSyntax })
  | ChainSyntax;

export type StmtSyntax =
  | (Place & {
      readonly kind: "for";
      readonly loop: string;
      readonly extent: ExprSyntax;
      readonly loopKind: Named | undefined;
      readonly body: readonly StmtSyntax[];
    })
  | (Place & { readonly kind: "if"; readonly cond: ExprSyntax; readonly body: readonly StmtSyntax[] })
  | (Place & { readonly kind: "let"; readonly name: string; readonly value: ExprSyntax })
  | (Place & { readonly kind: "barrier" })
  | (Place & { readonly kind: "pass" })
  | (Place & {
      readonly kind: "assign";
      readonly buffer: string;
      readonly access: AccessSyntax;
      readonly assign: string;
      readonly value: ExprSyntax;
      readonly over: readonly string[];
    });

export interface SymbolSyntax extends Named {
  readonly min: number;
  readonly max: number | undefined;
  readonly congruence: (Named & { readonly modulo: number; readonly residue: number }) | undefined;
}

export interface BufferSyntax extends Named {
  /** A role, or the scope of a local buffer. */
  readonly declared: string;
  readonly scalar: Scalar;
  readonly lanes: readonly number[];
  readonly shape: readonly ExprSyntax[];
  readonly bytes: boolean;
  readonly range: readonly [number, number] | undefined;
  readonly below: ExprSyntax | undefined;
}

export interface KernelSyntax extends Named {
  readonly stage: Named;
  readonly symbols: readonly SymbolSyntax[];
  readonly buffers: readonly BufferSyntax[];
  readonly body: readonly StmtSyntax[];
}

export interface ProgramSyntax extends Named {
  readonly kernels: readonly KernelSyntax[];
}
