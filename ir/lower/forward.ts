/**
 * forward: a register's value goes straight to the loads that follow its store in the same block.
 *
 *     d[] = 0; d[] = d[] + a; d[] = d[] + b; y[i] = d[]   ->   let d.1 = 0 + a; let d.2 = d.1 + b; y[i] = d.2
 *     s[] = 0; for k<K { s[] = s[] + x[k]; s[] = s[] * 2 }   ->   s[] = 0; for k<K { let s.1 = s[] + x[k]; s[] = s.1 * 2 }
 *
 * A store becomes a `let` (or, of a constant or a name, nothing at all) where another one to the same register follows before anything
 * could see the difference. What remains is what one iteration hands to the next: the last store of a block, for registers that some
 * block loads before it stores them. Lanes of vectors that are used alone (see `scalarize`) are left as they are.
 */
import { bind, constant, loop, store, variable, when } from "../build.ts";
import type { Expr, Kernel, Load, Stmt, Store } from "../nodes.ts";
import { type Type, typeOf } from "../types.ts";
import { eachNode, eachStmt, exprsOf, mapExprs, mapOperands, withBody } from "../visit.ts";
import { readerOf, readIn, writtenIn } from "./effects.ts";
import { type Namer, namerOf } from "./names.ts";

interface Context {
  /** The type of each register that takes part. */
  readonly types: ReadonlyMap<string, Type>;
  /** Registers that some block loads before it stores them: their last value in a block must be in the register. */
  readonly exposed: ReadonlySet<string>;
  /** The registers that an expression loads. */
  readonly readers: (e: Expr) => readonly string[];
  readonly fresh: Namer;
  readonly known: Known;
}

export function forward(kernel: Kernel): Kernel {
  const types = registersOf(kernel);
  if (types.size === 0) return kernel;
  const readers = readerOf(types);
  const exposed = new Set<string>();
  expose(kernel.body, new Set(), { types, readers, exposed });
  const known = knownValues(readers);
  const body = forwardBody(kernel.body, { types, exposed, readers, fresh: namerOf(kernel), known });
  const loaded = readIn(body, readers);
  const buffers = kernel.buffers.filter((b) => !types.has(b.name) || loaded.has(b.name));
  return withBody({ ...kernel, buffers: Object.freeze(buffers) }, body);
}

/** Registers whose stores all give the whole value (not a scalar to be repeated in every lane, nor under a mask), with their types. */
function registersOf(kernel: Kernel): Map<string, Type> {
  const types = new Map(
    kernel.buffers
      .filter((b) => b.scope === "register" && b.shape.length === 0)
      .map((b) => [b.name, typeOf(b.scalar, b.lanes)]),
  );
  const isLoadMasked = (e: Expr): boolean => e.kind === "load" && e.mask !== undefined;
  eachStmt(kernel.body, (s) => {
    for (const root of exprsOf(s)) eachNode(root, (e) => isLoadMasked(e) && types.delete((e as Load).buffer));
    if (s.kind !== "store") return;
    const isWhole = s.mask === undefined && (s.value.kind === "const" || s.value.type === types.get(s.buffer));
    if (!isWhole) types.delete(s.buffer);
  });
  return types;
}

// ---------------------------------------------------------------------------------------------------------- analysis

/** Adds the registers that are loaded where no store before in the same or an enclosing block gives their value. */
function expose(
  body: readonly Stmt[],
  defined: ReadonlySet<string>,
  to: Pick<Context, "types" | "readers"> & { readonly exposed: Set<string> },
): void {
  const here = new Set(defined);
  for (const s of body) {
    for (const e of exprsOf(s)) for (const name of to.readers(e)) if (!here.has(name)) to.exposed.add(name);
    if (s.kind === "store" && to.types.has(s.buffer)) here.add(s.buffer);
    if (s.kind !== "for" && s.kind !== "if") continue;
    const written = writtenIn(s.body);
    expose(s.body, s.kind === "for" ? here.difference(written) : here, to);
    for (const name of written) here.delete(name);
  }
}

/** Which stores of a block must stay: those that a later iteration, block or nested statement may see. */
function lastingStores(body: readonly Stmt[], { types, exposed, readers }: Context): ReadonlySet<Stmt> {
  const lasting = new Set<Stmt>();
  /** Exposed registers that the rest of the block stores before it can be seen. */
  const overwritten = new Set<string>();
  for (const s of [...body].reverse()) {
    if (s.kind === "store" && exposed.has(s.buffer) && types.has(s.buffer)) {
      if (!overwritten.has(s.buffer)) lasting.add(s);
      overwritten.add(s.buffer);
    } else if (s.kind === "for" || s.kind === "if") {
      for (const name of writtenIn(s.body)) overwritten.delete(name);
      for (const name of readIn(s.body, readers)) overwritten.delete(name);
    }
  }
  return lasting;
}

// -------------------------------------------------------------------------------------------------------- forwarding

/** The values that registers are known to have, while walking down a block. */
interface Known {
  readonly set: (register: string, value: Expr | undefined) => void;
  /** The expression with known values in place of loads. */
  readonly apply: (e: Expr) => Expr;
}

function knownValues(readers: (e: Expr) => readonly string[]): Known {
  const values = new Map<string, Expr>();
  const changes = new Map<string, number>();
  const seen = new Map<Expr, { readonly at: number; readonly result: Expr }>();
  let clock = 0;
  const apply = (e: Expr): Expr => {
    const registers = readers(e);
    if (registers.length === 0) return e;
    const before = seen.get(e);
    if (before !== undefined && registers.every((name) => (changes.get(name) ?? 0) <= before.at)) return before.result;
    const direct = e.kind === "load" ? values.get(e.buffer) : undefined;
    const result = direct ?? mapOperands(e, apply);
    seen.set(e, { at: clock, result });
    return result;
  };
  const set = (register: string, value: Expr | undefined): void => {
    if (values.get(register) === value) return;
    if (value === undefined) values.delete(register);
    else values.set(register, value);
    changes.set(register, ++clock);
  };
  return { set, apply };
}

function forwardBody(body: readonly Stmt[], context: Context): Stmt[] {
  const { known, types } = context;
  const lasting = lastingStores(body, context);
  return body.flatMap((s): readonly Stmt[] => {
    switch (s.kind) {
      case "for":
      case "if": {
        const written = writtenIn(s.body);
        const forget = (): void => {
          for (const name of written) known.set(name, undefined);
        };
        const head = known.apply(s.kind === "for" ? s.extent : s.cond);
        if (s.kind === "for") forget();
        const inside = forwardBody(s.body, context);
        forget();
        return [s.kind === "for" ? loop(s.loop, head, inside, s.loopKind) : when(head, inside)];
      }
      case "store":
        return types.has(s.buffer) ? forwardStore(s, lasting.has(s), context) : [mapExprs(s, known.apply)];
      default:
        return [mapExprs(s, known.apply)];
    }
  });
}

function forwardStore(s: Store, lasts: boolean, { known, types, fresh }: Context): Stmt[] {
  const value = known.apply(s.value);
  const type = types.get(s.buffer) as Type;
  if (value.kind === "const") {
    known.set(s.buffer, constant(value.value, type));
    return lasts ? [store(s.buffer, [], value)] : [];
  }
  if (lasts) {
    known.set(s.buffer, undefined);
    return [store(s.buffer, [], value)];
  }
  if (value.kind === "var") {
    known.set(s.buffer, value);
    return [];
  }
  const name = fresh(s.buffer);
  known.set(s.buffer, variable(name, value.type));
  return [bind(name, value)];
}
