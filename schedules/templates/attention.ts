/** scratch */
import { type AttentionWorkload, formatOf, spanOf } from "../../ir/index.ts";
import type { AnyStep } from "../primitives/index.ts";
import type { Schedule } from "../schedule.ts";

const kernel = "main";
const split = (loop: string, factor: number, into: readonly [string, string]): AnyStep => ({
  ...{ op: "split", kernel, loop, factor, into },
});
const vectorize = (loop: string): AnyStep => ({ op: "vectorize", kernel, loops: [loop] });
const unroll = (...loops: readonly string[]): AnyStep => ({ op: "unroll", kernel, loops });
const reorder = (...loops: readonly string[]): AnyStep => ({ op: "reorder", kernel, loops });

export function attentionSchedule(
  w: AttentionWorkload,
  { rows = 1, tile = 4, vtile = 4, ud = 0 }: Record<string, number> = {},
): Schedule {
  const quantized = w.numerics.weights === "i8";
  const passes = quantized
    ? ["s", "x", "xb", "m", "e", "r", "lb", "l", "w", "w.max", "w.s", "w.q", "o"]
    : ["s", "x", "m", "p", "l", "o"];
  const inBlock = quantized ? ["s", "x", "xb", "e", "r", "lb", "w", "w.max", "w.s", "w.q"] : ["s", "x", "p"];
  const extra: Record<string, string[]> = {
    s: ["s/ti", "s/d"],
    x: ["x/ti"],
    xb: ["xb/ti"],
    m: quantized ? [] : ["m/ti"],
    e: ["e/ti"],
    r: [],
    lb: ["lb/ti"],
    p: ["p/ti"],
    l: quantized ? [] : ["l/ti"],
    w: ["w/g", "w/ti"],
    "w.max": ["w.max/g", "w.max/ti"],
    "w.s": ["w.s/g"],
    "w.q": ["w.q/g", "w.q/ti"],
    o: ["o/ti", "o/d"],
  };
  const keys = formatOf(w.keys);
  const values = formatOf(w.values);
  return [
    split("i", rows, ["io", "ii"]),
    { op: "distribute", kernel, loop: "hg" },
    { op: "distribute", kernel, loop: "ii" },
    ...passes.map((of) => reorder(`${of}/tb`, `${of}/ii`, `${of}/hg`, ...(extra[of] as string[]))),
    { op: "online", kernel, max: "m", loops: passes.map((of) => `${of}/tb`), into: "tb" },
    ...inBlock.map((buffer): AnyStep => ({ op: "contract", kernel, buffer, at: "tb", keep: ["hk"] })),
    ...["m", "l", "o", "m.before", "m.scale"].map(
      (buffer): AnyStep => ({ op: "contract", kernel, buffer, at: "io", keep: ["hk"] }),
    ),
    ...(w.numerics.scores === "f32" ? floatScores(tile) : integerScores(tile, w, ud === 1)),
    split("x/ti", 4, ["x/tv", "x/tl"]),
    vectorize("x/tl"),
    ...(quantized
      ? integerWeights(w)
      : [
          ...laneReduce("m", "m/hg"),
          ...laneReduce("l", "l/hg"),
          split("p/ti", 4, ["p/tv", "p/tl"]),
          vectorize("p/tl"),
        ]),
    ...(quantized ? integerValues(vtile, w) : floatValues(vtile, w)),
    split("scale/o/d", 4, ["scale/dv", "scale/dl"]),
    split("start/o/d", 4, ["start/dv", "start/dl"]),
    split("y/d", 4, ["y/dv", "y/dl"]),
    ...["scale/dl", "start/dl", "y/dl"].map(vectorize),
    { op: "bind", kernel, loop: "hk", to: "thread" },
    ...layouts("k", keys),
    ...layouts("v", values),
  ].toSorted((a, b) => rank(a) - rank(b));
}
const rank = (s: AnyStep): number =>
  s.op === "layout" ? 1 : ["vectorize", "unroll", "bind", "tensorize"].includes(s.op) ? 2 : 0;

