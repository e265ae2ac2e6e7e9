/**
 * scalarize: register buffers become registers.
 *
 *     acc: f32[2, 4]    acc[1, <4:1>] = madd_f32(a, b, acc[1, <4:1>])   ->   acc.0, acc.1: f32<4>    acc.1[] = madd_f32(a, b, acc.1[])
 *     t: f32[4]         t[<4:1>] = a; y[i] = t[2]                        ->   t.0: f32[4]              t.0[<4:1>] = a; y[i] = t.0[2]
 *
 * Elements that are always read and written together, in one order of lanes, become one register of that lane shape (rank 0); an
 * element used alone, a scalar. Where single lanes of such a vector are used as well (second form), its register stays a buffer whose
 * shape is the lane shape, indexed by all its lanes or by constants. Every index must be constant after `unroll`.
 */
import type { Affine } from "../affine.ts";
import { constant, load, op, select, store, when } from "../build.ts";
import { check, IrError } from "../errors.ts";
import type { Buffer, Expr, Kernel, Load, Stmt, Store } from "../nodes.ts";
import { eachNode, eachStmt, exprsOf, mapExprs, mapStmts, rewriter, variablesOf, withBody } from "../visit.ts";
import { elementIndex } from "./linear.ts";
import { type Namer, namerOf } from "./names.ts";
import { laneRegister, lanesOf, wholeIndex } from "./pieces.ts";

/** Elements that are used together: `first + sum of strides[i] * lane_i`. */
interface Group {
  readonly first: number;
  readonly sizes: readonly number[];
  readonly strides: readonly number[];
}

/** What stands for a group: the register, with the lane of a single element where the register holds more. */
interface Home {
  readonly register: Buffer;
  readonly lane: readonly number[] | undefined;
}

export function scalarize(kernel: Kernel): Kernel {
  const arrays = new Map(
    kernel.buffers.filter((b) => b.scope === "register" && b.shape.length > 0).map((b) => [b.name, b]),
  );
  if (arrays.size === 0) return kernel;
  const groups = groupsOf(kernel, arrays);
  const fresh = namerOf(kernel);
  const homes = new Map([...arrays].map(([name, of]) => [name, homesOf(of, groups.get(name) ?? new Map(), fresh)]));
  const homeOf = (name: string, index: readonly Expr[]): Home =>
    homes.get(name)?.get(keyOf(groupOf(arrays.get(name) as Buffer, index, kernel.name))) as Home;
  const rewrite = rewriter((e) =>
    e.kind === "load" && arrays.has(e.buffer) ? loaded(e, homeOf(e.buffer, e.index)) : e,
  );
  const body = mapStmts(
    kernel.body.map((s) => mapExprs(s, rewrite)),
    (s) => (s.kind === "store" && arrays.has(s.buffer) ? stored(s, homeOf(s.buffer, s.index)) : undefined),
  );
  const registers = [...homes.values()].flatMap((of) => [...new Set([...of.values()].map((home) => home.register))]);
  const buffers = kernel.buffers.filter((b) => !arrays.has(b.name));
  return withBody({ ...kernel, buffers: Object.freeze([...buffers, ...registers]) }, body);
}

const keyOf = ({ first, sizes, strides }: Group): string => `${first}:${sizes}:${strides}`;

/** The elements that an access names. Throws an `IrError` where an index is not constant. */
function groupOf(of: Buffer, index: readonly Expr[], kernel: string): Group {
  const form: Affine = elementIndex(of, index);
  for (const atom of form.terms.keys()) {
    const names = [...variablesOf(atom)].join(", ");
    throw new IrError(
      `${kernel}: register buffer ${of.name} is indexed by ${names || "a value"}, which is not constant; unroll the loops or use a workspace`,
    );
  }
  const sizes = form.lanes?.sizes ?? [];
  return { first: form.constant, sizes, strides: form.lanes?.strides ?? [] };
}

/** Every group of elements that the kernel uses, by buffer. */
function groupsOf(kernel: Kernel, arrays: ReadonlyMap<string, Buffer>): Map<string, Map<string, Group>> {
  const all = new Map<string, Map<string, Group>>();
  const see = (name: string, index: readonly Expr[]): void => {
    const of = arrays.get(name);
    if (of === undefined) return;
    const group = groupOf(of, index, kernel.name);
    const groups = all.get(name) ?? new Map<string, Group>();
    all.set(name, groups.set(keyOf(group), group));
  };
  const seen = new Set<Expr>();
  const seeLoads = (e: Expr): void => eachNode(e, (node) => node.kind === "load" && see(node.buffer, node.index), seen);
  eachStmt(kernel.body, (s) => {
    if (s.kind === "store") see(s.buffer, s.index);
    exprsOf(s).forEach(seeLoads);
  });
  return all;
}

/** The register of each group of a buffer. Groups that overlap must be one vector and single elements of it. */
function homesOf(of: Buffer, groups: ReadonlyMap<string, Group>, fresh: Namer): Map<string, Home> {
  const homes = new Map<string, Home>();
  /** The vector that an element belongs to, with its place there. */
  const vectors = new Map<number, { key: string; lane: readonly number[] }>();
  const shared = new Set<string>();
  const ordered = [...groups].sort(([, a], [, b]) => a.first - b.first);
  for (const [key, group] of ordered) {
    if (group.sizes.length === 0) continue;
    for (const lane of lanesOf(group.sizes)) {
      const element = lane.reduce((sum, at, axis) => sum + at * (group.strides[axis] as number), group.first);
      check(
        !vectors.has(element),
        () =>
          `register buffer ${of.name}: element ${element} is used in two vectors of different lanes (<${group.sizes}:${group.strides}> is one); vectorize its loops alike`,
      );
      vectors.set(element, { key, lane });
    }
  }
  for (const [, { first, sizes }] of ordered) {
    const vector = sizes.length === 0 ? vectors.get(first) : undefined;
    if (vector) shared.add(vector.key);
  }
  const whole = (key: string, { sizes }: Group): Buffer => {
    const known = homes.get(key);
    if (known) return known.register;
    const name = fresh(`${of.name}.${homes.size}`);
    const register = shared.has(key)
      ? laneRegister(name, of.scalar, sizes)
      : Object.freeze({ ...laneRegister(name, of.scalar, []), lanes: sizes });
    homes.set(key, { register, lane: undefined });
    return register;
  };
  for (const [key, group] of ordered) {
    const vector = group.sizes.length === 0 ? vectors.get(group.first) : undefined;
    if (vector === undefined) whole(key, group);
    else homes.set(key, { register: whole(vector.key, groups.get(vector.key) as Group), lane: vector.lane });
  }
  return homes;
}

/** The index in the register that stands for a group. */
const indexIn = ({ register, lane }: Home, sizes: readonly number[]): readonly Expr[] =>
  register.shape.length === 0 ? [] : lane ? lane.map((at) => constant(at)) : wholeIndex(sizes);

function loaded(e: Load, home: Home): Expr {
  const value = load(home.register, indexIn(home, e.type.lanes));
  return e.mask ? select(e.mask, value, constant(0, value.type)) : value;
}

function stored(s: Store, home: Home): readonly Stmt[] {
  const { register } = home;
  const sizes = register.shape.length > 0 ? register.shape.map((size) => (size as { value: number }).value) : [];
  const index = indexIn(home, sizes);
  if (s.mask === undefined) return [store(register.name, index, s.value)];
  if (s.mask.type.lanes.length === 0) return [when(s.mask, [store(register.name, index, s.value)])];
  return [store(register.name, index, op("select", s.mask, s.value, load(register, index)))];
}
