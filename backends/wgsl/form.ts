/**
 * Takes a kernel in invocation form apart: workgroup loops around local loops around the program of one invocation. Not here: how the
 * program is written (`emit/`).
 */
import { type Buffer, b, type Device, type Expr, type Kernel, type LoopKind, type Stmt } from "../../ir/index.ts";
import { EmitError } from "../errors.ts";

/** What a device must be able to do, at least; the defaults are WebGPU's. */
export interface EmitLimits {
  /** Bytes of workgroup memory. */
  readonly workgroupMemory: number;
  /** Invocations of a workgroup. */
  readonly invocations: number;
  /** Largest extent of a workgroup per dimension. */
  readonly workgroupSize: readonly [number, number, number];
  /** Storage buffers of a shader. */
  readonly storageBuffers: number;
  /** Whether a processor runs the shaders: its shifts of vectors go lane by lane, and cost more than products. */
  readonly isProcessor: boolean;
}

export const defaultLimits: EmitLimits = {
  workgroupMemory: 16384,
  invocations: 256,
  workgroupSize: [256, 256, 64],
  storageBuffers: 8,
  isProcessor: false,
};

/** What a device allows, by the names of its record; where that does not say, what every device does. */
export function limitsOf(limits: Device["limits"]): EmitLimits {
  const [x, y, z] = defaultLimits.workgroupSize;
  return {
    workgroupMemory: limits["workgroupMemory"] ?? defaultLimits.workgroupMemory,
    invocations: limits["invocations"] ?? defaultLimits.invocations,
    workgroupSize: [limits["localX"] ?? x, limits["localY"] ?? y, limits["localZ"] ?? z],
    storageBuffers: limits["storageBuffers"] ?? defaultLimits.storageBuffers,
    isProcessor: limits["processor"] === 1,
  };
}

export interface InvocationForm {
  /** Workgroups per dimension. */
  readonly grid: readonly [Expr, Expr, Expr];
  readonly workgroupSize: readonly [number, number, number];
  /** The names of the workgroup loops and of the local loops, per dimension. */
  readonly groups: readonly (string | undefined)[];
  readonly locals: readonly (string | undefined)[];
  readonly body: readonly Stmt[];
}

const dimensions = ["x", "y", "z"] as const;

export function fail(kernel: Pick<Kernel, "name">, reason: string): never {
  throw new EmitError(`kernel ${kernel.name}: ${reason}`);
}

/** Throws an `EmitError` where the kernel is not in invocation form or beyond the limits. */
export function invocationForm(kernel: Kernel, limits: EmitLimits): InvocationForm {
  const grid: [Expr, Expr, Expr] = [b.constant(1), b.constant(1), b.constant(1)];
  const workgroupSize: [number, number, number] = [1, 1, 1];
  const groups: (string | undefined)[] = [undefined, undefined, undefined];
  const locals: (string | undefined)[] = [undefined, undefined, undefined];
  let { body } = kernel;
  for (;;) {
    const [s] = body;
    const place = s?.kind === "for" ? placeOf(s.loopKind) : undefined;
    if (s?.kind !== "for" || place === undefined || body.length !== 1) break;
    const names = place.isLocal ? locals : groups;
    if (names[place.dimension] !== undefined)
      fail(kernel, `loop ${s.loop} is a second ${s.loopKind} loop: lower the kernel first`);
    names[place.dimension] = s.loop;
    if (!place.isLocal) {
      if (locals.some((name) => name !== undefined))
        fail(kernel, `${s.loopKind} loop ${s.loop} is inside a local loop: lower the kernel first`);
      grid[place.dimension] = s.extent;
    } else if (s.extent.kind === "const") workgroupSize[place.dimension] = s.extent.value;
    else fail(kernel, `the extent of ${s.loopKind} loop ${s.loop} is not constant`);
    body = s.body;
  }
  checkSize(kernel, workgroupSize, limits);
  checkBuffers(kernel, limits);
  return { grid, workgroupSize, groups, locals, body };
}

function placeOf(kind: LoopKind): { isLocal: boolean; dimension: number } | undefined {
  const dimension = dimensions.findIndex((axis) => kind === `workgroup.${axis}` || kind === `local.${axis}`);
  return dimension < 0 ? undefined : { isLocal: kind.startsWith("local."), dimension };
}

function checkSize(kernel: Kernel, size: readonly [number, number, number], limits: EmitLimits): void {
  const count = size[0] * size[1] * size[2];
  if (count > limits.invocations)
    fail(
      kernel,
      `a workgroup of ${size.join(" x ")} is ${count} invocations, over the limit of ${limits.invocations}: bind smaller local loops`,
    );
  dimensions.forEach((axis, i) => {
    const [extent, most] = [size[i] as number, limits.workgroupSize[i] as number];
    if (extent > most)
      fail(
        kernel,
        `a workgroup has ${extent} invocations along ${axis}, over the limit of ${most}: bind local.x instead`,
      );
  });
}

/** The buffers that a shader binds, in order: all global ones but those that the hardware has. */
export const boundBuffers = ({ buffers }: Kernel): readonly Buffer[] =>
  buffers.filter(({ scope, role }) => scope === "global" && role !== "subgroup");

/** Bytes of a workgroup buffer in lowered form, whole words. */
export function workgroupBytes(kernel: Kernel, { name, shape, unit }: Buffer): number {
  const [size] = shape;
  if (unit !== "byte" || size?.kind !== "const")
    fail(kernel, `workgroup buffer ${name} is not addressed in bytes: lower the kernel first`);
  return Math.ceil(size.value / 4) * 4;
}

function checkBuffers(kernel: Kernel, limits: EmitLimits): void {
  const shared = kernel.buffers.filter(({ scope }) => scope === "workgroup");
  const bytes = shared.map((buffer) => workgroupBytes(kernel, buffer));
  const total = bytes.reduce((sum, size) => sum + size, 0);
  if (total > limits.workgroupMemory) {
    const list = shared.map(({ name }, i) => `${name} ${bytes[i]}`).join(", ");
    fail(
      kernel,
      `workgroup memory of ${total} bytes (${list}) is over the limit of ${limits.workgroupMemory}: stage smaller tiles, or a narrower type`,
    );
  }
  const bound = boundBuffers(kernel);
  for (const { name, unit } of bound)
    if (unit !== "byte") fail(kernel, `buffer ${name} is not addressed in bytes: lower the kernel first`);
  if (bound.length > limits.storageBuffers)
    fail(
      kernel,
      `${bound.length} storage buffers (${bound.map(({ name }) => name).join(", ")}) are over the limit of ${limits.storageBuffers}: pack fields together, or split the kernel`,
    );
}
