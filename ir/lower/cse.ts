/**
 * cse: what is computed twice is computed once; what a loop does not change is computed before it.
 *
 *     for k<K { y[&y + 4*k] = f(x[&x + 4*m]) + z[&z + 4*k] * z[&z + 4*k] }
 *  ->
 *     let t = f(x[&x + 4*m]); for k<K { let z.1 = z[&z + 4*k]; y[&y + 4*k] = t + z.1 * z.1 }
 *
 * A shared value stands where it is first used, or before the outermost loop that leaves it as it is. Nothing leaves an `if`, or the program of an
 * invocation; a load (or a division by a variable) leaves a loop only if the loop surely runs. What reads a buffer that the kernel writes is
 * shared only until the next write or barrier, and leaves a loop in which there is none. Of an address, the constant and the lanes stay in the index: they cost nothing
 * in an access. The sum over a subgroup stays as it is.
 */
import { bind, loop, store, variable, when } from "../build.ts";
import { localDimension, workgroupDimension } from "../grid.ts";
import { factsOf, rangeOf } from "../interval.ts";
import type { Expr, Kernel, Let, Stmt } from "../nodes.ts";
import { mapExprs, operands, substituter, withBody, withOperands } from "../visit.ts";
import { hasBarrier, writtenIn } from "./effects.ts";
import { type Namer, namerOf } from "./names.ts";
import { leadersOf, subgroupSum } from "./subgroups.ts";
import { type Block, type Value, type Values, valuesOf } from "./values.ts";

/** A statement with its values: of a for or if its head, then its body; of a store index, value and mask; of a let its value. */
interface Planned {
  readonly s: Stmt;
  readonly values: readonly (Value | undefined)[];
  readonly block: Block;
  readonly body: readonly Planned[];
}

interface Context {
  readonly values: Values;
  readonly surelyRuns: (extent: Expr) => boolean;
  readonly bytes: ReadonlySet<string>;
  /** The buffers that the kernel writes: after a barrier they may hold anything. */
  readonly written: ReadonlySet<string>;
  readonly isSubgroupSum: (s: Stmt) => boolean;
}

export function cse(kernel: Kernel): Kernel {
  const facts = factsOf(kernel);
  const names = (of: (b: Kernel["buffers"][number]) => boolean): ReadonlySet<string> =>
    new Set(kernel.buffers.filter(of).map((b) => b.name));
  const bytes = names((b) => b.unit === "byte");
  const registers = names((b) => b.scope === "register");
  const written = writtenIn(kernel.body);
  const leaders = leadersOf(kernel);
  const context: Context = {
    values: valuesOf(facts, written, bytes, registers),
    surelyRuns: (extent) => rangeOf(extent, facts)[0] >= 1,
    bytes,
    written,
    isSubgroupSum: (s) => leaders.size > 0 && subgroupSum(s, leaders) !== undefined,
  };
  const root: Block = { parent: undefined, depth: 0, inside: "kernel", changes: written, out: [] };
  write(planBody(kernel.body, root, context), writerOf(namerOf(kernel)));
  return withBody(kernel, root.out);
}

// ---------------------------------------------------------------------------------------------------------- analysis

