/**
 * Random kernels in grid form, with data to run them on: local nests over one or two dimensions that read and write workgroup memory, registers that live
 * across them, code outside of nests, loops and conditions around them all, sums over subgroups. Every kernel is right by construction: iterations of
 * a nest never touch each other's elements. A kernel grows out of a tape of decisions, so that it shrinks towards the plainest one.
 */
import fc from "fast-check";
import {
  type Buffer,
  b,
  type Expr,
  type LoopKind,
  printKernel,
  type Stmt,
  type Tensor,
  tensor,
} from "../../../../ir/index.ts";
import type { Sample } from "../../arbitrary.ts";
import { randomOf } from "../../samples.ts";

const { add, load, loop, mod, mul, reduce, store, sub, variable: v } = b;

export function arbitraryGrid(): fc.Arbitrary<Sample> {
  const tape = fc.array(fc.nat(2 ** 20), { minLength: 100, maxLength: 100 });
  return tape.map((decisions) => {
    const sample = grow(decisions);
    return { ...sample, [fc.toStringMethod]: () => `${JSON.stringify(sample.symbols)}\n${printKernel(sample.kernel)}` };
  });
}

/** A nest while it grows: the number of its invocation, and how many there are. */
interface Nest {
  readonly at: Expr;
  readonly count: number;
  /** The index of a register that has an axis per dimension. */
  readonly own: readonly Expr[];
  readonly wrap: (body: readonly Stmt[]) => Stmt;
}

interface Growth {
  readonly pick: (n: number) => number;
  readonly chance: (outOf: number) => boolean;
  readonly fresh: (wish: string) => string;
  readonly shape: readonly [x: number, y: number];
  readonly buffers: Buffer[];
  /** Workgroup memory: `s` of one element per invocation and number, `d` of two. */
  readonly s: readonly Buffer[];
  readonly d: Buffer;
  /** Registers of each invocation, and one that is the same for all. */
  readonly r: readonly Buffer[];
  readonly u: Buffer;
  readonly x: Buffer;
  readonly z: Buffer;
  readonly group: Expr;
  /** Variables of the serial loops around. */
  readonly loops: readonly string[];
}

const kinds: readonly LoopKind[] = ["local.x", "local.y"];

function grow(decisions: readonly number[]): Sample {
  let at = 0;
  const pick = (n: number): number => (decisions[at++] ?? 0) % n;
  const chance = (outOf: number): boolean => pick(outOf) === outOf - 1;
  const names = new Map<string, number>();
  const fresh = (wish: string): string => {
    const number = (names.get(wish) ?? 0) + 1;
    names.set(wish, number);
    return `${wish}${number}`;
  };
  const shape = (
    [
      [4, 1],
      [8, 1],
      [4, 2],
      [2, 3],
    ] as const
  )[pick(4)] as readonly [number, number];
  const count = shape[0] * shape[1];
  const axes = shape[1] > 1 ? [shape[1], shape[0]] : [shape[0]];
  const groups = pick(2) + 1;
  const x = b.buffer("x", "i32", [groups, count], { role: "input" });
  const z = b.buffer("z", "i32", [groups, count], { role: "workspace" });
  const y = b.buffer("y", "i32", [groups, count], { role: "output" });
  const s = [0, 1].map((i) => b.buffer(`s${i}`, "i32", [count], { scope: "workgroup" }));
  const d = b.buffer("d", "i32", [2, count], { scope: "workgroup" });
  const r = [0, 1].map((i) => b.buffer(`r${i}`, "i32", axes, { scope: "register" }));
  const u = b.buffer("u", "i32", [], { scope: "register" });
  const buffers = [x, z, y, ...s, d, ...r, u];
  const g: Growth = { pick, chance, fresh, shape, buffers, s, d, r, u, x, z, group: v("n"), loops: [] };
  const symbolic = chance(2);
  const body = [...beginning(g), ...items(g, pick(5) + 1, 0, symbolic), ending(g, y)];
  const symbols = symbolic ? [b.symbol("M", { max: 3 })] : [];
  const kernel = b.kernel("random", "main", { symbols, buffers, body: [loop("n", groups, body, "workgroup.x")] });
  const random = randomOf(pick(1000));
  const data = Array.from({ length: groups * count }, () => Math.floor(random() * 19) - 9);
  const inputs = new Map<string, Tensor>([["x", tensor("i32", [groups, count], data)]]);
  return { kernel, symbols: symbolic ? { M: pick(4) } : {}, inputs };
}

/** A nest over the whole workgroup, or over a part of it. */
function nest(g: Growth, whole: boolean): Nest {
  const small = !whole && g.chance(3);
  const [wide, high] = small ? [g.pick(g.shape[0]) + 1, g.pick(g.shape[1]) + 1] : g.shape;
  const [i, j] = [v(g.fresh("i")), v(g.fresh("j"))];
  const flat = g.shape[1] === 1;
  const at = flat ? i : add(i, mul(j, g.shape[0]));
  const inner = (body: readonly Stmt[]): Stmt => loop((i as { name: string }).name, wide, body, kinds[0]);
  return {
    at,
    // Numbers of a part of the workgroup are not without gaps.
    count: g.shape[0] * g.shape[1],
    own: flat ? [i] : [j, i],
    wrap: (body) => (flat ? inner(body) : loop((j as { name: string }).name, high, [inner(body)], kinds[1])),
  };
}

