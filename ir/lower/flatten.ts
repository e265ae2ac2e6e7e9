/**
 * flatten: logical indices of global and workgroup buffers become byte addresses.
 *
 *     x: f32[M, 64]    x[m, 8*k + <4:1>]   ->   x: f32 bytes[256*M]    x[&x + 256*m + 32*k + <4:4>]
 *
 * An address is a sum in one order: variables times numbers, then a constant, then the lane pattern.
 */
import { exprOf } from "../affine.ts";
import { buffer, load } from "../build.ts";
import { check } from "../errors.ts";
import type { Buffer, Expr, Kernel } from "../nodes.ts";
import { storageBits } from "../types.ts";
import { mapExprs, mapStmts, rewriter, withBody } from "../visit.ts";
import { addressAt, byteSize, elementIndex, scale } from "./linear.ts";

export function flatten(kernel: Kernel): Kernel {
  const memory = new Map(
    kernel.buffers.filter((b) => b.scope !== "register" && b.unit === "element").map((b) => [b.name, b]),
  );
  for (const { name, scalar } of memory.values())
    check(scalar !== "bool", () => `${kernel.name}: ${name}: a bool has no size in memory; store u8 instead`);
  const addressOf = (of: Buffer, index: readonly Expr[]): Expr =>
    exprOf(addressAt(of.name, scale(elementIndex(of, index), storageBits(of.scalar) / 8)));
  const rewrite = rewriter((e) => {
    const of = e.kind === "load" ? memory.get(e.buffer) : undefined;
    if (e.kind !== "load" || of === undefined) return e;
    const address = addressOf(of, e.index);
    return load({ ...of, shape: [address] }, [address], e.mask);
  });
  const body = mapStmts(
    kernel.body.map((s) => mapExprs(s, rewrite)),
    (s) => {
      const of = s.kind === "store" ? memory.get(s.buffer) : undefined;
      return s.kind === "store" && of ? [Object.freeze({ ...s, index: [addressOf(of, s.index)] })] : undefined;
    },
  );
  const buffers = kernel.buffers.map((b) => (memory.has(b.name) ? inBytes(b) : b));
  return withBody({ ...kernel, buffers: Object.freeze(buffers) }, body);
}

function inBytes(of: Buffer): Buffer {
  const { name, scalar, scope, role, range, below } = of;
  return buffer(name, scalar, [byteSize(of)], {
    ...{ unit: "byte", scope, role },
    ...(range && { range }),
    ...(below && { below }),
  });
}
