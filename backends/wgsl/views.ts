/**
 * Views: which WGSL type each buffer of bytes is declared with. Base: what its accesses agree on, else words (u32). Width: vectors where
 * reads are of whole vectors or of most of their parts, and no store is narrower. Atomic: where stores narrower than a word may share one with
 * another invocation. How an access becomes an element, a component and a shift of the view is in `emit/memory.ts`.
 */
import {
  type Buffer,
  type Expr,
  eachNode,
  exprsOf,
  isFloat,
  type Kernel,
  type Load,
  type Scalar,
  type SizeSymbol,
  type Stmt,
  type Store,
  scalars,
} from "../../ir/index.ts";
import { type Address, addressOf, congruenceOf, inRow, residueOf } from "./addresses.ts";
import { fail } from "./form.ts";
import { bytesOf } from "./held.ts";

export type Base = "u32" | "i32" | "f32" | "f16";

export interface View {
  readonly base: Base;
  readonly width: 1 | 2 | 4;
  readonly isAtomic: boolean;
  readonly isRead: boolean;
  readonly isWritten: boolean;
}

/** One load or store of a buffer in memory. */
export interface Access {
  readonly buffer: string;
  readonly scalar: Scalar;
  readonly address: Address;
  readonly isStore: boolean;
  /** The statement list that it is in. */
  readonly list: number;
}

const isMemory = ({ scope, role }: Buffer): boolean => scope !== "register" && role !== "subgroup";

/** Every access to global and workgroup memory, by buffer. Throws an `EmitError` for one whose lanes are not in a pattern. */
export function accessesOf(kernel: Kernel, body: readonly Stmt[]): ReadonlyMap<string, readonly Access[]> {
  const memory = new Map(kernel.buffers.filter(isMemory).map((buffer) => [buffer.name, buffer]));
  const all = new Map<string, Access[]>();
  const lists = new Map<readonly Stmt[], number>();
  const put = (node: Load | Store, list: number): void => {
    if (!memory.has(node.buffer)) return;
    if (node.mask !== undefined) fail(kernel, `a masked ${node.kind} of ${node.buffer}: lower the kernel first`);
    const scalar = node.kind === "load" ? node.type.scalar : node.value.type.scalar;
    const address = addressOf(node.buffer, node.index[0] as Expr, bytesOf(scalar));
    if (address === undefined)
      fail(kernel, `the lanes of a ${node.kind} of ${node.buffer} are not a pattern: lower the kernel first`);
    const access = { buffer: node.buffer, scalar, address, isStore: node.kind === "store", list };
    all.set(node.buffer, [...(all.get(node.buffer) ?? []), access]);
  };
  const visit = (list: readonly Stmt[]): void => {
    const id = lists.size;
    lists.set(list, id);
    const seen = new Set<Expr>();
    for (const s of list) {
      for (const e of exprsOf(s)) eachNode(e, (node) => node.kind === "load" && put(node, id), seen);
      if (s.kind === "store") put(s, id);
      if (s.kind === "for" || s.kind === "if") visit(s.body);
    }
  };
  visit(body);
  return all;
}

/** The view of each buffer in memory. */
export function viewsOf(
  kernel: Kernel,
  accesses: ReadonlyMap<string, readonly Access[]>,
  symbols: ReadonlyMap<string, SizeSymbol>,
): ReadonlyMap<string, View> {
  const views = new Map<string, View>();
  for (const buffer of kernel.buffers)
    if (isMemory(buffer)) views.set(buffer.name, viewOf(buffer, accesses.get(buffer.name) ?? [], symbols));
  return views;
}

function viewOf(buffer: Buffer, accesses: readonly Access[], symbols: ReadonlyMap<string, SizeSymbol>): View {
  const isRead = accesses.some(({ isStore }) => !isStore);
  const isWritten = accesses.some(({ isStore }) => isStore);
  const base = baseOf(accesses, symbols);
  const isAtomic = base !== "f16" && accesses.some((access) => access.isStore && !fillsWords(access, symbols));
  const width = isAtomic ? 1 : widthOf(buffer, accesses, base, symbols);
  return { base: isAtomic ? "u32" : base, width, isAtomic, isRead, isWritten };
}

