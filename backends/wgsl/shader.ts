/** Lowered kernels to WGSL modules, each with what a runtime needs to launch it. Nothing here runs a shader; that is `runtime/`. */
import { type Device, type Expr, evalOp, type Feature, type Kernel, type Stage } from "../../ir/index.ts";
import { emitKernel } from "./emit/index.ts";
import { boundBuffers, type EmitLimits, limitsOf } from "./form.ts";
import { gpuError } from "./runtime/errors.ts";
import type { Extent, LaunchShader, ShaderBinding, Symbols } from "./runtime/shader.ts";

/**
 * One launch, as a runtime takes it. Its workgroup `group.x` is `workgroup_id.x + args.begin`, so that a grid larger than a device takes, or a
 * buffer larger than a binding may be, is launched in parts. A sliced binding starts at byte `begin * sliced`. Sizes of bindings are rounded up to
 * multiples of 4 bytes. The shader may be called only with values of its symbols in their domains. The same kernel gives the same code.
 */
export interface Shader extends Omit<LaunchShader, "grid"> {
  readonly stage: Stage;
  readonly grid: readonly [x: Expr, y: Expr, z: Expr];
}

/**
 * Compiles kernels lowered for `wgsl`.
 *
 * @param features what the modules may use: `f16`, `subgroups`, `packed-dot`
 * @param limits of the device, by the names of its record (what every device has where it does not say); a kernel beyond them is refused
 * @throws EmitError where a kernel is not in lowered form, or beyond the limits
 */
export function compileShaders(
  kernels: readonly Kernel[],
  features: readonly Feature[],
  limits: Device["limits"] = {},
): readonly Shader[] {
  return kernels.map((kernel) => compileShader(kernel, features, limitsOf(limits)));
}

function compileShader(kernel: Kernel, features: readonly Feature[], limits: EmitLimits): Shader {
  const { code, form, views, slices, features: used } = emitKernel(kernel, features, limits);
  const { name, stage, symbols } = kernel;
  const bindings = boundBuffers(kernel).map(
    ({ name: buffer }): ShaderBinding => ({
      buffer,
      access: views.get(buffer)?.isWritten ? "read_write" : "read",
      sliced: slices.get(buffer) ?? 0,
    }),
  );
  return {
    name,
    stage,
    code,
    workgroupSize: form.workgroupSize,
    grid: form.grid,
    bindings,
    symbols,
    features: features.filter((feature) => used.has(feature)),
  };
}

/** A shader as a runtime takes it. */
export function launchable({ stage: _, grid: [x, y, z], ...shader }: Shader): LaunchShader {
  const extent = (e: Expr): Extent => extentOf(shader.name, e);
  return { ...shader, grid: [extent(x), extent(y), extent(z)] };
}

/** What a grid's expression is for values of its symbols, which throws a `GpuError` for one that depends on anything else. */
export const extentOf =
  (name: string, e: Expr): Extent =>
  (symbols) =>
    evaluate(name, e, symbols);

function evaluate(name: string, e: Expr, symbols: Symbols): number {
  if (e.kind === "const") return e.value;
  if (e.kind === "var" && symbols[e.name] !== undefined) return symbols[e.name]!;
  if (e.kind === "op") {
    const [a = 0, b, c] = e.args.map((arg) => evaluate(name, arg, symbols));
    return evalOp(e.op, e.type.scalar, a, b, c);
  }
  const what = e.kind === "var" ? e.name : `a ${e.kind}`;
  throw gpuError("call", { reason: `kernel ${name}: its grid depends on ${what}, which has no value before it runs` });
}
