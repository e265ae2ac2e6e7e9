/**
 * The driver of legalization: named rules in IR, an equation each, applied until none applies. A backend lists the rules that it needs; what
 * they leave is what its tables spell. The rules themselves are in the files beside this one and in the backends.
 */
import {
  type Call,
  type Cast,
  type Expr,
  exprsOf,
  type Facts,
  factsOf,
  type Kernel,
  mapExprs,
  mapStmts,
  type Op,
  type OpName,
  operands,
  type Scalar,
  type Table,
  withBody,
  withOperands,
} from "../../ir/index.ts";

export interface OpRule {
  readonly name: string;
  readonly ops: readonly OpName[];
  /** The node to stand in place of `e`, or undefined where the rule does not apply. */
  readonly apply: (e: Op, a: Expr, b: Expr, facts: Facts) => Expr | undefined;
}

/** A rule of casts in `value` mode. */
export interface CastRule {
  readonly name: string;
  readonly apply: (e: Cast, from: Scalar, to: Scalar, facts: Facts) => Expr | undefined;
}

export interface CallRule {
  readonly name: string;
  readonly apply: (e: Call) => Expr | undefined;
}

export interface TableRule {
  readonly name: string;
  readonly apply: (e: Table) => Expr | undefined;
}

/** What a backend needs rewritten; the first rule of a list that applies is taken. */
export interface Rules {
  readonly ops: readonly OpRule[];
  readonly casts: readonly CastRule[];
  readonly calls: readonly CallRule[];
  readonly tables: readonly TableRule[];
}

type Step = (e: Expr, facts: Facts) => Expr | undefined;

function stepOf(rules: Rules): Step {
  const byOp = new Map<OpName, OpRule[]>();
  for (const rule of rules.ops) for (const op of rule.ops) byOp.set(op, [...(byOp.get(op) ?? []), rule]);
  return (e, facts) => {
    if (e.kind === "op") {
      const [x, y] = e.args as [Expr, Expr];
      for (const rule of byOp.get(e.op) ?? []) {
        const result = rule.apply(e, x, y, facts);
        if (result !== undefined) return result;
      }
    } else if (e.kind === "cast" && e.mode === "value") {
      for (const rule of rules.casts) {
        const result = rule.apply(e, e.arg.type.scalar, e.type.scalar, facts);
        if (result !== undefined) return result;
      }
    } else if (e.kind === "table") {
      for (const rule of rules.tables) {
        const result = rule.apply(e);
        if (result !== undefined) return result;
      }
    } else if (e.kind === "call") {
      for (const rule of rules.calls) {
        const result = rule.apply(e);
        if (result !== undefined) return result;
      }
    }
    return undefined;
  };
}

/** A function that brings kernels to a form to which none of these rules applies. */
export function legalizer(rules: Rules): (kernel: Kernel) => Kernel {
  const step = stepOf(rules);
  return (kernel) => {
    const facts = factsOf(kernel);
    const seen = new Map<Expr, Expr>();
    const visit = (e: Expr): Expr => {
      if (e.kind === "const" || e.kind === "var" || e.kind === "lanes") return e;
      const known = seen.get(e);
      if (known !== undefined) return known;
      const args = operands(e);
      const inner = args.every((arg) => visit(arg) === arg) ? e : withOperands(e, args.map(visit));
      const replaced = step(inner, facts);
      const result = replaced === undefined ? inner : visit(replaced);
      seen.set(e, result);
      return result;
    };
    const isLegal = (e: Expr): boolean => visit(e) === e;
    const body = mapStmts(kernel.body, (s) => {
      if (!exprsOf(s).every(isLegal)) return [mapExprs(s, visit)];
      return s.kind === "for" || s.kind === "if" ? undefined : [s];
    });
    return withBody(kernel, body);
  };
}
