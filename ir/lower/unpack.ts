/**
 * unpack: codes of fewer than 8 bits become shifts and masks of the bytes, words or double words that hold them.
 *
 *     i8(w.q[n, 2*<16:1> + 1])                        ->   i8((w.q[&w.q + 64*n + <16:1>] >> 4) & 15)          (w.q: u4, now bytes)
 *     w.q[2*k] = u4(x[2*k]); w.q[2*k+1] = u4(x[2*k+1])  ->   w.q[&w.q + k] = u8(x[2*k]) & 15 | (u8(x[2*k+1]) & 15) << 4
 *
 * Global buffers of such codes are byte-addressed from here on (the others from `flatten` on), because one buffer may be read in
 * containers of several widths: the one in which consecutive lanes lie side by side, so that all lanes shift alike. A single code is
 * read from its byte, by a shift that may vary. Codes of 3, 5, 6 and 7 bits have a byte each; in registers all have.
 */
import { and, bind, buffer, constant, load, loop, shr, variable, when } from "../build.ts";
import { localDimension, workgroupDimension } from "../grid.ts";
import { factsOf } from "../interval.ts";
import type { Buffer, Expr, Kernel, Load, Stmt, Store } from "../nodes.ts";
import { simplifier } from "../simplify.ts";
import { isSubByte, scalarRange, storageBits, type Type } from "../types.ts";
import { loopsOf, mapExprs, rewriter, withBody } from "../visit.ts";
import { type CodeStores, codeStores, encoded } from "./codes.ts";
import { containerAt, maskOf, placeOf, shiftOf } from "./containers.ts";
import { byteSize } from "./linear.ts";
import { namerOf } from "./names.ts";

export function unpack(kernel: Kernel): Kernel {
  const codes = new Map(kernel.buffers.filter((b) => isSubByte(b.scalar)).map((b) => [b.name, b]));
  if (codes.size === 0) return kernel;
  const simplify = simplifier(factsOf(kernel));
  /** What the lets of codes hold now. */
  const lets = new Map<string, Type>();
  const rewrite = rewriter((e) => {
    if (!isSubByte(e.type.scalar)) return e;
    if (e.kind === "load") return decoded(e, codes.get(e.buffer) as Buffer, simplify);
    return e.kind === "var" ? variable(e.name, lets.get(e.name)) : e;
  });
  const added: Buffer[] = [];
  const together = loopsOf(kernel.body).some(({ loopKind, extent }) => {
    const isParallel = localDimension(loopKind) !== undefined || workgroupDimension(loopKind) !== undefined;
    return isParallel && !(extent.kind === "const" && extent.value === 1);
  });
  const stores = codeStores({
    codes,
    simplify,
    rewrite,
    fresh: namerOf(kernel),
    added,
    together: together ? kernel : undefined,
  });
  const body = unpackBody(kernel.body, { codes, rewrite, stores, lets });
  const buffers = kernel.buffers.map((b) => (codes.has(b.name) ? asBytes(b) : b));
  return withBody({ ...kernel, buffers: Object.freeze([...buffers, ...added]) }, body);
}

interface Context {
  readonly codes: ReadonlyMap<string, Buffer>;
  readonly rewrite: (e: Expr) => Expr;
  readonly stores: CodeStores;
  readonly lets: Map<string, Type>;
}

/** The declaration that holds the same codes in bytes. */
function asBytes(of: Buffer): Buffer {
  const { name, scalar, shape, lanes, scope, role, range } = of;
  const bytes = { scope, role, range: range ?? scalarRange(scalar) };
  if (scope !== "global") return buffer(name, "u8", shape, { ...bytes, lanes });
  const size = [byteSize(of)];
  // A byte of several codes holds any value.
  return storageBits(scalar) === 8
    ? buffer(name, "u8", size, { ...bytes, unit: "byte" })
    : buffer(name, "u8", size, { scope, role, unit: "byte" });
}

/** The code that a load gives, as a value of its container's type. */
function decoded(e: Load, of: Buffer, simplify: (e: Expr) => Expr): Expr {
  if (of.scope !== "global") return load({ ...of, scalar: "u8" }, e.index, e.mask);
  const place = placeOf(of, e.index, simplify);
  const whole = containerAt(of, place, e.mask);
  if (storageBits(of.scalar) === 8) return whole;
  return and(place.shift === 0 ? whole : shr(whole, shiftOf(place)), constant(maskOf(of.scalar), place.container));
}

function unpackBody(body: readonly Stmt[], context: Context): Stmt[] {
  const { codes, rewrite, stores, lets } = context;
  const out: Stmt[] = [];
  for (const s of body) {
    const of = s.kind === "store" ? codes.get(s.buffer) : undefined;
    if (s.kind === "store" && of?.scope === "global") {
      out.push(...stores.put(s, of));
      continue;
    }
    out.push(...stores.before(s));
    if (s.kind === "for") out.push(loop(s.loop, rewrite(s.extent), unpackBody(s.body, context), s.loopKind));
    else if (s.kind === "if") out.push(when(rewrite(s.cond), unpackBody(s.body, context)));
    else if (s.kind === "store" && of !== undefined) out.push(inRegister(s, rewrite));
    else if (s.kind === "let" && isSubByte(s.value.type.scalar)) {
      const value = s.value.kind === "load" ? rewrite(s.value) : encoded(s.value, "u8", rewrite);
      lets.set(s.name, value.type);
      out.push(bind(s.name, value));
    } else out.push(mapExprs(s, rewrite));
  }
  out.push(...stores.flush());
  return out;
}

/** A code stored to a register: a whole byte. */
function inRegister(s: Store, rewrite: (e: Expr) => Expr): Stmt {
  const mask = s.mask && rewrite(s.mask);
  return Object.freeze({ ...s, index: s.index.map(rewrite), value: encoded(s.value, "u8", rewrite), mask });
}
