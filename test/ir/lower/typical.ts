/**
 * The kernel that lowering is mostly for: int4 weights in groups of 32 times int8 activations, as a schedule leaves it (tiles of `t` vectors of 4 rows and `mr`
 * rows of x; 8-bit dot products into i16 pairs, flushed once a group).
 */
import { type Buffer, b, type Expr, type Kernel, type Stmt } from "../../../ir/index.ts";

export interface TypicalSize {
  /** Rows of x, a multiple of `mr`. */
  readonly m: number;
  readonly n: number;
  readonly k: number;
  /** Vectors of 4 rows of w. */
  readonly t: number;
  readonly mr: number;
}

const { add, call, cast, lanes, load, loop, mul, reduce, store, sub, variable: v } = b;

export function typical({ m, n, k, t, mr }: TypicalSize): Kernel {
  const groups = k / 32;
  const tiles = Math.ceil(n / (4 * t));
  const xq = b.buffer("x.q", "i8", [m, groups, 32], { role: "workspace", range: [-127, 127] });
  const xs = b.buffer("x.s", "f32", [m, groups], { role: "workspace" });
  const xsum = b.buffer("x.sum", "i32", [m, groups], { role: "workspace" });
  const wq = b.buffer("w.q", "u4", [tiles, groups, 4, t, 4, 2, 2, 2], { role: "packed" });
  const ws = b.buffer("w.s", "f32", [tiles, groups, t, 4], { role: "packed" });
  const y = b.buffer("y", "f32", [m, n], { role: "output" });
  const d16 = b.buffer("d16", "i16", [mr, t, 4, 2], { scope: "register" });
  const acc = b.buffer("acc", "f32", [mr, t, 4], { scope: "register" });
  const four = lanes([4], [1]);
  const [nl2, kp2] = [lanes([4, 2], [1, 0]), lanes([4, 2], [0, 1])];
  const [nl3, kp3, kq3] = [lanes([4, 2, 2], [1, 0, 0]), lanes([4, 2, 2], [0, 1, 0]), lanes([4, 2, 2], [0, 0, 1])];
  const row = add(mul(v("mo"), mr), v("mi"));
  const each = (body: readonly Stmt[], suffix = ""): Stmt =>
    loop(`mi${suffix}`, mr, [loop(`nt${suffix}`, t, body, "unroll")], "unroll");
  const at = (buffer: Buffer, suffix: string, ...lane: Expr[]): Expr =>
    load(buffer, [v(`mi${suffix}`), v(`nt${suffix}`), ...lane]);
  const x = load(xq, [row, v("kg"), add(add(add(mul(v("kj"), 8), mul(v("h"), 4)), mul(kp3, 2)), kq3)]);
  const w = load(wq, [v("no"), v("kg"), v("kj"), v("nt"), nl3, kp3, kq3, v("h")]);
  const rowE = add(mul(v("mo"), mr), v("mi/e"));
  const flush = call(
    "madd_f32",
    cast("f32", sub(call("sum2_i32_i16", at(d16, "/e", nl2, kp2)), load(xsum, [rowE, v("kg")]))),
    mul(load(ws, [v("no"), v("kg"), v("nt/e"), four]), load(xs, [rowE, v("kg")])),
    at(acc, "/e", four),
  );
  const column = add(add(mul(v("no"), 4 * t), mul(v("nt/y"), 4)), four);
  const body: Stmt[] = [
    each([store("acc", [v("mi/a"), v("nt/a"), four], b.constant(0, "f32"))], "/a"),
    loop("kg", groups, [
      each([store("d16", [v("mi/d"), v("nt/d"), nl2, kp2], b.constant(0, "i16"))], "/d"),
      loop(
        "kj",
        4,
        [
          loop(
            "nt",
            t,
            [
              loop(
                "h",
                2,
                [
                  loop(
                    "mi",
                    mr,
                    [reduce("d16", [v("mi"), v("nt"), nl2, kp2], call("dot2_i16_i8_i7", x, cast("i8", w)), [])],
                    "unroll",
                  ),
                ],
                "unroll",
              ),
            ],
            "unroll",
          ),
        ],
        "unroll",
      ),
      each([store("acc", [v("mi/e"), v("nt/e"), four], flush)], "/e"),
    ]),
    each([store("y", [add(mul(v("mo"), mr), v("mi/y")), column], at(acc, "/y", four), b.lt(column, n))], "/y"),
  ];
  return b.kernel("main", "main", {
    buffers: [xq, xs, xsum, wq, ws, y, d16, acc],
    body: [loop("no", tiles, [loop("mo", m / mr, body)], "thread")],
  });
}
