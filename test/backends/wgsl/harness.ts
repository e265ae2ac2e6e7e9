// Kernels written in the form of invocations, compiled, run in an engine, and compared with the interpreter: outputs between sentinels, inputs
// before poison. What WGSL leaves to devices is not compared: NaN, f32 below the smallest normal number, the sign of zeros from min and max.
import { expect } from "vitest";
import { compileShaders } from "../../../backends/index.ts";
import {
  b,
  type Expr,
  type Feature,
  interpretKernel,
  type Kernel,
  type Scalar,
  type Stmt,
  sizeOf,
  storageBits,
  tensorOfBytes,
} from "../../../ir/index.ts";
import { decode, type Outputs } from "../kernels.ts";
import { type Engine, inEngine } from "./engines.ts";
import type { Launch, ShaderRequest } from "./runner.ts";

export interface Case {
  readonly name: string;
  readonly kernel: Kernel;
  readonly inputs: Readonly<Record<string, Uint8Array>>;
  readonly symbols?: Readonly<Record<string, number>>;
  /** What the shader may use, of what the engine has. */
  readonly features?: readonly Feature[];
  /** Whether the shader is printed for a processor in a GPU's place. */
  readonly isProcessor?: boolean;
}

const poison = 0xff;
const sentinel = 0xa5;
const sentinels = 16;

const bytesOf = (kernel: Kernel, name: string, symbols: Readonly<Record<string, number>>): number =>
  sizeOf(kernel.buffers.find((buffer) => buffer.name === name)?.shape[0] as Expr, symbols);

/** The bytes of a buffer before the launch: what it holds, whole words, and more behind it. */
function before(kernel: Kernel, name: string, { inputs, symbols = {} }: Case): Uint8Array {
  const size = bytesOf(kernel, name, symbols);
  const isRead = inputs[name] !== undefined;
  const bytes = new Uint8Array(Math.ceil(size / 16) * 16 + sentinels).fill(isRead ? poison : sentinel);
  bytes.set(inputs[name] ?? []);
  return bytes;
}

function requestOf(one: Case, features: readonly Feature[]): ShaderRequest {
  const { kernel, name, symbols = {} } = one;
  const [shader] = compileShaders([kernel], features, { processor: one.isProcessor === true ? 1 : 0 });
  if (shader === undefined) throw new Error(name);
  const count = (axis: 0 | 1 | 2): number => sizeOf(b.toExpr(shader.grid[axis]), symbols);
  const launch: Launch = {
    grid: [count(0), count(1), count(2)],
    args: [0, ...shader.symbols.map((symbol) => symbols[symbol.name] as number)],
    buffers: shader.bindings.map(({ buffer, access }) => ({
      data: Buffer.from(before(kernel, buffer, one)).toString("base64"),
      access,
      offset: 0,
    })),
  };
  return { name, code: shader.code, launch };
}

/** What the interpreter leaves in the buffers that are no inputs. */
export function interpreted({ kernel, inputs, symbols = {} }: Case): Outputs {
  const globals = kernel.buffers.filter(({ scope, role }) => scope === "global" && role !== "subgroup");
  const tensors = new Map(
    globals.map(({ name, scalar }) => {
      const size = bytesOf(kernel, name, symbols);
      const bytes = inputs[name] ?? new Uint8Array(size).fill(sentinel);
      return [name, tensorOfBytes(scalar, [(size * 8) / storageBits(scalar)], bytes.slice(0, size))] as const;
    }),
  );
  interpretKernel(kernel, { symbols, buffers: tensors });
  return Object.fromEntries([...tensors].map(([name, { values }]) => [name, [...values]]));
}

/** Runs the cases in an engine; gives what is in the buffers that are no inputs, by case. Fails where sentinels were written. */
export async function runIn(engine: Engine, cases: readonly Case[]): Promise<readonly Outputs[]> {
  const requests = cases.map((one) => requestOf(one, one.features ?? []));
  const { results } = await inEngine(engine, requests);
  return cases.map((one, i) => {
    const { kernel, name, inputs, symbols = {} } = one;
    const { errors = [], buffers = [] } = results[i] ?? {};
    expect(errors, `${name}\n${requests[i]?.code}`).toEqual([]);
    const globals = kernel.buffers.filter(({ scope, role }) => scope === "global" && role !== "subgroup");
    const outputs: Record<string, readonly number[]> = {};
    globals.forEach((buffer, at) => {
      if (inputs[buffer.name] !== undefined && buffer.role === "input") return;
      const size = bytesOf(kernel, buffer.name, symbols);
      const bytes = new Uint8Array(Buffer.from(buffers[at] ?? "", "base64"));
      const rest = inputs[buffer.name] === undefined ? sentinel : poison;
      expect(
        bytes.subarray(size).every((byte) => byte === rest),
        `${name}: bytes behind ${buffer.name} were written`,
      ).toBe(true);
      outputs[buffer.name] = decode(buffer.scalar, bytes.slice(0, size));
    });
    return outputs;
  });
}

/** Whether a device may give `actual` for `expected`. */
export function allowed(actual: number, expected: number, scalar: Scalar, zerosDiffer = true): boolean {
  if (Object.is(actual, expected) || Number.isNaN(expected)) return true;
  if (expected === 0 && actual === 0) return !zerosDiffer;
  return (scalar === "f32" || scalar === "bf16") && Math.abs(expected) < 2 ** -126 && actual === 0;
}

/** Says where values are not what they may be. */
export function expectAllowed(
  actual: readonly number[],
  expected: readonly number[],
  scalar: Scalar,
  what: (i: number) => string,
  zerosDiffer = true,
): void {
  expect(actual.length).toBe(expected.length);
  const i = expected.findIndex((value, at) => !allowed(actual[at] as number, value, scalar, zerosDiffer));
  if (i >= 0) expect.fail(`${what(i)}: ${actual[i]}, expected ${expected[i]}`);
}

/** `body(i)` for i below `count`, an invocation each, 64 in a workgroup. */
export function eachInvocation(count: number, body: (i: Expr) => readonly Stmt[]): readonly Stmt[] {
  const i = b.add(b.mul(b.variable("group.x"), 64), b.variable("local.x"));
  const statements = body(i);
  const guarded = count % 64 === 0 ? statements : [b.when(b.lt(i, count), statements)];
  return [b.loop("group.x", Math.ceil(count / 64), [b.loop("local.x", 64, guarded, "local.x")], "workgroup.x")];
}
