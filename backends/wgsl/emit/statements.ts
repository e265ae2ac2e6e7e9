/** Statements of one invocation's program: loops, conditions, lets, stores, barriers. Expressions are in `select.ts`, their sharing in `share.ts`. */
import {
  type Buffer,
  buffersOf,
  eachStmt,
  type For,
  rangeOf,
  type Stmt,
  type Store,
  writes,
} from "../../../ir/index.ts";
import { heldAs } from "../held.ts";
import type { Identifiers } from "../names.ts";
import { splatBytes } from "./casts.ts";
import { type Context, call, fail } from "./context.ts";
import type { Node } from "./nodes.ts";
import { laneIndex, registerPlace, registerText, registerType, writtenLane } from "./registers.ts";
import type { Block, Sharing } from "./share.ts";
import { store } from "./stores.ts";
import { type SubgroupSum, subgroupSum } from "./subgroups.ts";

export interface Writing {
  readonly c: Context;
  readonly sharing: Sharing;
  readonly named: Identifiers;
}

/** Plans a statement list. */
export function planBody(w: Writing, block: Block, body: readonly Stmt[]): void {
  for (const s of body) planStmt(w, block, s);
}

function planStmt(w: Writing, block: Block, s: Stmt): void {
  const { c, sharing } = w;
  switch (s.kind) {
    case "for":
      planFor(w, block, s);
      break;
    case "if": {
      const inner = sharing.open(block, "if");
      sharing.add(block, [c.select(s.cond)], ([cond], lines) => [`if (${cond}) {`, ...lines, "}"], inner);
      planBody(w, inner, s.body);
      break;
    }
    case "let": {
      const value = c.select(s.value);
      c.variables.set(s.name, value);
      // What it reads may change before it is used.
      if (c.varies(s.value)) sharing.hold(block, value);
      break;
    }
    case "store":
      planStore(w, block, s);
      break;
    case "reduce":
      fail(c, `a reduction into ${s.buffer} is left: lower the kernel first`);
      break;
    case "barrier":
      planBarrier(w, block);
      break;
  }
}

/** A buffer changes: what is read from it later is another value. */
/** Invocations meet; what they have written to workgroup memory is seen, and to global memory where the kernel reads that. */
function planBarrier({ c, sharing }: Writing, block: Block): void {
  const shared = [...c.buffers.values()].filter(({ name, scope }) => {
    const view = c.views.get(name);
    return scope === "workgroup" || (scope === "global" && view?.isRead && view.isWritten);
  });
  const calls = shared.some(({ scope }) => scope === "global") ? ["storageBarrier();"] : [];
  sharing.add(block, [], () => [...calls, "workgroupBarrier();"]);
  for (const { name } of shared) touch(c, name, block);
}

function touch(c: Context, buffer: string, { depth }: Block): void {
  c.times.set(buffer, { time: (c.times.get(buffer)?.time ?? 0) + 1, depth });
  c.changing.clear();
}

function planFor(w: Writing, block: Block, s: For): void {
  const { c, sharing, named } = w;
  if (s.loopKind !== "serial" && s.loopKind !== "unroll")
    fail(c, `loop ${s.loop} is of kind ${s.loopKind}, inside the program of one invocation: lower the kernel first`);
  const surelyRuns = rangeOf(s.extent, c.facts)[0] >= 1;
  const extent = c.select(s.extent);
  if (extent.form !== "atom" && extent.form !== "member") sharing.hold(block, extent);
  const changed = changes(c, s.body);
  const inner = sharing.open(block, surelyRuns ? "loop" : "loop that may not run");
  const counter = named(s.loop);
  c.variables.set(s.loop, c.make("atom", counter, [], { depth: inner.depth }));
  sharing.add(
    block,
    [extent],
    ([end], lines) => [`for (var ${counter} = 0; ${counter} < ${end}; ${counter}++) {`, ...lines, "}"],
    inner,
  );
  for (const name of changed) touch(c, name, inner);
  planBody(w, inner, s.body);
  for (const name of changed) touch(c, name, block);
}

/** What a body may change. */
function changes(c: Context, body: readonly Stmt[]): ReadonlySet<string> {
  const names = new Set<string>();
  eachStmt(body, (s) => {
    if (writes(s)) names.add(s.buffer);
    if (s.kind === "barrier")
      for (const { name, scope } of c.buffers.values()) if (scope === "workgroup") names.add(name);
  });
  return names;
}

// ------------------------------------------------------------------------------------------------------------- stores

function planStore(w: Writing, block: Block, s: Store): void {
  const { c, sharing } = w;
  if (s.mask !== undefined) fail(c, `a masked store to ${s.buffer}: lower the kernel first`);
  const buffer = c.buffers.get(s.buffer) ?? fail(c, `buffer ${s.buffer} is not declared`);
  if (buffer.scope === "register") {
    planRegister(w, block, s, buffer);
    return;
  }
  const sum = subgroupSum(c, s);
  if (sum !== undefined) {
    planSum(w, block, s.buffer, sum);
    return;
  }
  const [index] = s.index;
  if (s.value.type.count > 1 && index?.type.count !== s.value.type.count)
    fail(c, `a vector is stored to ${s.buffer} at a scalar index`);
  const value = c.select(s.value);
  const all = store(c, s, value);
  // The value is of before the first of several assignments.
  if (all.length > 1 && buffersOf(s.value).has(s.buffer)) sharing.hold(block, value);
  for (const { target, value: from } of all) {
    if (from === undefined) sharing.add(block, [target], ([text]) => [`${text};`]);
    else sharing.add(block, [target, from], ([text, source]) => [`${text} = ${source};`]);
  }
  touch(c, s.buffer, block);
}

/** All invocations arrive at the sum; the elected one adds it. */
function planSum(w: Writing, block: Block, slot: string, sum: SubgroupSum): void {
  const { c, sharing, named } = w;
  const text = named(`${slot}.sum`);
  const name = `&${text}`;
  sharing.add(block, [c.select(sum.value)], ([value]) => [`let ${text} = ${sum.function}(${value});`]);
  c.variables.set(name, c.make("atom", text, [], { depth: block.depth }));
  const inner = sharing.open(block, "if");
  sharing.add(block, [], (_, lines) => ["if (subgroupElect()) {", ...lines, "}"], inner);
  planStore(w, inner, sum.elected(name));
}

function planRegister(w: Writing, block: Block, s: Store, buffer: Buffer): void {
  const { c, sharing } = w;
  const type = registerType(c, buffer);
  const lane = type.count > 1 ? laneIndex(c, buffer, s.index) : undefined;
  const value = c.select(s.value);
  const assign = (target: Node, from: Node): void =>
    sharing.add(block, [target, from], ([text, source]) => [`${text} = ${source};`]);
  if (lane !== undefined) {
    const { target, value: whole } = writtenLane(c, buffer, lane, value);
    assign(target, whole);
  } else if (type.count > 1 && s.value.type.count === 1) {
    const all = heldAs(type) === "bytes" ? splatBytes(c, s.value) : call(c, registerText(c, buffer), value);
    assign(registerPlace(c, buffer), all);
  } else assign(registerPlace(c, buffer), value);
  touch(c, buffer.name, block);
}

/** The declarations of the registers. */
export function declarations(c: Context): readonly string[] {
  return [...c.buffers.values()]
    .filter(({ scope }) => scope === "register")
    .map((buffer) => `var ${c.names.get(buffer.name)}: ${registerText(c, buffer)};`);
}
