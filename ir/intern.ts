/**
 * Interning: one object for each distinct expression. What makes two expressions the same is in `build.ts`, which alone makes them.
 */
import type { Expr } from "./nodes.ts";

type Found = Expr | Expr[];

// Nodes are looked up by a hash of their parts. Young ones are held; when there are many of them they become weak references, which are costly
// to make and to follow: one compilation makes thousands of nodes and looks most of them up again soon.
const youngest = 1 << 17;
let young = new Map<number, Found>();
let count = 0;
const old = new Map<number, WeakRef<Expr>[]>();
const released = new FinalizationRegistry<number>((hash) => {
  const left = (old.get(hash) ?? []).filter((ref) => ref.deref() !== undefined);
  if (left.length === 0) old.delete(hash);
  else old.set(hash, left);
});
let nextId = 0;

/** The one expression with this hash of which `same` holds; `make` runs only when there is none. */
export function interned<E extends Expr>(hash: number, same: (known: Expr) => boolean, make: (id: number) => E): E {
  const found = young.get(hash);
  if (found !== undefined) {
    if (!Array.isArray(found)) {
      if (same(found)) return found as E;
    } else for (const known of found) if (same(known)) return known as E;
  }
  if (old.size > 0)
    for (const ref of old.get(hash) ?? []) {
      const known = ref.deref();
      if (known !== undefined && same(known)) return known as E;
    }
  const node: E = Object.freeze(make(nextId++)) as E;
  if (found === undefined) young.set(hash, node);
  else if (Array.isArray(found)) found.push(node);
  else young.set(hash, [found, node]);
  if (++count >= youngest) age();
  return node;
}

function age(): void {
  for (const [hash, found] of young)
    for (const node of Array.isArray(found) ? found : [found]) {
      const refs = old.get(hash) ?? [];
      refs.push(new WeakRef(node));
      old.set(hash, refs);
      released.register(node, hash);
    }
  young = new Map();
  count = 0;
}

/** A hash that takes in another number; 31 bits, which a `Map` takes fastest. */
export const mix = (hash: number, part: number): number =>
  (Math.imul(hash ^ part, 0x9e3779b1) ^ ((hash ^ part) >>> 15)) & 0x3fffffff;

/** A hash that takes in the identities of expressions. */
export function mixAll(hash: number, exprs: readonly Expr[]): number {
  let mixed = hash;
  for (const { id } of exprs) mixed = mix(mixed, id);
  return mixed;
}

const texts = new Map<string, number>();

/** The hash of a word. */
export function hashText(text: string): number {
  let hash = texts.get(text);
  if (hash === undefined) {
    hash = 0;
    for (let i = 0; i < text.length; i++) hash = mix(hash, text.charCodeAt(i));
    texts.set(text, hash);
  }
  return hash;
}

/** Whether two lists hold the same expressions or numbers. */
export function sameList<T>(a: readonly T[], b: readonly T[]): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
