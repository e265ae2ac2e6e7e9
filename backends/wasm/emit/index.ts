/**
 * A lowered kernel as a Wasm function. Reads top to bottom: legalize, then statement by statement select instructions and lay
 * them out. The files beside it: statements, select (expressions), casts, memory, intrinsics, patterns (lanes to loads), address,
 * wide (addresses of 64 bits), dag (machine values), locals.
 */
import { type Feature, factsOf, type Kernel } from "../../../ir/index.ts";
import type { AddressType, Instr, Variable, WasmFunction } from "../asm/index.ts";
import { legalize } from "../legalize.ts";
import { addressesIn, nonNegativeIn } from "./address.ts";
import { usesOfLets } from "./broadcasts.ts";
import type { Context } from "./context.ts";
import { functionLocals } from "./locals.ts";
import { bufferPlace } from "./registers.ts";
import { operand, scalar, splat, vector } from "./select.ts";
import { writeBody } from "./statements.ts";

export interface EmittedFunction {
  readonly function: WasmFunction;
  /** Features that the instructions need, of those allowed. */
  readonly features: ReadonlySet<Feature>;
}

/**
 * Writes a lowered kernel as a function `name(&buffer.., symbol.., begin, end)`, all i32: the byte address of each global buffer, the
 * symbols, and the range of the thread loop (ignored where the kernel has none). Works for any lowered kernel, whatever lets it has.
 * With the feature `memory64` addresses have 64 bits and come as f64, which holds every one that there can be: callers pass plain numbers.
 *
 * @throws EmitError where the kernel is not in lowered form
 */
export function emitKernel(kernel: Kernel, features: readonly Feature[], name: string = kernel.name): EmittedFunction {
  const allowed = new Set(features);
  const legal = legalize(kernel, allowed);
  const facts = factsOf(legal);
  const address = allowed.has("memory64") ? "i64" : "i32";
  const params = paramsOf(kernel, address);
  const locals = functionLocals(params);
  const c: Context = {
    kernel: kernel.name,
    buffers: new Map(legal.buffers.map((buffer) => [buffer.name, buffer])),
    facts,
    nonNegative: nonNegativeIn(legal, facts),
    isAddress: address === "i64" ? addressesIn(legal) : () => false,
    address,
    allowed,
    used: new Set(),
    locals,
    variables: new Map(params.map((p) => [p.name, { locals: [p.name], bits: undefined }])),
    registers: new Map(),
    uses: usesOfLets(legal),
    threads: { loop: undefined },
    scalar: (e) => scalar(c, e),
    vector: (e) => vector(c, e),
    operand: (e, count) => operand(c, e, count),
    splat: (e) => splat(c, e),
    scalars: new Map(),
    vectors: new Map(),
    splats: new Map(),
  };
  for (const buffer of legal.buffers)
    if (buffer.scope === "register") c.registers.set(buffer.name, bufferPlace(c, buffer));
  const body: Instr[] = [];
  if (address === "i64") takeAddresses(c, params, body);
  writeBody(c, legal.body, body);
  return {
    function: { name, params, results: [], locals: locals.variables, body: [...locals.prologue, ...body] },
    features: c.used,
  };
}

/** Parameters in order: addresses, symbols, thread range. */
function paramsOf(kernel: Kernel, address: AddressType): readonly Variable[] {
  const addresses = kernel.buffers.filter((buffer) => buffer.scope === "global").map((buffer) => `&${buffer.name}`);
  const names = [...kernel.symbols.map((s) => s.name), "begin", "end"];
  return [
    ...addresses.map((param): Variable => ({ name: param, type: address === "i64" ? "f64" : "i32" })),
    ...names.map((param): Variable => ({ name: param, type: "i32" })),
  ];
}

/** Addresses of 64 bits from the numbers that they come as. */
function takeAddresses({ locals, variables }: Context, params: readonly Variable[], out: Instr[]): void {
  for (const { name } of params.filter(({ type }) => type === "f64")) {
    const local = locals.named(name, "i64");
    out.push(locals.get(name), { op: "i64.trunc_sat_f64_u" }, { op: "local.set", local });
    variables.set(name, { locals: [local], bits: undefined });
  }
}
