/**
 * fission: statements at the root of a kernel become a kernel of their own, which runs in its stage.
 *
 *     main:  for g < 4: z[g] = ..;  for n < 8: y[n] = .. z ..
 *     fission(buffer: z, into: sums, stage: prologue)
 *     sums:  for g < 4: z[g] = ..
 *     main:  for n < 8: y[n] = .. z ..
 *
 * The statements are those that write `buffer`, a workspace.
 */
import { z } from "zod";
import { buffersOf, eachStmt, exprsOf, type Kernel, type Stage, type Stmt, writes } from "../../ir/index.ts";
import { require } from "../errors.ts";
import { type KernelStep, kernelNamed, type Primitive } from "../primitive.ts";

export interface FissionStep extends KernelStep {
  readonly op: "fission";
  readonly buffer: string;
  readonly into: string;
  readonly stage: Stage;
}

const schema: z.ZodType<FissionStep> = z.strictObject({
  op: z.literal("fission"),
  kernel: z.string().optional(),
  buffer: z.string(),
  into: z.string(),
  stage: z.enum(["prologue", "main", "merge"]),
});

export const fission: Primitive<FissionStep> = {
  op: "fission",
  schema,
  apply: (program, step) => {
    const kernel = kernelNamed(program, step.kernel ?? "main");
    const declared = kernel.buffers.find((buffer) => buffer.name === step.buffer);
    require(declared?.scope === "global", () =>
      `fission: ${step.buffer} is not a workspace of ${kernel.name}; hoist it to the root first`);
    require(!program.kernels.some((k) => k.name === step.into), () => `fission: a kernel ${step.into} exists`);
    const moved = kernel.body.filter((s) => touches(s, (t) => writes(t, step.buffer)));
    const rest = kernel.body.filter((s) => !moved.includes(s));
    require(moved.length > 0 && rest.length > 0, () =>
      `fission: ${step.buffer} must be written by some root statements of ${kernel.name}, and not by all`);
    const written = new Set(rest.flatMap((s) => [...namesOf(s).written]));
    for (const s of moved)
      for (const name of [...namesOf(s).read, ...namesOf(s).written])
        require(!written.has(name), () =>
          `fission: what computes ${step.buffer} depends on ${name}, which ${kernel.name} writes`);
    const first = only({ ...kernel, name: step.into, stage: step.stage }, moved);
    const kernels = program.kernels.map((k) => (k === kernel ? only(kernel, rest) : k));
    return { ...program, kernels: inStageOrder(kernels, first) };
  },
};

/** Stages in the order in which they run. */
const stages: readonly Stage[] = ["pack", "prologue", "main", "merge"];

/** The kernels with another one: last of its stage for what comes before main, first of it otherwise. */
function inStageOrder(kernels: readonly Kernel[], added: Kernel): readonly Kernel[] {
  const rank = (k: Kernel): number => stages.indexOf(k.stage);
  const later = kernels.findIndex((k) => rank(k) > rank(added) || (rank(k) === rank(added) && added.stage === "main"));
  const at = later < 0 ? kernels.length : later;
  return [...kernels.slice(0, at), added, ...kernels.slice(at)];
}

/** The kernel with this body, and the buffers it uses. */
function only(kernel: Kernel, body: readonly Stmt[]): Kernel {
  const used = new Set(body.flatMap((s) => [...namesOf(s).read, ...namesOf(s).written]));
  return { ...kernel, body, buffers: kernel.buffers.filter((buffer) => used.has(buffer.name)) };
}

function touches(s: Stmt, test: (s: Stmt) => boolean): boolean {
  let found = false;
  eachStmt([s], (t) => {
    if (test(t)) found = true;
  });
  return found;
}

function namesOf(s: Stmt): { read: Set<string>; written: Set<string> } {
  const read = new Set<string>();
  const written = new Set<string>();
  eachStmt([s], (t) => {
    if (writes(t)) written.add(t.buffer);
    for (const e of exprsOf(t)) for (const name of buffersOf(e)) read.add(name);
  });
  return { read, written };
}
