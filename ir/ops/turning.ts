/**
 * Kernels that turn the heads of rows, shared by the operators that do: `angles` gives the cosines and sines of every row, a second kernel turns every head by them, a third
 * copies what is not rotated, where there is such.
 *
 *     y[a] = x[a] * cos - x[b] * sin          y[b] = x[b] * cos + x[a] * sin          a, b the pair i; cos, sin of positions[m] * frequencies[i], times scale
 */
import { add, buffer, kernel, load, loop, mul, op, select, store, sub, variable } from "../build.ts";
import { WorkloadError } from "../errors.ts";
import { sinCosOfTurn, turnOf } from "../math.ts";
import type { Buffer, Expr, Kernel, SizeSymbol, Stage, Stmt } from "../nodes.ts";
import type { Rotation, ScaledRotation } from "../rope.ts";
import type { Rows } from "../workload.ts";
import { type Batch, batchOf } from "./batch.ts";
import { checkSize, rowsOf } from "./shapes.ts";

/** What positions and frequencies may be, in magnitude: beyond, angles would not be what they should (`turnOf`). */
const [farthest, fastest] = [2 ** 24, 16];

/** Heads to be turned: f32, m x heads x d. */
export interface Turning {
  readonly m: Rows;
  readonly heads: number;
  readonly d: number;
  readonly rotation: ScaledRotation;
  readonly x: Buffer;
  readonly y: Buffer;
  /** Name of the input of positions, i32. @default "positions" */
  readonly positions?: string;
  /** Names of the kernels that turn, and that copy the rest. */
  readonly kernels: { readonly turn: string; readonly rest: string };
  readonly stage: Stage;
  /** Sequences, each with its rows. @default one */
  readonly batch?: Pick<Batch, "axes" | "at" | "each" | "symbols">;
}

/** Rows of every sequence: their axes and index, the symbols of their number, and the loops over them, of which the outermost is what threads share. */
function rowsOfAll({ m, batch = batchOf({}) }: Turning): {
  readonly axes: readonly Expr[];
  readonly at: readonly Expr[];
  readonly symbols: readonly SizeSymbol[];
  readonly each: (body: Stmt) => readonly Stmt[];
} {
  const { extent, symbols } = rowsOf(m);
  return {
    axes: [...batch.axes, extent],
    at: [...batch.at, variable("m")],
    symbols: [...symbols, ...batch.symbols],
    each: (body) => [loop("m", extent, batch.each([body]))],
  };
}

/** Throws a `WorkloadError` unless heads of d values can be so turned; `names` are those of the workload's fields. */
export function checkRotation({ rotary }: Rotation, d: number, names: { rotary: string; d: string }): void {
  checkSize(names.rotary, rotary);
  if (rotary % 2 !== 0 || rotary > d)
    throw new WorkloadError(
      `${names.rotary}: ${rotary} is not an even number up to ${names.d} = ${d}; pairs of a head's values are turned`,
    );
}

export const turningKernels = (of: Turning): readonly Kernel[] => [
  anglesKernel(of),
  turnKernel(of),
  ...(of.rotation.rotary < of.d ? [restKernel(of)] : []),
];

/** The element of pair i that comes first (`second` 0) or second (1). */
const elementOf = ({ pairing, rotary }: Rotation, pair: Expr, second: Expr): Expr =>
  pairing === "neox" ? add(mul(second, rotary / 2), pair) : add(mul(pair, 2), second);

/** The cosine (or sine) of each row and pair. */
const turned = (name: "cos" | "sin", of: Turning): Buffer =>
  buffer(name, "f32", [...rowsOfAll(of).axes, of.rotation.rotary / 2], { role: "workspace" });

function anglesKernel(of: Turning): Kernel {
  const { rotary, scale } = of.rotation;
  const { axes, at: row, symbols, each } = rowsOfAll(of);
  const pairs = rotary / 2;
  const positions = buffer(of.positions ?? "positions", "i32", axes, {
    role: "input",
    range: [-farthest, farthest],
  });
  const frequencies = buffer("frequencies", "f32", [pairs], { role: "input", range: [-fastest, fastest] });
  // Stored, to have a name: written out wherever it is used, its text would fill a book.
  const turn = buffer("turn", "i32", [...axes, pairs], { role: "workspace" });
  const [cos, sin] = [turned("cos", of), turned("sin", of)];
  const at = [...row, variable("i")];
  const angle = sinCosOfTurn(load(turn, at));
  const body = [
    store(turn.name, at, turnOf(load(positions, row), load(frequencies, [variable("i")]))),
    store(cos.name, at, mul(angle.cos, Math.fround(scale))),
    store(sin.name, at, mul(angle.sin, Math.fround(scale))),
  ];
  return kernel("angles", "prologue", {
    symbols,
    buffers: [positions, frequencies, turn, cos, sin],
    body: each(loop("i", pairs, body)),
  });
}

/** Loops m, h, i (pairs), p (the first or the second of a pair). */
function turnKernel(of: Turning): Kernel {
  const { heads, rotation, x, y, kernels, stage } = of;
  const { at: row, symbols, each } = rowsOfAll(of);
  const [cos, sin] = [turned("cos", of), turned("sin", of)];
  const [head, pair, second] = [variable("h"), variable("i"), variable("p")] as const;
  const valueAt = (p: Expr): Expr => load(x, [...row, head, elementOf(rotation, pair, p)]);
  const angle = load(sin, [...row, pair]);
  const signed = select(op("eq", second, 0), op("neg", angle), angle);
  const value = add(mul(valueAt(second), load(cos, [...row, pair])), mul(valueAt(sub(1, second)), signed));
  const body = [loop("p", 2, [store(y.name, [...row, head, elementOf(rotation, pair, second)], value)])];
  return kernel(kernels.turn, stage, {
    symbols,
    buffers: [x, cos, sin, y],
    body: each(loop("h", heads, [loop("i", rotation.rotary / 2, body)])),
  });
}

function restKernel(of: Turning): Kernel {
  const { heads, d, x, y, kernels, stage } = of;
  const { rotary } = of.rotation;
  const { at: row, symbols, each } = rowsOfAll(of);
  const at = [...row, variable("h"), add(variable("i"), rotary)];
  return kernel(kernels.rest, stage, {
    symbols,
    buffers: [x, y],
    body: each(loop("h", heads, [loop("i", d - rotary, [store(y.name, at, load(x, at))])])),
  });
}
