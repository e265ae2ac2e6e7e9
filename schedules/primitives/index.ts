/** The primitives: adding one is a file and a line here. */
import type { Primitive, Step } from "../primitive.ts";
import { type AccumulateInStep, accumulateIn } from "./accumulate-in.ts";
import { type BindStep, bind } from "./bind.ts";
import { type ClipStep, clip } from "./clip.ts";
import { type ComputeAtStep, computeAt } from "./compute-at.ts";
import { type ContractStep, contract } from "./contract.ts";
import { type CountBitsStep, countBits } from "./count-bits.ts";
import { type DistributeStep, distribute } from "./distribute.ts";
import { type FactorStep, factor } from "./factor.ts";
import { type FissionStep, fission } from "./fission.ts";
import { type FuseStep, fuse } from "./fuse.ts";
import { type HoistStep, hoist } from "./hoist.ts";
import { type JoinStep, join } from "./join.ts";
import { type LayoutStep, layout } from "./layout.ts";
import { type LookupStep, lookup } from "./lookup.ts";
import { type OnlineStep, online } from "./online.ts";
import { type PipelineStep, pipeline } from "./pipeline.ts";
import { type RebaseStep, rebase } from "./rebase.ts";
import { type RecodeStep, recode } from "./recode.ts";
import { type ReorderStep, reorder } from "./reorder.ts";
import { type RfactorStep, rfactor } from "./rfactor.ts";
import { type SkipStep, skip } from "./skip.ts";
import { type SpecializeStep, specialize } from "./specialize.ts";
import { type SplitStep, split } from "./split.ts";
import { type StageStep, stage } from "./stage.ts";
import { type SubgroupStep, subgroup } from "./subgroup.ts";
import { type TensorizeStep, tensorize } from "./tensorize.ts";
import { type TrimStep, trim } from "./trim.ts";
import { type UnrollStep, unroll } from "./unroll.ts";
import { type VectorizeStep, vectorize } from "./vectorize.ts";

const list = [
  split,
  reorder,
  fuse,
  distribute,
  join,
  unroll,
  vectorize,
  bind,
  accumulateIn,
  layout,
  rfactor,
  subgroup,
  computeAt,
  hoist,
  fission,
  contract,
  stage,
  pipeline,
  tensorize,
  specialize,
  factor,
  recode,
  lookup,
  online,
  rebase,
  skip,
  trim,
  clip,
  countBits,
];

/** A step of any primitive. */
export type AnyStep =
  | AccumulateInStep
  | BindStep
  | ClipStep
  | ComputeAtStep
  | ContractStep
  | DistributeStep
  | CountBitsStep
  | FactorStep
  | FissionStep
  | FuseStep
  | HoistStep
  | JoinStep
  | LayoutStep
  | LookupStep
  | OnlineStep
  | PipelineStep
  | RebaseStep
  | RecodeStep
  | ReorderStep
  | RfactorStep
  | SkipStep
  | SpecializeStep
  | SplitStep
  | StageStep
  | SubgroupStep
  | TensorizeStep
  | TrimStep
  | UnrollStep
  | VectorizeStep;

/** By name. A step is checked by its primitive's schema before it is applied, which makes the wider type safe. */
export const primitives: ReadonlyMap<string, Primitive<Step>> = new Map(
  list.map((primitive) => [primitive.op, primitive as unknown as Primitive<Step>]),
);
