/** What other folders may use of `ir/`. */
export * as b from "./build.ts";
export type { Device, Feature } from "./device.ts";
export { check, IrError, ParseError, QloomError, WorkloadError } from "./errors.ts";
export { type IntrinsicName, type IntrinsicOperand, type IntrinsicRow, intrinsics, type Term } from "./intrinsics.ts";
export type * from "./nodes.ts";
export { castBits, castValue, evalOp, type OpName, type OpRow, ops, wrap } from "./ops.ts";
export * from "./types.ts";
export * from "./visit.ts";
export * from "./workload.ts";