const isAligned = ({ base }: Address, by: number, symbols: ReadonlyMap<string, SizeSymbol>): boolean =>
  residueOf(base, by, symbols) === 0;

/** The type that all accesses have, where elements are words or, for f16, whole; else u32. */
function baseOf(accesses: readonly Access[], symbols: ReadonlyMap<string, SizeSymbol>): Base {
  const [first] = accesses;
  if (first === undefined) return "u32";
  const { scalar } = first;
  if (scalar !== "f32" && scalar !== "i32" && scalar !== "f16") return "u32";
  return accesses.every((access) => access.scalar === scalar && lanesAligned(access, bytesOf(scalar), symbols))
    ? scalar
    : "u32";
}

const lanesAligned = ({ address }: Access, by: number, symbols: ReadonlyMap<string, SizeSymbol>): boolean =>
  isAligned(address, by, symbols) && address.lanes.every((at) => at % by === 0);

/** Whether a store writes whole words. */
export function fillsWords({ scalar, address }: Access, symbols: ReadonlyMap<string, SizeSymbol>): boolean {
  const bytes = bytesOf(scalar);
  const { lanes } = address;
  if (!isAligned(address, 4, symbols)) return false;
  if (bytes >= 4) return lanes.every((at) => at % 4 === 0);
  return (lanes.length * bytes) % 4 === 0 && inRow(lanes, bytes);
}

/** Bytes of an element of a base. */
export const elementBytes = (base: Base): number => (isFloat(base as Scalar) ? scalars[base as Scalar].bits / 8 : 4);

function widthOf(
  buffer: Buffer,
  accesses: readonly Access[],
  base: Base,
  symbols: ReadonlyMap<string, SizeSymbol>,
): 1 | 2 | 4 {
  const element = elementBytes(base);
  const stores = accesses.filter(({ isStore }) => isStore);
  for (const width of [4, 2] as const) {
    const bytes = width * element;
    if (!isWhole(buffer, bytes, symbols)) continue;
    const storesFit = stores.every((access) => isVector(access, bytes, symbols));
    const wanted =
      stores.length > 0 ||
      accesses.some((access) => isVector(access, bytes, symbols)) ||
      together(accesses, width, element, symbols);
    if (storesFit && wanted) return width;
  }
  return 1;
}

/** Whether a buffer is a whole number of vectors: what is beyond the last one can't be reached. */
function isWhole({ shape, scope }: Buffer, bytes: number, symbols: ReadonlyMap<string, SizeSymbol>): boolean {
  if (scope === "workgroup") return true;
  const [size] = shape;
  if (size === undefined) return false;
  const { modulo, residue } = congruenceOf(size, symbols);
  return modulo % bytes === 0 && residue % bytes === 0;
}

/** Whether an access is of whole vectors of these bytes. */
function isVector({ scalar, address }: Access, bytes: number, symbols: ReadonlyMap<string, SizeSymbol>): boolean {
  const size = bytesOf(scalar);
  return (
    address.lanes.length * size >= bytes &&
    (address.lanes.length * size) % bytes === 0 &&
    inRow(address.lanes, size) &&
    isAligned(address, bytes, symbols)
  );
}

/** Whether loads of one statement list read most elements of a vector: at least 3 of 4, or 2 of 2. */
function together(
  accesses: readonly Access[],
  width: number,
  element: number,
  symbols: ReadonlyMap<string, SizeSymbol>,
): boolean {
  const bytes = width * element;
  const parts = new Map<string, Set<number>>();
  for (const { address, isStore, list } of accesses) {
    if (isStore) continue;
    const at = residueOf(address.base, bytes, symbols);
    if (at === undefined) continue;
    const terms = [...address.base.terms].map(([atom, factor]) => `${atom.id}*${factor}`).sort();
    for (const lane of address.lanes) {
      const start = address.base.constant - at;
      const place = at + lane;
      const key = `${list} ${terms.join()} ${start + Math.floor(place / bytes) * bytes}`;
      const found = parts.get(key) ?? new Set();
      parts.set(key, found.add(Math.floor((((place % bytes) + bytes) % bytes) / element)));
    }
  }
  return [...parts.values()].some(({ size }) => size > width / 2);
}
