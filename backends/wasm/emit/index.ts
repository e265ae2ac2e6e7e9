/**
 * A lowered kernel as a Wasm function. Reads top to bottom: legalize, then statement by statement select instructions and lay
 * them out. The files beside it: statements, select (expressions), casts, memory, intrinsics, patterns (lanes to loads), address,
 * dag (machine values), locals.
 */
import { type Feature, factsOf, type Kernel } from "../../../ir/index.ts";
import type { Instr, Variable, WasmFunction } from "../asm/index.ts";
import { legalize } from "../legalize.ts";
import { nonNegativeIn } from "./address.ts";
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
 *
 * @throws EmitError where the kernel is not in lowered form
 */
export function emitKernel(kernel: Kernel, features: readonly Feature[], name: string = kernel.name): EmittedFunction {
  const allowed = new Set(features);
  const legal = legalize(kernel, allowed);
  const facts = factsOf(legal);
  const params = paramsOf(kernel);
  const locals = functionLocals(params);
  const c: Context = {
    kernel: kernel.name,
    buffers: new Map(legal.buffers.map((buffer) => [buffer.name, buffer])),
    facts,
    nonNegative: nonNegativeIn(legal, facts),
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
  writeBody(c, legal.body, body);
  return {
    function: { name, params, results: [], locals: locals.variables, body: [...locals.prologue, ...body] },
    features: c.used,
  };
}

/** Parameters in order: addresses, symbols, thread range. */
function paramsOf(kernel: Kernel): readonly Variable[] {
  const addresses = kernel.buffers.filter((buffer) => buffer.scope === "global").map((buffer) => `&${buffer.name}`);
  const names = [...addresses, ...kernel.symbols.map((s) => s.name), "begin", "end"];
  return names.map((param) => ({ name: param, type: "i32" }));
}
