/** The primitives: adding one is a file and a line here. */
import type { Primitive, Step } from "../primitive.ts";
import { accumulateIn } from "./accumulate-in.ts";
import { bind } from "./bind.ts";
import { computeAt } from "./compute-at.ts";
import { factor } from "./factor.ts";
import { fission } from "./fission.ts";
import { hoist } from "./hoist.ts";
import { layout } from "./layout.ts";
import { recode } from "./recode.ts";
import { reorder } from "./reorder.ts";
import { rfactor } from "./rfactor.ts";
import { specialize } from "./specialize.ts";
import { split } from "./split.ts";
import { tensorize } from "./tensorize.ts";
import { unroll } from "./unroll.ts";
import { vectorize } from "./vectorize.ts";

const list = [
  split,
  reorder,
  unroll,
  vectorize,
  bind,
  accumulateIn,
  layout,
  rfactor,
  computeAt,
  hoist,
  fission,
  tensorize,
  specialize,
  factor,
  recode,
];

/** By name. A step is checked by its primitive's schema before it is applied, which makes the wider type safe. */
export const primitives: ReadonlyMap<string, Primitive<Step>> = new Map(
  list.map((primitive) => [primitive.op, primitive as unknown as Primitive<Step>]),
);
