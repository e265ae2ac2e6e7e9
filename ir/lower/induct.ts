/**
 * induct: addresses that advance with an innermost loop become pointers.
 *
 *     for kg<128 { a = w[&w + 8192*no + 64*kg + <4:4>]; b = w[&w + 8192*no + 64*kg + 16 + <4:4>] }
 *  ->
 *     w.at[] = &w + 8192*no
 *     for kg<128 { a = w[w.at[] + <4:4>]; b = w[w.at[] + 16 + <4:4>]; w.at[] = w.at[] + 64 }
 *
 * One pointer (a register of i32) serves all accesses of a buffer in the loop that differ by constants; it starts at the lowest, so that
 * the constants left in the index are never negative. An access that does not advance with the loop, or not evenly, keeps its address.
 */
import { type Affine, affineOf, exprOf } from "../affine.ts";
import { add, buffer, load, loop, reload, store, variable, when } from "../build.ts";
import type { Buffer, Expr, For, Kernel, Stmt } from "../nodes.ts";
import {
  buffersOf,
  eachNode,
  eachStmt,
  exprsOf,
  loopsOf,
  mapExprs,
  mapStmts,
  rewriter,
  variablesOf,
  withBody,
} from "../visit.ts";
import { shift } from "./linear.ts";
import { type Namer, namerOf } from "./names.ts";

interface Context {
  /** Buffers with byte addresses. */
  readonly bytes: ReadonlySet<string>;
  readonly registers: Buffer[];
  readonly fresh: Namer;
}

export function induct(kernel: Kernel): Kernel {
  const bytes = new Set(kernel.buffers.filter((b) => b.unit === "byte").map((b) => b.name));
  const context: Context = { bytes, registers: [], fresh: namerOf(kernel) };
  const body = inductBody(kernel.body, context);
  return withBody({ ...kernel, buffers: Object.freeze([...kernel.buffers, ...context.registers]) }, body);
}

function inductBody(body: readonly Stmt[], context: Context): Stmt[] {
  return body.flatMap((s): readonly Stmt[] => {
    if (s.kind === "if") return [when(s.cond, inductBody(s.body, context))];
    if (s.kind !== "for") return [s];
    if (s.loopKind === "serial" && loopsOf(s.body).length === 0) return inductLoop(s, context);
    return [loop(s.loop, s.extent, inductBody(s.body, context), s.loopKind)];
  });
}

/** Accesses of one buffer whose addresses differ by constants. */
interface Stream {
  readonly buffer: string;
  /** What the addresses have in common. */
  readonly terms: ReadonlyMap<Expr, number>;
  /** Bytes from one iteration to the next. */
  readonly step: number;
  /** The smallest constant. */
  lowest: number;
  pointer: Buffer | undefined;
}

const scalar = (terms: ReadonlyMap<Expr, number>, constant: number): Affine => ({
  constant,
  terms,
  lanes: undefined,
  shape: [],
});

function inductLoop(s: For, context: Context): Stmt[] {
  const counter = variable(s.loop);
  const steady = steadyIn(s);
  const streams = new Map<Expr, Stream>();
  const found = new Map<Expr, { readonly form: Affine; readonly stream: Stream }>();
  eachAddress(s.body, context.bytes, (name, address) => {
    if (found.has(address)) return;
    const form = affineOf(address);
    const step = form.terms.get(counter);
    if (step === undefined) return;
    for (const atom of form.terms.keys()) if (atom !== counter && !steady(atom)) return;
    const key = exprOf(scalar(form.terms, 0));
    const stream = streams.get(key) ?? {
      buffer: name,
      terms: form.terms,
      step,
      lowest: form.constant,
      pointer: undefined,
    };
    stream.lowest = Math.min(stream.lowest, form.constant);
    streams.set(key, stream);
    found.set(address, { form, stream });
  });
  if (streams.size === 0) return [s];
  for (const stream of streams.values()) {
    stream.pointer = buffer(context.fresh(`${stream.buffer}.at`), "i32", [], { scope: "register" });
    context.registers.push(stream.pointer);
  }
  const pointed = (address: Expr): Expr => {
    const known = found.get(address);
    if (known === undefined) return address;
    const { form, stream } = known;
    return exprOf({ ...shift(form, -stream.lowest), terms: new Map([[pointerIn(stream), 1]]) });
  };
  const rewrite = rewriter((e) =>
    e.kind === "load" && context.bytes.has(e.buffer) ? reload(e, e.index.map(pointed)) : e,
  );
  const inside = mapStmts(
    s.body.map((inner) => mapExprs(inner, rewrite)),
    (inner) =>
      inner.kind === "store" && context.bytes.has(inner.buffer)
        ? [Object.freeze({ ...inner, index: inner.index.map(pointed) })]
        : undefined,
  );
  const starts = [...streams.values()].map((stream) => {
    const terms = new Map([...stream.terms].filter(([atom]) => atom !== counter));
    return store((stream.pointer as Buffer).name, [], exprOf(scalar(terms, stream.lowest)));
  });
  const bumps = [...streams.values()].map((stream) =>
    store((stream.pointer as Buffer).name, [], add(pointerIn(stream), stream.step)),
  );
  return [...starts, loop(s.loop, s.extent, [...inside, ...bumps], s.loopKind)];
}

const pointerIn = (stream: Stream): Expr => load(stream.pointer as Buffer, []);

/** Calls `see` for the address of every access to a byte-addressed buffer. */
function eachAddress(
  body: readonly Stmt[],
  bytes: ReadonlySet<string>,
  see: (buffer: string, address: Expr) => void,
): void {
  const seen = new Set<Expr>();
  const access = (name: string, [address]: readonly Expr[]): void => {
    if (address !== undefined && bytes.has(name)) see(name, address);
  };
  eachStmt(body, (s) => {
    if (s.kind === "store") access(s.buffer, s.index);
    for (const e of exprsOf(s))
      eachNode(
        e,
        (node) => {
          if (node.kind === "load") access(node.buffer, node.index);
        },
        seen,
      );
  });
}

/** Whether an atom of an address stays what it is while the loop runs, and is known before it. */
function steadyIn(s: For): (atom: Expr) => boolean {
  const local = new Set<string>([s.loop]);
  for (const inner of s.body) if (inner.kind === "let") local.add(inner.name);
  const seen = new Map<Expr, boolean>();
  return (atom) => {
    let steady = seen.get(atom);
    if (steady === undefined) {
      steady = atom.type.lanes.length === 0 && buffersOf(atom).size === 0 && variablesOf(atom).isDisjointFrom(local);
      seen.set(atom, steady);
    }
    return steady;
  };
}
