/** Statements as instructions: loops print as do-while with one guard before them, lets and register buffers are locals. */
import {
  type Buffer,
  b,
  buffersOf,
  type Expr,
  type For,
  type If,
  type Let,
  rangeOf,
  type Stmt,
  type Store,
  substituter,
} from "../../../ir/index.ts";
import type { Instr } from "../asm/index.ts";
import { machineOf } from "../ops.ts";
import { maskOf } from "./casts.ts";
import { type Context, fail, type Place } from "./context.ts";
import { apply, integer, type Node, read, type Vec, writeNodes } from "./dag.ts";
import { storeScalar, storeVector } from "./memory.ts";
import { insertLane, laneCount, laneOfAccess, vectorPlace } from "./registers.ts";
import { valueTypeOf } from "./scalar.ts";

/** Appends the instructions of a statement list. */
export function writeBody(c: Context, body: readonly Stmt[], out: Instr[]): void {
  for (const s of body) {
    if (c.scalars.size > 0) c.scalars.clear();
    if (c.vectors.size > 0) c.vectors.clear();
    if (c.splats.size > 0) c.splats.clear();
    writeStmt(c, s, out);
  }
}

function writeStmt(c: Context, s: Stmt, out: Instr[]): void {
  switch (s.kind) {
    case "for":
      writeFor(c, s, out);
      break;
    case "if":
      writeIf(c, s, out);
      break;
    case "let":
      writeLet(c, s, out);
      break;
    case "store":
      writeStore(c, s, out);
      break;
    case "reduce":
      fail(c, `a reduction into ${s.buffer} is left: lower the kernel first`);
      break;
    case "barrier":
      fail(c, "a barrier: Wasm has no workgroups");
  }
}

const write = (c: Context, value: Node, out: Instr[]): void => writeNodes([value], c.locals, out);

function writeIf(c: Context, s: If, out: Instr[]): void {
  write(c, c.scalar(s.cond), out);
  const body: Instr[] = [];
  writeBody(c, s.body, body);
  out.push({ op: "if", body });
}

// -------------------------------------------------------------------------------------------------------------- loops

/** `i = first; if (i < end) do { body; i++ } while (i < end)`; the test before is left out where the loop is known to run. */
function writeFor(c: Context, s: For, out: Instr[]): void {
  if (s.loopKind !== "serial" && s.loopKind !== "thread")
    fail(c, `loop ${s.loop} is of kind ${s.loopKind}: lower the kernel first`);
  const isThread = s.loopKind === "thread";
  if (isThread) claimThreads(c, s);
  const [least, most] = rangeOf(s.extent, c.facts);
  if (most <= 0 && !isThread) return;
  const counter = c.locals.named(s.loop, "i32");
  const endLocal = isThread ? "end" : extentLocal(c, s.extent, out);
  const limit: Instr = endLocal === undefined ? { op: "i32.const", value: most } : c.locals.get(endLocal);
  out.push(isThread ? c.locals.get("begin") : { op: "i32.const", value: 0 }, { op: "local.set", local: counter });

  c.variables.set(s.loop, { locals: [counter], bits: undefined });
  const body: Instr[] = [];
  c.locals.depth++;
  writeBody(c, s.body, body);
  c.locals.depth--;
  body.push(
    c.locals.get(counter),
    { op: "i32.const", value: 1 },
    { op: "i32.add" },
    { op: "local.tee", local: counter },
    limit,
    { op: "i32.lt_s" },
    { op: "br_if", label: s.loop },
  );
  const loop: Instr = { op: "loop", label: s.loop, body };
  if (least > 0 && !isThread) out.push(loop);
  else out.push(c.locals.get(counter), limit, { op: "i32.lt_s" }, { op: "if", body: [loop] });
}

function claimThreads(c: Context, s: For): void {
  if (c.locals.depth > 0 || c.threads.loop !== undefined)
    fail(c, `thread loop ${s.loop} is not the only one outermost: bind one loop of the kernel, outside all others`);
  c.threads.loop = s.loop;
}

/** The local of an extent that is not constant; variables never change, so theirs will do. */
function extentLocal(c: Context, extent: Expr, out: Instr[]): string | undefined {
  if (extent.kind === "const") return undefined;
  if (extent.kind === "var") return c.variables.get(extent.name)?.locals[0];
  const local = c.locals.named("extent", "i32");
  write(c, c.scalar(extent), out);
  out.push({ op: "local.set", local });
  return local;
}

