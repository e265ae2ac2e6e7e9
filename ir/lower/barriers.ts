/**
 * barriers: what one invocation writes, others see.
 *
 *     for k < 8                                   ->   for k < 8
 *       for i < 64 local.x { s[i] = x[64*k + i] }        barrier
 *       for j < 64 local.x { y[j] = .. s[63 - j] }       for i < 64 local.x { s[i] = x[64*k + i] }
 *                                                        barrier
 *                                                        for j < 64 local.x { y[j] = .. s[63 - j] }
 *
 * A barrier stands at the workgroup level between any two accesses to the same memory, one of them a write, that different invocations may make; also
 * around the back edge of a loop (the first one above). There is none where the invocations are proven to be the same or the elements different
 * (`conflicts.ts`). Barriers are placed where the first conflict asks for them, as far out as it lies, and those that others then make
 * needless are taken away, the innermost first.
 */
import { barrier, loop, sub, variable, when } from "../build.ts";
import { gridOf, nestAt } from "../grid.ts";
import { rangeOf } from "../interval.ts";
import type { Expr, For, Kernel, Stmt } from "../nodes.ts";
import { withBody } from "../visit.ts";
import { type Accesses, accessesOf } from "./accesses.ts";
import { type Access, type Conflicts, conflictsOf, elsewhere } from "./conflicts.ts";

/** A statement of the workgroup level: a loop or `if` with those inside, or one with accesses of its own (a nest, a store, a let). */
interface Place {
  readonly s: Stmt;
  readonly parent: Place | undefined;
  readonly inside: Place[];
  readonly accesses: readonly Access[];
  /** Whether a barrier was placed before it. */
  barrier: boolean;
}

export function barriers(kernel: Kernel): Kernel {
  const grid = gridOf(kernel);
  const conflicts = conflictsOf(kernel);
  const places = placesOf(grid.body, undefined, accessesOf(kernel, grid, conflicts));
  const flow = flowOf(conflicts);
  for (let found = flow(places); found !== undefined; found = flow(places)) found.barrier = true;
  const placed = allOf(places).filter((place) => place.barrier);
  for (const place of placed.sort((a, b) => depthOf(b) - depthOf(a))) {
    place.barrier = false;
    if (flow(places) !== undefined) place.barrier = true;
  }
  if (!placed.some((place) => place.barrier)) return kernel;
  const body = [...grid.workgroups.values()]
    .reverse()
    .reduce<Stmt[]>((inner, s) => [loop(s.loop, s.extent, inner, s.loopKind)], write(places));
  return withBody(kernel, body);
}

function placesOf(body: readonly Stmt[], parent: Place | undefined, accesses: Accesses): Place[] {
  return body.map((s) => {
    const nest = nestAt(s);
    const own = nest ? accesses.ofNest(nest) : accesses.ofStatement(s);
    const place: Place = { s, parent, inside: [], accesses: own, barrier: false };
    if (!nest && (s.kind === "for" || s.kind === "if")) place.inside.push(...placesOf(s.body, place, accesses));
    return place;
  });
}

const allOf = (places: readonly Place[]): Place[] => places.flatMap((place) => [place, ...allOf(place.inside)]);

const depthOf = ({ parent }: Place): number => (parent === undefined ? 0 : 1 + depthOf(parent));

function write(places: readonly Place[]): Stmt[] {
  return places.flatMap(({ s, inside, barrier: before }) => {
    const body = inside.length > 0 ? write(inside) : undefined;
    const same = body === undefined ? s : s.kind === "for" ? loop(s.loop, s.extent, body, s.loopKind) : rewhen(s, body);
    return before ? [barrier, same] : [same];
  });
}

const rewhen = (s: Stmt, body: readonly Stmt[]): Stmt => (s.kind === "if" ? when(s.cond, body) : s);

/**
 * Where a barrier between two accesses belongs: before the outermost statement that holds the later one and that is run after the earlier one
 * each time both are; around the back edge of a loop, in its body.
 */