function layouts(t: "k" | "v", f: ReturnType<typeof formatOf>): Schedule {
  const bits = f.codes?.bits ?? 32;
  return f.fields.map(({ name }): AnyStep => {
    const buffer = `${t}.${name}`;
    if (name === "v")
      return t === "k"
        ? {
            op: "layout",
            buffer,
            axes: [["kb", ["kv", 16], ["kl", 4]], ["kh"], ["kd"]],
            order: ["kb", "kh", "kv", "kd", "kl"],
          }
        : { op: "layout", buffer, axes: [["vb", ["vt", 64]], ["vh"], ["vd"]], order: ["vb", "vh", "vt", "vd"] };
    if (name !== "q")
      return { op: "layout", buffer, axes: [["b", ["t", 64]], ["h"], ["g"]], order: ["b", "h", "g", "t"] };
    const pieces = 8 / bits;
    return t === "k"
      ? {
          op: "layout",
          buffer,
          axes: [["b", ["tv", 16], ["tl", 4]], ["head"], ["dj", ["h", pieces], ["kq", 4]]],
          order: ["b", "head", "tv", "dj", "tl", "kq", "h"],
        }
      : {
          op: "layout",
          buffer,
          axes: [["b", ["tj", 16 / pieces], ["h", pieces], ["tq", 4]], ["head"], ["dv", ["dl", 4]]],
          order: ["b", "head", "tj", "dv", "dl", "tq", "h"],
        };
  });
}

function laneReduce(buffer: string, at: string): Schedule {
  return [
    split(`${buffer}/ti`, 4, [`${buffer}/tv`, `${buffer}/tl`]),
    { op: "accumulate-in", kernel, buffer, at, into: `${buffer}.v`, keep: [`${buffer}/tl`] },
    vectorize(`${buffer}/tl`),
    unroll(`${buffer}.v/${buffer}/tl`),
  ];
}

function floatScores(tile: number): Schedule {
  return [
    split("s/ti", 4, ["s/tv", "s/tl"]),
    split("s/tv", tile, ["s/to", "s/tn"]),
    reorder("s/to", "s/d", "s/tn", "s/ii", "s/hg", "s/tl"),
    { op: "accumulate-in", kernel, buffer: "s", at: "s/to", into: "s.acc" },
    vectorize("s/tl"),
    vectorize("s.acc/s/tl"),
    unroll("s/tn", "s/ii", "s/hg", "s.acc/s/tn", "s.acc/s/ii", "s.acc/s/hg"),
  ];
}

function integerScores(tile: number, w: AttentionWorkload, unrollD = false): Schedule {
  const keys = formatOf(w.keys);
  const bits = keys.codes?.bits ?? 8;
  const pieces = 8 / bits;
  const group = spanOf(keys.group ?? "row", w.headSize);
  const fold = bits === 8;
  return [
    split("s/ti", 4, ["s/tv", "s/tl"]),
    split("s/tv", tile, ["s/to", "s/tn"]),
    split("s/d", group, ["s/dg", "s/di"]),
    split("s/di", 4 * pieces, ["s/dj", "s/dx"]),
    split("s/dx", 4, ["s/h", "s/kq"]),
    split("s/kq", 2, ["s/kp", "s/kr"]),
    reorder("s/to", "s/dg", "s/dj", "s/tn", "s/ii", "s/h", "s/hg", "s/tl", "s/kp", "s/kr"),
    { op: "accumulate-in", kernel, buffer: "s", at: "s/to", into: "s.acc" },
    { op: "factor", kernel, buffer: "s.acc", at: "s/dg", into: ["s.d", ...(fold ? [] : ["q.zero"])] },
    ...(fold
      ? [
          {
            op: "recode",
            kernel,
            encoding: "sign-fold",
            buffer: "s.d",
            operand: "q.q",
            into: ["q.abs", "q.sign", "q.fold"],
          } as AnyStep,
        ]
      : []),
    { op: "hoist", kernel, buffer: fold ? "q.fold" : "q.zero" },
    { op: "fission", kernel, buffer: fold ? "q.fold" : "q.zero", into: "correct", stage: "prologue" },
    {
      op: "accumulate-in",
      kernel,
      buffer: "s.d",
      at: fold ? "s/dj" : "s/dg",
      into: "s.d16",
      scalar: "i16",
      keep: ["s/kp"],
    },
    { op: "tensorize", kernel, loops: ["s/tl", "s/kp", "s/kr"], with: "dot2_i16_i8_i7" },
    { op: "tensorize", kernel, loops: ["s.d16/s/tl", "s.d16/s/kp"], with: "sum2_i32_i16" },
    vectorize("s.d/s/tl"),
    vectorize("s.acc/s/tl"),
    unroll(
      "s/tn",
      "s/ii",
      "s/hg",
      "s/h",
      ...(unrollD ? ["s/dj"] : []),
      ...["s.d16", "s.d", "s.acc"].flatMap((x) =>
        x === "s.d16" && fold ? [] : [`${x}/s/tn`, `${x}/s/ii`, `${x}/s/hg`],
      ),
    ),
  ];
}