// ------------------------------------------------------------------------------------------------------------- values

function writeLet(c: Context, s: Let, out: Instr[]): void {
  if (s.value.type.lanes.length === 0) {
    c.variables.set(s.name, scalarLet(c, s, out));
    return;
  }
  const value = c.vector(s.value);
  const place = vectorPlace(c, s.name, value.regs.length, value.bits);
  assign(c, value.regs, place.locals, out);
  c.variables.set(s.name, place);
}

/** Locals for a scalar, for a vector of it, or both, as it is used. */
function scalarLet(c: Context, { name, value }: Let, out: Instr[]): Place {
  const isAddress = c.isAddress(value);
  const { broadcast, scalar: asScalar } = (isAddress ? undefined : c.uses.get(name)) ?? {
    broadcast: false,
    scalar: true,
  };
  if (asScalar || !broadcast) {
    const local = c.locals.named(name, isAddress ? c.address : valueTypeOf(value.type.scalar));
    assign(c, [c.scalar(value)], [local], out);
    c.variables.set(name, { locals: [local], bits: undefined });
    if (!broadcast) return { locals: [local], bits: undefined };
  }
  const splat = c.locals.named(`${name}.all`, "v128");
  assign(c, [c.splat(asScalar ? b.variable(name, value.type) : value)], [splat], out);
  return { locals: c.variables.get(name)?.locals ?? [], bits: undefined, splat };
}

/** All values are computed before the first local changes. */
function assign(c: Context, values: readonly Node[], locals: readonly string[], out: Instr[]): void {
  writeNodes(values, c.locals, out);
  for (const local of locals.toReversed()) out.push({ op: "local.set", local });
}

function writeStore(c: Context, s: Store, out: Instr[]): void {
  if (s.mask !== undefined) fail(c, `a masked store to ${s.buffer}: lower the kernel first`);
  const place = c.registers.get(s.buffer);
  if (place === undefined) writeMemory(c, s, out);
  else if (place.bits === undefined) assign(c, [c.scalar(s.value)], place.locals, out);
  else writeRegister(c, s, place, place.bits, out);
}

function writeRegister(c: Context, s: Store, place: Place, bits: Vec["bits"], out: Instr[]): void {
  const buffer = c.buffers.get(s.buffer) as Buffer;
  const lane = laneOfAccess(c, buffer, s.index);
  if (lane === undefined) {
    const count = laneCount(s.index[0]?.type.lanes ?? buffer.lanes);
    const value = c.operand(s.value, count);
    assign(c, buffer.scalar === "bool" ? maskOf(value, bits).regs : value.regs, place.locals, out);
    return;
  }
  const perRegister = 128 / bits;
  const local = place.locals[Math.floor(lane / perRegister)] as string;
  const value = c.scalar(s.value);
  const held = buffer.scalar === "bool" ? apply("i32.sub", "i32", integer(0), value) : value;
  const register = insertLane(read(local, "v128"), lane % perRegister, held, machineOf[buffer.scalar].vector);
  assign(c, [register], [local], out);
}

function writeMemory(c: Context, s: Store, out: Instr[]): void {
  const count = s.index[0] === undefined ? 1 : laneCount(s.index[0].type.lanes);
  const isVector = (s.index[0]?.type.lanes.length ?? 0) > 0;
  if (!isVector && s.value.type.lanes.length > 0) fail(c, `a vector is stored to ${s.buffer} at a scalar index`);
  const nodes = isVector ? storeVector(c, s, c.operand(s.value, count)) : storeScalar(c, s, c.scalar(s.value));
  if (nodes.length === 1 || ![...s.index, s.value].some((e) => buffersOf(e).has(s.buffer))) {
    writeNodes(nodes, c.locals, out);
    return;
  }
  // The value is of before the store: everything is loaded before the first piece is stored.
  writeNodes(
    nodes.flatMap((store) => store.args),
    c.locals,
    out,
  );
  for (const store of nodes.toReversed()) out.push(store.instr);
}

/** The extent of the kernel's thread loop, made of symbols, or undefined. Values that are shared with its body have names before it. */
export function threadExtent(body: readonly Stmt[]): Expr | undefined {
  const lets = new Map<string, Expr>();
  for (const s of body) {
    if (s.kind === "let") lets.set(s.name, substituter(lets)(s.value));
    if (s.kind === "for" && s.loopKind === "thread") return substituter(lets)(s.extent);
  }
  return undefined;
}