function placeBetween({ place: from, moved }: Pending, later: Place): Place {
  const holds = (outer: Place | undefined): boolean => outer === undefined || allOf(outer.inside).includes(from);
  const chain: Place[] = [];
  for (let at: Place | undefined = later; at !== undefined; at = at.parent) chain.unshift(at);
  const around = [undefined, ...chain.slice(0, -1)];
  const carrying = around.findIndex((at) => at?.s.kind === "for" && moved.has(at.s.loop) && holds(at));
  return chain[carrying >= 0 ? carrying : around.findLastIndex(holds)] as Place;
}

// --------------------------------------------------------------------------------------------------------------- flow

/** An access since which there was no barrier, with the values that variables of loops had then where they are not what they are now. */
interface Pending {
  readonly access: Access;
  readonly place: Place;
  readonly moved: ReadonlyMap<string, Expr>;
}

type Pendings = ReadonlyMap<string, Pending>;

/** Runs over the statements in every order that they can be executed in: gives the place before which a barrier is missing. */
function flowOf({ between, facts }: Conflicts): (places: readonly Place[]) => Place | undefined {
  const names = new Map<Access, number>();
  const known = new Map<string, boolean>();
  const numberOf = (access: Access): number => {
    const number = names.get(access) ?? names.size;
    names.set(access, number);
    return number;
  };
  const keyOf = ({ access, moved }: Pending): string =>
    [numberOf(access), ...[...moved].map(([name, value]) => `${name}=${value.id}`).sort()].join();
  const conflict = (earlier: Pending, later: Access): boolean => {
    const key = `${keyOf(earlier)}:${numberOf(later)}`;
    const before = known.get(key);
    if (before !== undefined) return before;
    const result = between(earlier.access, earlier.moved, later);
    known.set(key, result);
    return result;
  };
  /** The accesses with the variable of a loop set to another value: the one before, or after the loop any. */
  const moving = (pending: Pendings, s: For, inside: readonly Place[], back: boolean): Pendings => {
    const within = new Set(allOf(inside));
    return keyed(
      [...pending.values()].map((entry) => {
        if (!within.has(entry.place)) return entry;
        const isNext = back && !entry.moved.has(s.loop);
        const value = isNext ? sub(variable(s.loop), 1) : elsewhere(s.loop);
        return { ...entry, moved: new Map(entry.moved).set(s.loop, value) };
      }),
    );
  };
  const keyed = (entries: readonly Pending[]): Pendings => new Map(entries.map((entry) => [keyOf(entry), entry]));

  let missing: Place | undefined;
  const flow = (places: readonly Place[], before: Pendings): Pendings => {
    let pending = before;
    for (const place of places) {
      if (place.barrier || place.s.kind === "barrier") pending = new Map();
      for (const later of place.accesses) {
        const earlier = [...pending.values()].find((entry) => conflict(entry, later));
        if (earlier === undefined) continue;
        missing = placeBetween(earlier, place);
        return pending;
      }
      pending = new Map([...pending, ...keyed(place.accesses.map((access) => ({ access, place, moved: new Map() })))]);
      pending = flowInside(place, pending);
      if (missing !== undefined) return pending;
    }
    return pending;
  };
  const flowInside = (place: Place, before: Pendings): Pendings => {
    const { s, inside } = place;
    if (s.kind === "if" && inside.length > 0) return new Map([...before, ...flow(inside, before)]);
    if (s.kind !== "for" || inside.length === 0) return before;
    let start = before;
    for (;;) {
      const end = flow(inside, start);
      if (missing !== undefined) return end;
      const next = new Map([...start, ...moving(end, s, inside, true)]);
      if (next.size > start.size) {
        start = next;
        continue;
      }
      const after = moving(end, s, inside, false);
      return rangeOf(s.extent, facts)[0] >= 1 ? after : new Map([...before, ...after]);
    }
  };
  return (places) => {
    missing = undefined;
    flow(places, new Map());
    return missing;
  };
}
