/** scratch */
import type { AttentionWorkload } from "../../ir/index.ts";
import type { Schedule } from "../schedule.ts";
import type { AnyStep } from "../primitives/index.ts";

const kernel = "main";
const split = (loop: string, factor: number, into: readonly [string, string]): AnyStep => ({ op: "split", kernel, loop, factor, into });
const block = 64;

export function attentionSchedule(w: AttentionWorkload, { rows = 1, tile = 4 } = {}): Schedule {
  const passes = ["s", "x", "m", "p", "l", "o"];
  return [
    split("i", rows, ["io", "ii"]),
    { op: "distribute", kernel, loop: "hg" },
    { op: "distribute", kernel, loop: "ii" },
    ...passes.flatMap((of): Schedule => [
      split(`${of}/t`, block, [`${of}/tb`, `${of}/ti`]),
    ]),
    { op: "reorder", kernel, loops: ["s/tb", "s/ii", "s/hg", "s/ti", "s/d"] },
    ...["x", "m", "p", "l"].map((of): AnyStep => ({ op: "reorder", kernel, loops: [`${of}/tb`, `${of}/ii`, `${of}/hg`, `${of}/ti`] })),
    { op: "reorder", kernel, loops: ["o/tb", "o/ii", "o/hg", "o/ti", "o/d"] },
    { op: "online", kernel, max: "m", loops: passes.map((of) => `${of}/tb`), into: "tb" },
    ...["s", "x", "p"].map((buffer): AnyStep => ({ op: "contract", kernel, buffer, at: "tb", keep: ["hk"] })),
    ...["m", "l", "o", "m.before", "m.scale"].map((buffer): AnyStep => ({ op: "contract", kernel, buffer, at: "io", keep: ["hk"] })),
    split("s/ti", 4, ["s/tv", "s/tl"]),
    split("s/tv", tile, ["s/to", "s/tn"]),
    { op: "reorder", kernel, loops: ["s/to", "s/d", "s/tn", "s/ii", "s/hg", "s/tl"] },
    { op: "accumulate-in", kernel, buffer: "s", at: "s/to", into: "s.acc" },
    split("x/ti", 4, ["x/tv", "x/tl"]),
    split("m/ti", 4, ["m/tv", "m/tl"]),
    { op: "accumulate-in", kernel, buffer: "m", at: "m/hg", into: "m.v", keep: ["m/tl"] },
    split("p/ti", 4, ["p/tv", "p/tl"]),
    split("l/ti", 4, ["l/tv", "l/tl"]),
    { op: "accumulate-in", kernel, buffer: "l", at: "l/hg", into: "l.v", keep: ["l/tl"] },
    split("o/d", 4, ["o/dv", "o/dl"]),
    split("o/dv", tile, ["o/do", "o/dn"]),
    { op: "reorder", kernel, loops: ["o/do", "o/ti", "o/dn", "o/ii", "o/hg", "o/dl"] },
    { op: "accumulate-in", kernel, buffer: "o", at: "o/do", into: "o.acc" },
    split("scale/o/d", 4, ["scale/dv", "scale/dl"]),
    split("start/o/d", 4, ["start/dv", "start/dl"]),
    split("y/d", 4, ["y/dv", "y/dl"]),
    { op: "layout", buffer: "k.v", axes: [["kb", ["kv", 16], ["kl", 4]], ["kh"], ["kd"]], order: ["kb", "kh", "kv", "kd", "kl"] },
    { op: "layout", buffer: "v.v", axes: [["vb", ["vt", 64]], ["vh"], ["vd"]], order: ["vb", "vh", "vt", "vd"] },
    ...["s/tl", "s.acc/s/tl", "x/tl", "m/tl", "p/tl", "l/tl", "o/dl", "o.acc/o/dl", "scale/dl", "start/dl", "y/dl"].map((l): AnyStep => ({ op: "vectorize", kernel, loops: [l] })),
    { op: "unroll", kernel, loops: ["s/tn", "s/ii", "s/hg", "s.acc/s/tn", "s.acc/s/ii", "s.acc/s/hg", "m.v/m/tl", "l.v/l/tl", "o/dn", "o/ii", "o/hg", "o.acc/o/dn", "o.acc/o/ii", "o.acc/o/hg"] },
    { op: "bind", kernel, loop: "hk", to: "thread" },
  ];
}
