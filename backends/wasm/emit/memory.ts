/**
 * Loads from global buffers as machine values, and stores as instructions. Which instructions a lane pattern takes is decided in
 * `patterns.ts`; how an index becomes an address, in `address.ts`.
 */
import { type Expr, type Load, type Scalar, type Store, storageBits } from "../../../ir/index.ts";
import { type Instr, instructions, type NameWithImmediates } from "../asm/index.ts";
import { machineOf } from "../ops.ts";
import { type Split, splitIndex } from "./address.ts";
import { type Context, fail } from "./context.ts";
import { apply, integer, type Node, node, shuffle, type Vec, vectorConst } from "./dag.ts";
import { planLoad, planStore, type Source } from "./patterns.ts";
import { valueTypeOf } from "./scalar.ts";
import { laneAddresses, laneOf, moved, wide } from "./wide.ts";

type LoadName = NameWithImmediates<"memarg">;
type LaneName = NameWithImmediates<"memarg lane">;

/** An address on the stack and the constant offset beside it. */
interface Address {
  readonly base: Node;
  readonly offset: number;
}

/** The address `split.base + split.constant + low`. */
function addressOf(c: Context, { base, constant }: Split, low: number): Address {
  const offset = constant + low;
  if (c.address === "i64") return wideAddress(c, base, offset);
  if (base === undefined) return { base: integer(offset), offset: 0 };
  const start = c.scalar(base);
  if (offset === 0) return { base: start, offset };
  if (offset > 0 && c.nonNegative(base)) return { base: start, offset };
  return { base: apply("i32.add", "i32", start, integer(offset)), offset: 0 };
}

function wideAddress(c: Context, base: Expr | undefined, offset: number): Address {
  const start = base && wide(c, base);
  if (start === undefined || base === undefined || offset < 0 || (offset > 0 && !c.nonNegative(base)))
    return { base: moved(start, offset), offset: 0 };
  return { base: start, offset };
}

const elementBytes = (scalarType: Scalar): number => storageBits(scalarType) / 8;

/** The byte address of an access to `type` elements. Smaller elements than bytes are unpacked by lowering. */
function indexOf(c: Context, e: { readonly buffer: string; readonly index: readonly Expr[] }, type: Scalar): Expr {
  const buffer = c.buffers.get(e.buffer);
  if (buffer === undefined) fail(c, `buffer ${e.buffer} is not declared`);
  if (buffer.scope !== "global") fail(c, `buffer ${e.buffer} is in scope ${buffer.scope}, which has no memory on Wasm`);
  if (buffer.unit !== "byte") fail(c, `buffer ${e.buffer} is indexed by elements: lower the kernel first`);
  if (storageBits(type) < 8) fail(c, `${type} elements of ${e.buffer} share bytes: lower the kernel first`);
  return e.index[0] as Expr;
}

const memarg = (name: LoadName | LaneName, offset: number, bytes: number): { offset: number; align: number } => ({
  offset,
  align: Math.min(bytes, instructions[name].bytes),
});

function access(name: LoadName, { base, offset }: Address, bytes: number, type: Node["type"]): Node {
  return node({ op: name, ...memarg(name, offset, bytes) }, type, [base]);
}

// ------------------------------------------------------------------------------------------------------------- loads

const scalarLoads: Partial<Readonly<Record<Scalar, LoadName>>> = {
  i8: "i32.load8_s",
  i16: "i32.load16_s",
  u16: "i32.load16_u",
  f16: "i32.load16_u",
  bf16: "i32.load16_u",
  i32: "i32.load",
  u32: "i32.load",
  f32: "f32.load",
  f64: "f64.load",
};

/** One element. */
export function loadScalar(c: Context, e: Load): Node {
  const split = splitIndex(indexOf(c, e, e.type.scalar)) as Split;
  const type = e.type.scalar;
  return access(scalarLoads[type] ?? "i32.load8_u", addressOf(c, split, 0), elementBytes(type), valueTypeOf(type));
}

const splatLoads: Readonly<Record<number, LoadName>> = {
  1: "v128.load8_splat",
  2: "v128.load16_splat",
  4: "v128.load32_splat",
  8: "v128.load64_splat",
};

/** One element in every lane of a register. */
export function loadSplat(c: Context, e: Load): Node {
  const split = splitIndex(indexOf(c, e, e.type.scalar)) as Split;
  const bytes = elementBytes(e.type.scalar);
  return access(splatLoads[bytes] as LoadName, addressOf(c, split, 0), bytes, "v128");
}

function loadSource(s: Source, { base, offset }: Address, bytes: number): Node {
  let value = access(s.load, { base, offset: offset + s.offset }, bytes, "v128");
  for (const { load, lane, offset: at } of s.rest)
    value = node({ op: load, lane, ...memarg(load, offset + at, bytes) }, "v128", [base, value]);
  return value;
}

