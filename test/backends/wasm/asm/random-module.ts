// Random well-typed modules for property tests. A list of numbers decides: each choice takes the next one, so a shorter
// list or smaller numbers give a simpler module, and fast-check can shrink what it finds.

import fc from "fast-check";
import {
  type AddressType,
  type ConstInstr,
  type Global,
  type Instr,
  type Instruction,
  instructions,
  operandType,
  type ValueType,
  type Variable,
  type WasmFunction,
  type WasmModule,
} from "../../../../backends/wasm/asm/index.ts";

const types: readonly ValueType[] = ["i32", "i64", "f32", "f64", "v128"];
const ordinary = Object.values(instructions).filter((row) => row.params !== undefined);

/** Picks a number below `limit`; 0 when the numbers are used up. */
type Choose = (limit: number) => number;

interface Scope {
  readonly choose: Choose;
  readonly address: AddressType;
  readonly variables: readonly Variable[];
  readonly globals: readonly Global[];
  readonly callees: readonly {
    readonly name: string;
    readonly params: readonly ValueType[];
    readonly results: readonly ValueType[];
  }[];
  readonly results: readonly ValueType[];
  /** Labels that can be jumped to, with what a jump takes. */
  readonly labels: readonly { readonly label: string; readonly branch: readonly ValueType[] }[];
  readonly depth: number;
}

/** A module with a memory and up to three functions. */
export const randomModule: fc.Arbitrary<WasmModule> = fc
  .array(fc.nat(0xffff), { maxLength: 500, size: "max" })
  .map((numbers) => buildModule(numbers));

function buildModule(numbers: readonly number[]): WasmModule {
  let next = 0;
  const choose: Choose = (limit) => (limit <= 1 ? 0 : (numbers[next++] ?? 0) % limit);
  const shared = choose(2) === 1;
  const address = (["i32", "i64"] as const)[choose(2)]!;
  const memory = {
    kind: "memory",
    ...{ module: "env", field: "memory", name: "memory", address },
    ...{ min: choose(3), shared },
  } as const;
  const limits = shared || choose(2) === 1 ? { max: 65536 - choose(2) } : {};
  const signature = (): { params: ValueType[]; results: ValueType[] } => ({
    params: list(choose, 3),
    results: list(choose, 3),
  });
  const host = { kind: "function", module: "env", field: "host", name: "host", ...signature() } as const;
  const globals = list(choose, 3).map((type, index) => {
    return { name: `global ${index}`, type, mutable: choose(2) === 1, init: constant(choose, type) };
  });
  const heads = Array.from({ length: 1 + choose(3) }, (_, index) => ({ name: `f${index}`, ...signature() }));
  const functions = heads.map((head): WasmFunction => {
    const params = head.params.map((type, index) => ({ name: `p${index}`, type }));
    const locals = list(choose, 4).map((type, index) => ({ name: `l/${index}`, type }));
    const scope: Scope = {
      choose,
      address,
      variables: [...params, ...locals],
      globals,
      callees: [host, ...heads],
      results: head.results,
      labels: [],
      depth: 0,
    };
    return { name: head.name, params, results: head.results, locals, body: body(scope, head.results) };
  });
  return {
    imports: choose(2) === 1 ? [host, { ...memory, ...limits }] : [{ ...memory, ...limits }, host],
    globals,
    functions,
    exports: [
      { name: "run", kind: "function", item: heads[choose(heads.length)]!.name },
      { name: "memory", kind: "memory", item: "memory" },
    ],
    data:
      choose(2) === 1
        ? [{ name: "table", offset: 0xffff0000 + choose(9), bytes: Uint8Array.of(choose(256), 0x22, 1) }]
        : [],
  };
}

const list = (choose: Choose, limit: number): ValueType[] =>
  Array.from({ length: choose(limit) }, () => types[choose(types.length)]!);

/** Instructions that leave exactly `results` on an empty stack, or end in a jump. */
function body(scope: Scope, results: readonly ValueType[]): Instr[] {
  const { choose } = scope;
  const instrs: Instr[] = [];
  const stack: ValueType[] = [];
  for (let left = choose(12); left > 0; left--) instrs.push(...step(scope, stack));
  const constants = (wanted: readonly ValueType[]): Instr[] => wanted.map((type) => constant(choose, type));
  const jumps: Instr[][] = [
    [{ op: "unreachable" }],
    [...constants(scope.results), { op: "return" }],
    ...scope.labels.map(({ label, branch }) => [...constants(branch), { op: "br", label } as const]),
  ];
  // A jump leaves what is on the stack behind, and after it the results may be there or not.
  if (choose(6) === 1)
    return [...instrs, ...jumps[choose(jumps.length)]!, ...(choose(2) === 1 ? constants(results) : [])];
  return [...instrs, ...stack.map((): Instr => ({ op: "drop" })), ...constants(results)];
}

