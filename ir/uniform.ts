/**
 * Uniformity: what is surely the same in all invocations of a workgroup, in a kernel lowered to the program of one invocation. A GPU wants
 * barriers and operations of subgroups where all invocations arrive together; the rules are WGSL's, which are static and know nothing of values.
 */
import { type Grid, localDimension } from "./grid.ts";
import type { Expr, Kernel, Stmt } from "./nodes.ts";
import { operands, writes } from "./visit.ts";

export interface Uniformity {
  /** Whether an expression has one value in all invocations that evaluate it together. */
  readonly isUniform: (e: Expr) => boolean;
  /** Statements that not all invocations may arrive at. */
  readonly divergent: ReadonlySet<Stmt>;
}

/** Analyses the program of an invocation. A register is uniform when whatever is stored in it is, at uniform places. */
export function uniformityOf(kernel: Kernel, program: Grid["body"]): Uniformity {
  const changing = new Set(
    kernel.buffers.filter(({ scope, role }) => scope === "workgroup" || role === "subgroup").map(({ name }) => name),
  );
  const registers = new Set(kernel.buffers.filter(({ scope }) => scope === "register").map(({ name }) => name));
  const divergent = new Set<Stmt>();
  /** Variables and registers with values of their own in each invocation. */
  const own = new Set<string>();
  const isUniform = (e: Expr): boolean => {
    if (e.kind === "var") return !own.has(e.name);
    if (e.kind === "load" && (changing.has(e.buffer) || own.has(e.buffer))) return false;
    return operands(e).every(isUniform);
  };
  const visit = (body: readonly Stmt[], together: boolean): void => {
    for (const s of body) {
      if (!together) divergent.add(s);
      if (writes(s)) {
        if (!registers.has(s.buffer)) changing.add(s.buffer);
        else if (!together || !isUniform(s.value)) own.add(s.buffer);
      }
      if (s.kind === "let" && !isUniform(s.value)) own.add(s.name);
      if (s.kind === "if") visit(s.body, together && isUniform(s.cond));
      if (s.kind !== "for") continue;
      const isLocal = localDimension(s.loopKind) !== undefined;
      if (isLocal) own.add(s.loop);
      const alike = isLocal || isUniform(s.extent);
      if (!alike) own.add(s.loop);
      visit(s.body, together && alike);
    }
  };
  for (let before = -1; before < own.size + changing.size; ) {
    before = own.size + changing.size;
    visit(program, true);
  }
  return { isUniform, divergent };
}
