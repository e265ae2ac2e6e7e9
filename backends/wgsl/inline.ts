/**
 * Puts lets back in place that name sums of indices: addresses are then whole, so that what they are divisible by is seen, and they are divided before
 * they are shared again (`emit/share.ts`). Lets that read memory or registers stay, but for subgroups' leaders, which are no memory.
 */
import { type Expr, type Kernel, mapExprs, operands, rewriter, type Stmt, withBody } from "../../ir/index.ts";

export function inlineLets(kernel: Kernel): Kernel {
  const values = new Map<string, Expr>();
  const inline = rewriter((e) => (e.kind === "var" ? (values.get(e.name) ?? e) : e));
  const reads = readers(kernel);
  const visit = (body: readonly Stmt[]): readonly Stmt[] =>
    body.flatMap((s) => {
      switch (s.kind) {
        case "let": {
          const value = inline(s.value);
          if (reads(value)) return [Object.freeze({ ...s, value })];
          values.set(s.name, value);
          return [];
        }
        case "for":
          return [Object.freeze({ ...s, extent: inline(s.extent), body: Object.freeze(visit(s.body)) })];
        case "if":
          return [Object.freeze({ ...s, cond: inline(s.cond), body: Object.freeze(visit(s.body)) })];
        default:
          return [mapExprs(s, inline)];
      }
    });
  return withBody(kernel, visit(kernel.body));
}

function readers(kernel: Kernel): (e: Expr) => boolean {
  const leaders = new Set(kernel.buffers.filter(({ role }) => role === "subgroup").map(({ name }) => name));
  const seen = new Map<Expr, boolean>();
  const reads = (e: Expr): boolean => {
    const known = seen.get(e);
    if (known !== undefined) return known;
    const result = (e.kind === "load" && !leaders.has(e.buffer)) || operands(e).some(reads);
    seen.set(e, result);
    return result;
  };
  return reads;
}