/** A few instructions more; `stack` is what lies there before and after. */
function step(scope: Scope, stack: ValueType[]): Instr[] {
  const { choose } = scope;
  switch (choose(8)) {
    case 0:
    case 1: {
      const row = ordinary[choose(ordinary.length)]!;
      const params = row.params!.map((type) => operandType(type, scope.address));
      const below = stack.length - params.length;
      const isReady = below >= 0 && params.every((type, index) => type === stack[below + index]);
      if (isReady) stack.length = below;
      stack.push(...row.results!.map((type) => operandType(type, scope.address)));
      const operands = isReady ? [] : params.map((type) => constant(choose, type));
      return [...operands, { op: row.name, ...immediates(choose, row) } as Instr];
    }
    case 2:
      return variableStep(scope, stack);
    case 3: {
      const callee = scope.callees[choose(scope.callees.length)]!;
      stack.push(...callee.results);
      return [...callee.params.map((type) => constant(choose, type)), { op: "call", function: callee.name }];
    }
    case 4: {
      const target = scope.labels[choose(scope.labels.length)];
      if (target === undefined) return [{ op: "nop" }];
      stack.push(...target.branch);
      return [
        ...[...target.branch, "i32" as const].map((type) => constant(choose, type)),
        { op: "br_if", label: target.label },
      ];
    }
    case 5: {
      const type = types[choose(types.length)]!;
      stack.push(type);
      return [constant(choose, type), constant(choose, type), constant(choose, "i32"), { op: "select" }];
    }
    default:
      return scope.depth < 3 ? nested(scope, stack) : [{ op: "nop" }];
  }
}

function variableStep({ choose, variables, globals }: Scope, stack: ValueType[]): Instr[] {
  const variable = variables[choose(variables.length)];
  const global = globals[choose(globals.length)];
  if (global !== undefined && choose(3) === 0) {
    if (global.mutable && choose(2) === 1) {
      return [constant(choose, global.type), { op: "global.set", global: global.name }];
    }
    stack.push(global.type);
    return [{ op: "global.get", global: global.name }];
  }
  if (variable === undefined) return [{ op: "nop" }];
  const { name, type } = variable;
  const which = choose(3);
  if (which === 0) return [constant(choose, type), { op: "local.set", local: name }];
  stack.push(type);
  return which === 1 ? [{ op: "local.get", local: name }] : [constant(choose, type), { op: "local.tee", local: name }];
}

function nested(scope: Scope, stack: ValueType[]): Instr[] {
  const { choose } = scope;
  const results = choose(2) === 1 ? [types[choose(types.length)]!] : [];
  const [result] = results;
  const op = (["block", "loop", "if"] as const)[choose(3)]!;
  // Labels are reused, so that inner ones hide outer ones.
  const label = choose(3) === 0 ? undefined : `label ${choose(2)}`;
  const visible = scope.labels.filter((outer) => outer.label !== label);
  const own = label === undefined ? [] : [{ label, branch: op === "loop" ? [] : results }];
  const inner: Scope = { ...scope, labels: [...visible, ...own], depth: scope.depth + 1 };
  const head = { ...(label === undefined ? {} : { label }), ...(result === undefined ? {} : { result }) };
  stack.push(...results);
  if (op !== "if") return [{ op, ...head, body: body(inner, results) }];
  const other = result !== undefined || choose(2) === 1 ? { else: body(inner, results) } : {};
  return [constant(choose, "i32"), { op, ...head, body: body(inner, results), ...other }];
}

const sixteen = (choose: Choose, limit: number): number[] => Array.from({ length: 16 }, () => choose(limit));
const integers32 = [0, 1, -1, 63, 64, -64, -65, 8191, 8192, -2147483648, 2147483647];
const floats = [0, -0, 1.5, Math.fround(0.1), Infinity, -Infinity, NaN, Math.fround(-1e-40)];

function constant(choose: Choose, type: ValueType): ConstInstr {
  if (type === "v128") return { op: "v128.const", bytes: sixteen(choose, 256) };
  if (type === "i64")
    return {
      op: "i64.const",
      value: BigInt(integers32[choose(integers32.length)]!) * BigInt(1 + choose(2 ** 15) * 2 ** 17),
    };
  if (type === "i32") return { op: "i32.const", value: integers32[choose(integers32.length)]! };
  return { op: `${type}.const`, value: floats[choose(floats.length)]! };
}

function immediates(choose: Choose, row: Instruction): object {
  const memarg = {
    offset: [0, 1, 127, 128, 65536, 0xffffffff][choose(6)]!,
    align: 2 ** choose(Math.log2(row.bytes || 1) + 1),
  };
  const value = row.name.endsWith(".const") ? constant(choose, operandType(row.results![0]!, "i32")) : undefined;
  const data: Partial<Record<typeof row.immediates, object>> = {
    memarg,
    "memarg lane": { ...memarg, lane: choose(row.lanes) },
    lane: { lane: choose(row.lanes) },
    shuffle: { lanes: sixteen(choose, 32) },
  };
  if (value === undefined) return data[row.immediates] ?? {};
  return "bytes" in value ? { bytes: value.bytes } : { value: value.value };
}
