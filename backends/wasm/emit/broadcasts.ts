/**
 * Which scalar lets meet vectors: their value is put into every lane once, where the let stands, not at each use. A let that has no other
 * use is kept as a vector only.
 */
import { type Expr, eachNode, eachStmt, exprsOf, type Kernel, operands } from "../../../ir/index.ts";

/** Uses of a scalar let: by vectors, and as a scalar. */
export interface Uses {
  broadcast: boolean;
  scalar: boolean;
}

const isVector = (e: Expr): boolean => e.type.lanes.length > 0;

/** Whether the operand is broadcast: the counts of shifts and the conditions of selects may stay scalars. */
function broadcasts(e: Expr, operand: number): boolean {
  if (!isVector(e) || (e.kind !== "op" && e.kind !== "call")) return false;
  if (e.kind === "call") return true;
  if (e.op === "select") return operand > 0;
  return (e.op !== "shl" && e.op !== "shr") || operand === 0;
}

/** The indices of all accesses: a scalar and a lane pattern, of which nothing is put into every lane of a vector. */
function addressesOf(kernel: Kernel): ReadonlySet<Expr> {
  const addresses = new Set<Expr>();
  const seen = new Set<Expr>();
  const add = (e: Expr): void => {
    if (e.kind === "load") for (const index of e.index) addresses.add(index);
  };
  eachStmt(kernel.body, (s) => {
    if (s.kind === "store") for (const index of s.index) addresses.add(index);
    for (const e of exprsOf(s)) eachNode(e, add, seen);
  });
  return addresses;
}

/** Uses of the scalar lets of a kernel, by name. */
export function usesOfLets(kernel: Kernel): ReadonlyMap<string, Uses> {
  const uses = new Map<string, Uses>();
  const registers = new Set(
    kernel.buffers.filter((x) => x.scope === "register" && x.lanes.length > 0).map((x) => x.name),
  );
  const see = (e: Expr, isBroadcast: boolean): void => {
    const known = e.kind === "var" ? uses.get(e.name) : undefined;
    if (known === undefined) return;
    if (isBroadcast) known.broadcast = true;
    else known.scalar = true;
  };
  const seen = new Set<Expr>();
  const addresses = addressesOf(kernel);
  const seeOperands = (e: Expr): void => {
    operands(e).forEach((arg, i) => {
      see(arg, broadcasts(e, i) && !addresses.has(e));
    });
  };
  eachStmt(kernel.body, (s) => {
    if (s.kind === "let" && !isVector(s.value)) uses.set(s.name, { broadcast: false, scalar: false });
    const intoVector = s.kind === "store" && (s.index.some(isVector) || registers.has(s.buffer));
    for (const e of exprsOf(s)) {
      see(e, intoVector && s.kind === "store" && e === s.value);
      eachNode(e, seeOperands, seen);
    }
  });
  return uses;
}