/** Everything that may be read is written once. */
function beginning(g: Growth): Stmt[] {
  const stmts = [...g.s, ...g.r, g.z].map((of, i) => {
    const { at, own, wrap } = nest(g, true);
    const value = add(load(g.x, [g.group, at]), i);
    const index = of.scope === "register" ? own : of === g.z ? [g.group, at] : [at];
    return wrap([store(of.name, index, value)]);
  });
  const { at, wrap } = nest(g, true);
  const both = v(g.fresh("h"));
  return [
    ...stmts,
    wrap([loop((both as { name: string }).name, 2, [store("d", [both, at], mul(at, 3))])]),
    store("u", [], b.constant(1)),
  ];
}

/** The output depends on all memory and registers. */
function ending(g: Growth, y: Buffer): Stmt {
  const { at, own, wrap, count } = nest(g, true);
  const other = sub(count - 1, at);
  const terms = [
    ...g.s.map((of) => load(of, [at])),
    ...g.r.map((of) => load(of, own)),
    load(g.d, [0, other]),
    load(g.d, [1, at]),
    load(g.z, [g.group, other]),
    load(g.u, []),
  ];
  const sum = terms.reduce<Expr>((total, term) => add(mul(total, 3), term), b.constant(0));
  return wrap([store(y.name, [g.group, at], sum)]);
}

function items(g: Growth, count: number, depth: number, symbolic: boolean): Stmt[] {
  return Array.from({ length: count }, () => item(g, depth, symbolic)).flat();
}

function item(g: Growth, depth: number, symbolic: boolean): Stmt[] {
  const all: (() => Stmt[])[] = [
    () => [write(g)],
    () => [write(g)],
    () => [accumulate(g)],
    () => [turn(g)],
    () => outside(g),
    () => [tree(g)],
    () => sums(g),
    () => overSubgroups(g),
    () => [write(g)],
    () => (depth < 2 ? [around(g, depth, symbolic)] : [write(g)]),
    () => (depth < 2 ? [around(g, depth, symbolic)] : [accumulate(g)]),
  ];
  return (all[g.pick(all.length)] as () => Stmt[])();
}

/** A loop, or now and then an `if`, around more. */
function around(g: Growth, depth: number, symbolic: boolean): Stmt {
  const outer = g.loops.at(-1);
  if (g.chance(4) && (outer !== undefined || symbolic)) {
    const cond = outer === undefined ? b.lt(v("M"), 2) : b.lt(v(outer), g.pick(2) + 1);
    return b.when(cond, items(g, g.pick(2) + 1, depth + 1, symbolic));
  }
  const name = g.fresh("k");
  const extent = symbolic && g.chance(3) ? v("M") : b.toExpr(g.pick(3) + 1);
  return loop(name, extent, items({ ...g, loops: [...g.loops, name] }, g.pick(3) + 1, depth + 1, symbolic));
}

const counter = (g: Growth): Expr => (g.loops.length > 0 ? v(g.loops[g.pick(g.loops.length)] as string) : b.toExpr(1));

/** An element for each invocation, no two alike. */
function injective(g: Growth, { at, count }: Nest): Expr {
  const all = [() => at, () => sub(count - 1, at), () => mod(add(at, counter(g)), count), () => mod(add(at, 3), count)];
  return (all[g.pick(4)] as () => Expr)();
}

/** Any element. */
function anywhere(g: Growth, { at, count }: Nest): Expr {
  const all = [
    () => sub(count - 1, at),
    () => mod(add(at, counter(g)), count),
    () => mod(mul(at, 3), count),
    () => at,
    () => b.toExpr(g.pick(count)),
    () => b.floordiv(at, 2),
  ];
  return (all[g.pick(6)] as () => Expr)();
}

/** A value from memory other than `but`, or from registers. */
function value(g: Growth, n: Nest, but?: Buffer): Expr {
  const from = g.s.filter((of) => of !== but);
  const all = [
    () => load(from[g.pick(from.length)] as Buffer, [anywhere(g, n)]),
    () => load(g.r[g.pick(2)] as Buffer, n.own),
    () => load(g.x, [g.group, anywhere(g, n)]),
    () => load(g.u, []),
    () => (but === g.d ? load(g.x, [g.group, n.at]) : load(g.d, [mod(counter(g), 2), anywhere(g, n)])),
    () => (but === g.z ? counter(g) : load(g.z, [g.group, anywhere(g, n)])),
  ];
  return (all[g.pick(6)] as () => Expr)();
}