/** One element per lane. */
export function loadVector(c: Context, e: Load): Vec {
  const index = indexOf(c, e, e.type.scalar);
  const bytes = elementBytes(e.type.scalar);
  const { bits } = machineOf[e.type.scalar];
  const split = splitIndex(index);
  if (split?.lanes === undefined) return gather(c, e, index);
  const plan = planLoad(split.lanes, bytes);
  const address = addressOf(c, split, plan.low);
  const sources = plan.sources.map((s) => loadSource(s, address, bytes));
  const regs = plan.registers.map(({ first, steps }) =>
    steps.reduce<Node>(
      (value, { source, lanes }) => shuffle(lanes, value, sources[source] as Node),
      sources[first] as Node,
    ),
  );
  return { regs, bits, count: e.type.count };
}

/** Lanes whose addresses are computed one by one. */
function gather(c: Context, e: Load, index: Expr): Vec {
  const at = addressesOf(c, index);
  const bytes = elementBytes(e.type.scalar);
  const { bits } = machineOf[e.type.scalar];
  const load = `v128.load${(bytes * 8) as 8}_lane` as LaneName;
  const perRegister = 128 / bits;
  const regs: Node[] = [];
  for (let lane = 0; lane < e.type.count; lane++) {
    const before = lane % perRegister === 0 ? vectorConst("i8x16", 0) : (regs.pop() as Node);
    const instr: Instr = { op: load, lane: lane % perRegister, ...memarg(load, 0, bytes) };
    regs.push(node(instr, "v128", [at(lane), before]));
  }
  return { regs, bits, count: e.type.count };
}

/** The address of each lane. */
function addressesOf(c: Context, index: Expr): (lane: number) => Node {
  if (c.address === "i64") return laneAddresses(c, index);
  const at = c.vector(index);
  return (lane) => laneOf(at, lane);
}

const widening = {
  8: { s: "v128.load8x8_s", u: "v128.load8x8_u" },
  16: { s: "v128.load16x4_s", u: "v128.load16x4_u" },
} as const;

/** Lanes in a row, each to twice its width; undefined where no such loads exist. */
export function loadWidened(c: Context, e: Load, sign: "s" | "u"): Vec | undefined {
  const bytes = elementBytes(e.type.scalar);
  const split = splitIndex(indexOf(c, e, e.type.scalar));
  if (bytes > 2 || split?.lanes === undefined || (e.type.count * bytes) % 8 !== 0) return undefined;
  const plan = planLoad(split.lanes, bytes);
  if (!plan.contiguous) return undefined;
  const { base, offset } = addressOf(c, split, plan.low);
  const name = widening[(bytes * 8) as 8 | 16][sign];
  const regs = Array.from({ length: (e.type.count * bytes) / 8 }, (_, i) =>
    access(name, { base, offset: offset + 8 * i }, bytes, "v128"),
  );
  return { regs, bits: (bytes * 16) as 16 | 32, count: e.type.count };
}

// ------------------------------------------------------------------------------------------------------------ stores

const scalarStores: Partial<Readonly<Record<Scalar, LoadName>>> = {
  i16: "i32.store16",
  u16: "i32.store16",
  f16: "i32.store16",
  bf16: "i32.store16",
  i32: "i32.store",
  u32: "i32.store",
  f32: "f32.store",
  f64: "f64.store",
};

/** Stores one element. */
export function storeScalar(c: Context, to: Store, value: Node): readonly Node[] {
  const type = to.value.type.scalar;
  const index = indexOf(c, to, type);
  const { base, offset } = addressOf(c, splitIndex(index) as Split, 0);
  const name = scalarStores[type] ?? "i32.store8";
  return [node({ op: name, ...memarg(name, offset, elementBytes(type)) }, "i32", [base, value])];
}

const laneStores = {
  1: "v128.store8_lane",
  2: "v128.store16_lane",
  4: "v128.store32_lane",
  8: "v128.store64_lane",
} as const;

/** Stores one element per lane. The nodes leave nothing on the stack. */
export function storeVector(c: Context, to: Store, value: Vec): readonly Node[] {
  const type = to.value.type.scalar;
  const index = indexOf(c, to, type);
  const bytes = elementBytes(type);
  const split = splitIndex(index);
  if (split?.lanes === undefined) return scatter(c, to, index, value, bytes);
  const plan = planStore(split.lanes, bytes);
  const { base, offset } = addressOf(c, split, plan.low);
  return plan.pieces.map(({ register, size, lane, offset: at }) => {
    const name = size === 16 ? "v128.store" : laneStores[size];
    const where = memarg(name, offset + at, bytes);
    const instr: Instr = name === "v128.store" ? { op: name, ...where } : { op: name, lane, ...where };
    return node(instr, "i32", [base, value.regs[register] as Node]);
  });
}

function scatter(c: Context, to: Store, index: Expr, value: Vec, bytes: number): readonly Node[] {
  if (index.type.lanes.length === 0) fail(c, `a vector is stored to ${to.buffer} at a scalar index`);
  const at = addressesOf(c, index);
  const name = laneStores[bytes as 1 | 2 | 4 | 8];
  const perRegister = 128 / value.bits;
  return Array.from({ length: value.count }, (_, lane) =>
    node({ op: name, lane: lane % perRegister, ...memarg(name, 0, bytes) }, "i32", [
      at(lane),
      value.regs[Math.floor(lane / perRegister)] as Node,
    ]),
  );
}