function planBody(body: readonly Stmt[], block: Block, context: Context): Planned[] {
  const { values, bytes } = context;
  return body.map((s): Planned => {
    switch (s.kind) {
      case "for": {
        const isParallel = localDimension(s.loopKind) !== undefined || workgroupDimension(s.loopKind) !== undefined;
        const head = isParallel ? undefined : values.of(s.extent, block);
        const changed = hasBarrier(s.body) ? context.written : writtenIn(s.body);
        for (const name of changed) values.write(name);
        const runs = context.surelyRuns(s.extent) ? "loop" : "loop that may not run";
        const inside = isParallel ? "invocation" : runs;
        const inner: Block = { parent: block, depth: block.depth + 1, inside, changes: changed, out: [] };
        values.bind(s.loop, inner);
        const planned = planBody(s.body, inner, context);
        for (const name of changed) values.write(name);
        return { s, values: [head], block: inner, body: planned };
      }
      case "if": {
        const head = values.of(s.cond, block);
        const changes = writtenIn(s.body);
        const inner: Block = { parent: block, depth: block.depth + 1, inside: "if", changes, out: [] };
        const planned = planBody(s.body, inner, context);
        for (const name of changes) values.write(name);
        return { s, values: [head], block: inner, body: planned };
      }
      case "let": {
        const value = values.of(s.value, block);
        values.bind(s.name, value?.home ?? block);
        return { s, values: [value], block, body: [] };
      }
      case "store":
      case "reduce": {
        if (context.isSubgroupSum(s)) {
          values.write(s.buffer);
          return { s, values: [], block, body: [] };
        }
        const index = s.index.map((e) => (bytes.has(s.buffer) ? values.ofAddress(e, block) : values.of(e, block)));
        const rest = s.mask ? [s.value, s.mask] : [s.value];
        const all = [...index, ...rest.map((e) => values.of(e, block))];
        values.write(s.buffer);
        return { s, values: all, block, body: [] };
      }
      default:
        // A barrier.
        for (const name of context.written) values.write(name);
        return { s, values: [], block, body: [] };
    }
  });
}

// ----------------------------------------------------------------------------------------------------------- writing

interface Writer {
  /** The expression, or the name that holds it. */
  readonly use: (e: Expr, value: Value | undefined) => Expr;
  /** Writes a let, unless its value has a name already. */
  readonly bind: (s: Let, value: Value | undefined, block: Block) => void;
  /** The statement as it is, but for the names of lets that are gone. */
  readonly keep: (s: Stmt) => Stmt;
}

function writerOf(fresh: Namer): Writer {
  const aliases = new Map<string, Expr>();
  const leaf = (e: Expr): Expr => (e.kind === "var" ? (aliases.get(e.name) ?? e) : e);
  const build = ({ expr, parts }: Value): Expr =>
    withOperands(
      expr,
      operands(expr).map((arg, i) => use(arg, parts[i])),
    );
  const name = (value: Value, wish: string): Expr => {
    const expr = build(value);
    value.name = variable(wish, expr.type);
    value.home.out.push(bind(wish, expr));
    return value.name;
  };
  const use = (e: Expr, value: Value | undefined): Expr => {
    if (value === undefined) return leaf(e);
    if (value.name !== undefined) return value.name;
    if (value.free || (value.uses < 2 && !value.moved)) return build(value);
    return name(value, fresh(value.expr.kind === "load" ? value.expr.buffer : "t"));
  };
  return {
    use,
    keep: (s) => mapExprs(s, substituter(aliases)),
    bind: (s, value, block) => {
      if (value !== undefined && value.name === undefined) name(value, s.name);
      else if (value?.name !== undefined) aliases.set(s.name, value.name);
      else if (s.value.kind === "load") block.out.push(s);
      else aliases.set(s.name, leaf(s.value));
    },
  };
}

/** Writes the statements to the blocks of the plan. */
function write(plan: readonly Planned[], writer: Writer): void {
  for (const { s, values, block, body } of plan) {
    switch (s.kind) {
      case "for": {
        const extent = writer.use(s.extent, values[0]);
        write(body, writer);
        block.parent?.out.push(loop(s.loop, extent, block.out, s.loopKind));
        break;
      }
      case "if": {
        const condition = writer.use(s.cond, values[0]);
        write(body, writer);
        block.parent?.out.push(when(condition, block.out));
        break;
      }
      case "let":
        writer.bind(s, values[0], block);
        break;
      case "store": {
        if (values.length === 0) {
          block.out.push(writer.keep(s));
          break;
        }
        const index = s.index.map((e, i) => writer.use(e, values[i]));
        const value = writer.use(s.value, values[index.length]);
        block.out.push(store(s.buffer, index, value, s.mask && writer.use(s.mask, values[index.length + 1])));
        break;
      }
      default:
        block.out.push(s);
    }
  }
}