function floatValues(tile: number, w: AttentionWorkload): Schedule {
  const { codes } = formatOf(w.values);
  const pieces = 8 / (codes?.bits ?? 8);
  const quads: Schedule =
    codes === undefined ? [] : [split("o/ti", 4 * pieces, ["o/tj", "o/tx"]), split("o/tx", 4, ["o/h", "o/tq"])];
  const t = codes === undefined ? ["o/ti"] : ["o/tj", "o/h", "o/tq"];
  const stage: AnyStep[] =
    codes === undefined
      ? []
      : [
          {
            op: "stage",
            kernel,
            buffer: "v.q",
            at: "o/tq",
            into: "v.r",
            scope: "register",
            decode: true,
            with: ["v.s"],
          },
        ];
  return [
    ...quads,
    split("o/d", 4, ["o/dv", "o/dl"]),
    split("o/dv", tile, ["o/do", "o/dn"]),
    reorder("o/do", ...t, "o/dn", "o/ii", "o/hg", "o/dl"),
    { op: "accumulate-in", kernel, buffer: "o", at: "o/do", into: "o.acc" },
    ...stage,
    ...(stage.length > 0 ? [vectorize("v.r/o/dl"), unroll("v.r/o/dn", "o/h", "o/tq")] : []),
    vectorize("o/dl"),
    vectorize("o.acc/o/dl"),
    unroll("o/dn", "o/ii", "o/hg", "o.acc/o/dn", "o.acc/o/ii", "o.acc/o/hg"),
  ];
}

function integerWeights(_w: AttentionWorkload): Schedule {
  const each = (of: string): Schedule => [split(`${of}/ti`, 4, [`${of}/tv`, `${of}/tl`]), vectorize(`${of}/tl`)];
  return [
    ...laneReduce("xb", "xb/hg"),
    ...laneReduce("lb", "lb/hg"),
    ...laneReduce("w.max", "w.max/g"),
    ...each("e"),
    ...each("w"),
    split("w.q/ti", 16, ["w.q/tv", "w.q/tl"]),
    vectorize("w.q/tl"),
  ];
}

function integerValues(tile: number, w: AttentionWorkload): Schedule {
  const values = formatOf(w.values);
  const bits = values.codes?.bits ?? 8;
  const pieces = 8 / bits;
  const narrow = bits < 8;
  return [
    split("o/ti", 4 * pieces, ["o/tj", "o/tx"]),
    split("o/tx", 4, ["o/h", "o/tq"]),
    split("o/tq", 2, ["o/tp", "o/tr"]),
    split("o/d", 4, ["o/dv", "o/dl"]),
    split("o/dv", tile, ["o/do", "o/dn"]),
    reorder("o/do", "o/tj", "o/dn", "o/ii", "o/h", "o/hg", "o/dl", "o/tp", "o/tr"),
    { op: "factor", kernel, buffer: "o", at: "o/do", into: ["o.d", ...(narrow ? ["w.zero"] : [])] },
    {
      op: "accumulate-in",
      kernel,
      buffer: "o.d",
      at: narrow ? "o/tj" : "o/tj",
      into: "o.d16",
      scalar: "i16",
      keep: ["o/tp"],
    },
    { op: "tensorize", kernel, loops: ["o/dl", "o/tp", "o/tr"], with: "dot2_i16_i8_i7" },
    { op: "tensorize", kernel, loops: ["o.d16/o/dl", "o.d16/o/tp"], with: "sum2_i32_i16" },
    vectorize("o.d/o/dl"),
    unroll("o/dn", "o/ii", "o/hg", "o/h", ...["o.d"].flatMap((x) => [`${x}/o/dn`, `${x}/o/ii`, `${x}/o/hg`])),
  ];
}