/** Every invocation writes an element: of workgroup memory, a register, the workspace. */
function write(g: Growth): Stmt {
  const n = nest(g, false);
  const shared = g.pick(5);
  if (shared === 3) return n.wrap([store((g.r[0] as Buffer).name, n.own, add(value(g, n), 1))]);
  if (shared === 4) return n.wrap([store("z", [g.group, injective(g, n)], value(g, n, g.z))]);
  if (shared === 2) return n.wrap([store("d", [mod(counter(g), 2), injective(g, n)], value(g, n, g.d))]);
  const to = g.s[shared] as Buffer;
  const index = injective(g, n);
  const from = g.chance(3) ? add(load(to, [index]), 1) : value(g, n, to);
  if (g.chance(4)) return n.wrap([b.when(b.lt(n.at, g.pick(4)), [store(to.name, [index], from)])]);
  return n.wrap([store(to.name, [index], from)]);
}

/** A register gathers. */
function accumulate(g: Growth): Stmt {
  const n = nest(g, false);
  const to = g.r[g.pick(2)] as Buffer;
  const name = g.fresh("t");
  const from = g.s[g.pick(2)] as Buffer;
  const index = mod(add(v(name), n.at), n.count);
  return n.wrap([loop(name, g.pick(3) + 1, [reduce(to.name, n.own, mul(load(from, [index]), v(name)), [])])]);
}

/** One half of a buffer from the other. */
function turn(g: Growth): Stmt {
  const n = nest(g, false);
  const k = counter(g);
  return n.wrap([
    store(
      "d",
      [mod(add(k, 1), 2), injective(g, n)],
      add(load(g.d, [mod(k, 2), anywhere(g, n)]), load(g.r[1] as Buffer, n.own)),
    ),
  ]);
}

/** What all invocations compute, or the first one stores. */
function outside(g: Growth): Stmt[] {
  const count = g.shape[0] * g.shape[1];
  const of = g.s[g.pick(2)] as Buffer;
  const element = (): Expr => load(of, [g.pick(count)]);
  if (g.chance(3)) return [store("u", [], add(element(), load(g.u, [])))];
  if (g.chance(2)) {
    const name = g.fresh("l");
    return [b.bind(name, element()), store(of.name, [g.pick(count)], add(v(name), counter(g)))];
  }
  return [store(of.name, [g.pick(count)], add(element(), load(g.u, []))), store(of.name, [g.pick(count)], element())];
}

/** Half of the invocations add what the other half has. */
function tree(g: Growth): Stmt {
  const of = g.s[g.pick(2)] as Buffer;
  const half = Math.max(1, (g.shape[0] >> 1) - g.pick(2));
  const name = g.fresh("i");
  const at = v(name);
  return loop(name, half, [store(of.name, [at], add(load(of, [at]), load(of, [add(at, half)])))], "local.x");
}

/** A sum with its beginning, over a loop of its own around a nest. */
function sums(g: Growth): Stmt[] {
  const [ko, ki] = [g.fresh("k"), g.fresh("t")];
  const n = nest(g, true);
  const sum = b.buffer(g.fresh("sum"), "i32", (g.r[0] as Buffer).shape, { scope: "register" });
  g.buffers.push(sum);
  const from = g.s[g.pick(2)] as Buffer;
  const index = mod(add(mul(v(ko), 2), add(v(ki), n.at)), n.count);
  const gather = n.wrap([loop(ki, 2, [reduce(sum.name, n.own, load(from, [index]), [ko, ki])])]);
  const between = g.chance(2) ? [write({ ...g, loops: [...g.loops, ko] })] : [];
  const after = nest(g, true);
  return [
    loop(ko, g.pick(3) + 1, [...between, gather]),
    after.wrap([store((g.r[1] as Buffer).name, after.own, load(sum, after.own))]),
  ];
}

/** The sum of a value over all invocations, subgroup by subgroup. */
function overSubgroups(g: Growth): Stmt[] {
  const count = g.shape[0] * g.shape[1];
  const leader =
    g.buffers.find(({ role }) => role === "subgroup") ?? b.buffer("leader", "i32", [count], { role: "subgroup" });
  const slot = b.buffer(g.fresh("slot"), "i32", [count], { scope: "workgroup" });
  g.buffers.push(slot, ...(g.buffers.includes(leader) ? [] : [leader]));
  const [zero, own, last] = [nest(g, true), nest(g, true), nest(g, true)];
  const t = g.fresh("t");
  const adding = own.wrap([reduce(slot.name, [load(leader, [own.at])], value(g, own), [])]);
  const repeated = g.chance(3) ? [loop(g.fresh("k"), 2, [adding])] : [adding];
  const total = b.buffer(g.fresh("total"), "i32", [], { scope: "register" });
  g.buffers.push(total);
  return [
    zero.wrap([store(slot.name, [zero.at], b.constant(0))]),
    ...repeated,
    g.chance(2)
      ? loop(t, count, [reduce("u", [], load(slot, [v(t)]), [])])
      : last.wrap([
          loop(t, count, [reduce(total.name, [], load(slot, [v(t)]), [t])]),
          store((g.r[0] as Buffer).name, last.own, load(total, [])),
        ]),
  ];
}
