/** What other folders may use of `ir/`. */

export { type Affine, addAffine, affineOf, exprOf, isMultipleOf } from "./affine.ts";
export {
  type AppendWorkload,
  type AttentionNumerics,
  type AttentionWorkload,
  attentionBounds,
  cacheBlock,
  type MergeWorkload,
  type Paged,
  type RotateWorkload,
  typicalSizes,
} from "./attention.ts";
export * as b from "./build.ts";
export type { Device, Feature } from "./device.ts";
export { check, InterpretError, IrError, ParseError, QloomError, WorkloadError } from "./errors.ts";
export * from "./formats/index.ts";
export { sha256 } from "./hash.ts";
export { findNodeModule, nodeModule } from "./host.ts";
export { inWords } from "./in-words.ts";
export { type Environment, type InterpretOptions, inDomain, interpretKernel } from "./interpret.ts";
export { type Facts, factsOf, type Interval, lowerBound, provablyLess, rangeOf } from "./interval.ts";
export { type IntrinsicName, type IntrinsicOperand, type IntrinsicRow, intrinsics, type Term } from "./intrinsics.ts";
export { lower, passes } from "./lower/index.ts";
export { exp, expandedExp, log, silu, sinCosOfTurn, tanh, turnOf } from "./math.ts";
export { sizeOf } from "./memory.ts";
export { type MonoidRow, monoids } from "./monoids.ts";
export type * from "./nodes.ts";
export * from "./ops/index.ts";
export { type RopePairing, type Rotation, ropePairings, type ScaledRotation } from "./rope.ts";
export { interpretProgram, type ProgramOptions } from "./run-program.ts";
export { castBits, castValue, domains, evalOp, type OpName, type OpRow, ops, wrap } from "./scalar-ops.ts";
export { simplifier, simplifyKernel } from "./simplify.ts";
export { byteSize, bytesOfTensor, elementCount, emptyTensor, type Tensor, tensor, tensorOfBytes } from "./tensor.ts";
export * from "./text/index.ts";
export * from "./types.ts";
export { type Form, verifyKernel, verifyProgram } from "./verify.ts";
export * from "./visit.ts";
export * from "./workload.ts";
