/**
 * Reading memory as fast as a GPU can: a sum of every word, read once, 16 bytes at a time. As kernels in grid form, with the results that they must give. Not
 * here: running and timing them (limits.ts).
 *
 *     for g < groups workgroup.x: for l < local local.x:
 *       for r: for u < unrolled: acc<4> += x[r, u, g, l, <4>]
 *       y[g, l] = acc[0] + acc[1] + acc[2] + acc[3]
 */
import { b, type Expr, type Kernel, type Var } from "../../../ir/index.ts";

/** How the words are dealt to invocations. */
export interface ReadVariant {
  /** Workgroups, and invocations of each. */
  readonly groups: number;
  readonly local: number;
  /** Loads of 16 bytes on their way at a time, in each invocation. */
  readonly unrolled: number;
  /** `swept`: all workgroups go through memory side by side. `apart`: each has a stretch of its own. */
  readonly order: "swept" | "apart";
}

const bytesPerLoad = 16;

/** Rounds of `unrolled` loads that each invocation makes; not whole where the variant does not suit the size. */
export const roundsOf = (bytes: number, { groups, local, unrolled }: ReadVariant): number =>
  bytes / (bytesPerLoad * groups * local * unrolled);

/** Word i of the buffer is `step * i + start`, wrapped: words without a pattern that hardware could see, whose sums are known. */
const step = 0x1e3779b1;
const start = 0x7f4a7c15;

const lanes = b.lanes([4], [1]);

/** Writes the words: `x` i32 [bytes / 4]. Bytes are a multiple of 16. */
export function fillKernel(bytes: number): Kernel {
  const x = b.buffer("x", "i32", [bytes / 4], { role: "output" });
  const at = b.add(b.mul(b.variable("i"), 4), lanes);
  const word = b.add(b.mul(at, step), start);
  const body = b.loop("i", bytes / bytesPerLoad, [b.store("x", [at], word)], "thread");
  return b.kernel("fill", "main", { buffers: [x], body: [body] });
}

/** Reads `x` i32 [bytes / 4] and writes `y` i32 [groups, local]: what each invocation has added up, wrapped. */
export function readKernel(bytes: number, variant: ReadVariant): Kernel {
  const { groups, local, unrolled, order } = variant;
  const rounds = roundsOf(bytes, variant);
  const apart = order === "apart";
  const shape = apart ? [groups, rounds, unrolled, local, 4] : [rounds, unrolled, groups, local, 4];
  const x = b.buffer("x", "i32", shape, { role: "input" });
  const y = b.buffer("y", "i32", [groups, local], { role: "output" });
  const acc = b.buffer("acc", "i32", [4], { scope: "register" });
  const [g, l, r, u] = ["g", "l", "r", "u"].map((name) => b.variable(name)) as [Var, Var, Var, Var];
  const word = b.load(x, apart ? [g, r, u, l, lanes] : [r, u, g, l, lanes]);
  const sum = [0, 1, 2, 3].map((lane): Expr => b.load(acc, [lane])).reduce((sum, next) => b.add(sum, next));
  const body = b.loop(
    "g",
    groups,
    [
      b.loop(
        "l",
        local,
        [
          b.loop("r", rounds, [b.loop("u", unrolled, [b.reduce("acc", [lanes], word, ["r", "u"])], "unroll")]),
          b.store("y", [g, l], sum),
        ],
        "local.x",
      ),
    ],
    "workgroup.x",
  );
  return b.kernel("read", "main", { buffers: [x, y, acc], body: [body] });
}

/** What `readKernel` must write. */
export function readResult(bytes: number, variant: ReadVariant): Int32Array<ArrayBuffer> {
  const { groups, local, unrolled, order } = variant;
  const loads = roundsOf(bytes, variant) * unrolled;
  // Load i of invocation (g, l) begins at word first(g, l) + stride * i; the words of a load are 4 in a row.
  const stride = 4 * local * (order === "apart" ? 1 : groups);
  const steps = Math.imul(4 * stride, (loads * (loads - 1)) / 2) + 6 * loads;
  const y = new Int32Array(groups * local);
  for (let g = 0; g < groups; g++) {
    for (let l = 0; l < local; l++) {
      const first = 4 * (order === "apart" ? g * loads * local + l : g * local + l);
      const indices = (Math.imul(4 * loads, first) + steps) | 0;
      y[g * local + l] = Math.imul(step, indices) + Math.imul(start, 4 * loads);
    }
  }
  return y;
}
