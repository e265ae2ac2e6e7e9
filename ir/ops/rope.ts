/**
 * Operator rope: pairs of a head's values turned by angles that grow with the position. The kernel `angles` gives the cosines and sines of every row, `main` turns
 * every head by them, `rest` copies what is not rotated.
 *
 *     y[a] = x[a] * cos - x[b] * sin          y[b] = x[b] * cos + x[a] * sin          a, b the pair i; cos, sin of positions[m] * frequencies[i], times scale
 */
import { add, buffer, kernel, load, loop, mul, op, select, store, sub, variable } from "../build.ts";
import { WorkloadError } from "../errors.ts";
import { sinCosOfTurn, turnOf } from "../math.ts";
import type { Buffer, BufferRole, Expr, Kernel, Program } from "../nodes.ts";
import type { RopeWorkload } from "../workload.ts";
import { f32Bound, type Operator, type Tensors, valuesOf } from "./operator.ts";
import { checkSize, rowsOf } from "./shapes.ts";

/** What positions and frequencies may be, in magnitude: beyond, angles would not be what they should (`turnOf`). */
const [farthest, fastest] = [2 ** 24, 16];

function program(workload: RopeWorkload): Program {
  const { d, heads, rotary } = workload;
  checkSize("d", d);
  checkSize("heads", heads);
  checkSize("rotary", rotary);
  if (rotary % 2 !== 0 || rotary > d)
    throw new WorkloadError(
      `rotary: ${rotary} is not an even number up to d = ${d}; pairs of a head's values are turned`,
    );
  const kernels = [anglesKernel(workload), mainKernel(workload), ...(rotary < d ? [restKernel(workload)] : [])];
  return { name: "rope", kernels };
}

/** The element of pair i that comes first (`second` 0) or second (1). */
const elementOf = ({ pairing, rotary }: RopeWorkload, pair: Expr, second: Expr): Expr =>
  pairing === "neox" ? add(mul(second, rotary / 2), pair) : add(mul(pair, 2), second);

/** The cosine (or sine) of each row and pair. */
const turned = (name: "cos" | "sin", { m, rotary }: RopeWorkload): Buffer =>
  buffer(name, "f32", [rowsOf(m).extent, rotary / 2], { role: "workspace" });

/** x, or y. */
const headsOf = (name: string, role: BufferRole, { m, heads, d }: RopeWorkload): Buffer =>
  buffer(name, "f32", [rowsOf(m).extent, heads, d], { role });

function anglesKernel(workload: RopeWorkload): Kernel {
  const { m, rotary, scale } = workload;
  const { extent, symbols } = rowsOf(m);
  const pairs = rotary / 2;
  const positions = buffer("positions", "i32", [extent], { role: "input", range: [-farthest, farthest] });
  const frequencies = buffer("frequencies", "f32", [pairs], { role: "input", range: [-fastest, fastest] });
  // Stored, to have a name: written out wherever it is used, its text would fill a book.
  const turn = buffer("turn", "i32", [extent, pairs], { role: "workspace" });
  const [cos, sin] = [turned("cos", workload), turned("sin", workload)];
  const at = [variable("m"), variable("i")] as const;
  const angle = sinCosOfTurn(load(turn, at));
  const body = [
    store(turn.name, at, turnOf(load(positions, [at[0]]), load(frequencies, [at[1]]))),
    store(cos.name, at, mul(angle.cos, Math.fround(scale))),
    store(sin.name, at, mul(angle.sin, Math.fround(scale))),
  ];
  return kernel("angles", "prologue", {
    symbols,
    buffers: [positions, frequencies, turn, cos, sin],
    body: [loop("m", extent, [loop("i", pairs, body)])],
  });
}

/** Loops m, h, i (pairs), p (the first or the second of a pair). */
function mainKernel(workload: RopeWorkload): Kernel {
  const { extent, symbols } = rowsOf(workload.m);
  const [cos, sin] = [turned("cos", workload), turned("sin", workload)];
  const [x, y] = [headsOf("x", "input", workload), headsOf("y", "output", workload)];
  const [row, head, pair, second] = [variable("m"), variable("h"), variable("i"), variable("p")] as const;
  const valueAt = (p: Expr): Expr => load(x, [row, head, elementOf(workload, pair, p)]);
  const angle = load(sin, [row, pair]);
  const signed = select(op("eq", second, 0), op("neg", angle), angle);
  const value = add(mul(valueAt(second), load(cos, [row, pair])), mul(valueAt(sub(1, second)), signed));
  const body = [loop("p", 2, [store(y.name, [row, head, elementOf(workload, pair, second)], value)])];
  return kernel("main", "main", {
    symbols,
    buffers: [x, cos, sin, y],
    body: [loop("m", extent, [loop("h", workload.heads, [loop("i", workload.rotary / 2, body)])])],
  });
}

function restKernel(workload: RopeWorkload): Kernel {
  const { m, heads, d, rotary } = workload;
  const { extent, symbols } = rowsOf(m);
  const [x, y] = [headsOf("x", "input", workload), headsOf("y", "output", workload)];
  const at = [variable("m"), variable("h"), add(variable("i"), rotary)];
  return kernel("rest", "main", {
    symbols,
    buffers: [x, y],
    body: [loop("m", extent, [loop("h", heads, [loop("i", d - rotary, [store(y.name, at, load(x, at))])])])],
  });
}

function reference({ heads, d, rotary, pairing, scale }: RopeWorkload, inputs: Tensors): Tensors {
  const [x, positions] = [valuesOf(inputs, "x"), valuesOf(inputs, "positions")];
  const frequencies = valuesOf(inputs, "frequencies");
  const y = Float64Array.from(x);
  for (let head = 0; head < positions.length * heads; head++)
    for (let i = 0; i < rotary / 2; i++) {
      // Exact: an integer of 24 bits times an f32 has no more than 48.
      const angle = (positions[Math.floor(head / heads)] as number) * (frequencies[i] as number);
      const [cos, sin] = [scale * Math.cos(angle), scale * Math.sin(angle)];
      const a = head * d + (pairing === "neox" ? i : 2 * i);
      const b = a + (pairing === "neox" ? rotary / 2 : 1);
      y[a] = (x[a] as number) * cos - (x[b] as number) * sin;
      y[b] = (x[b] as number) * cos + (x[a] as number) * sin;
    }
  return { y };
}

export const rope: Operator<RopeWorkload> = {
  ...{ program, reference },
  meaning: () => "y[m,heads,d] = x[m,heads,d], pairs turned by positions[m] * frequencies[i]",
  bound: () => f32Bound,
};
