/**
 * fission: statements at the root of a kernel become a kernel of their own.
 *
 *     main:  for g < 4: z[g] = ..;  for n < 8: y[n] = .. z ..
 *     fission(buffer: z, into: sums, stage: prologue)
 *     sums:  for g < 4: z[g] = ..
 *     main:  for n < 8: y[n] = .. z ..
 *
 * The statements are those that write `buffer`, which is global. The new kernel runs in its stage: at the end of a stage before the kernel's, right
 * before the kernel in the same stage, at the start of a later one. Kernels in between that never run for the same sizes do not matter.
 */
import { z } from "zod";
import {
  type Buffer,
  buffersOf,
  eachStmt,
  exprsOf,
  type Kernel,
  type Stage,
  type Stmt,
  writes,
} from "../../ir/index.ts";
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

/** In the order in which they run. */
const stages: readonly Stage[] = ["pack", "prologue", "main", "merge"];
const rank = ({ stage }: Pick<Kernel, "stage">): number => stages.indexOf(stage);

export const fission: Primitive<FissionStep> = {
  op: "fission",
  schema,
  apply: (program, step) => {
    const kernel = kernelNamed(program, step.kernel ?? "main");
    const declared = kernel.buffers.find((buffer) => buffer.name === step.buffer);
    require(declared?.scope === "global", () =>
      `fission: ${step.buffer} is not a workspace of ${kernel.name}; hoist it to the root first`);
    const moved = kernel.body.filter((s) => namesOf([s]).written.has(step.buffer));
    const rest = kernel.body.filter((s) => !moved.includes(s));
    require(moved.length > 0 && rest.length > 0, () =>
      `fission: ${step.buffer} must be written by some root statements of ${kernel.name}, and not by all`);
    const shared = localBetween(kernel, moved, rest);
    require(shared === undefined, () =>
      `fission: ${shared} is local to ${kernel.name} and used on both sides; hoist it`);

    const { kernels } = program;
    const own = kernels.indexOf(kernel);
    const later = kernels.findIndex((k) => rank(k) >= rank(step));
    const after = rank(step) > rank(kernel);
    const at = after
      ? later < 0
        ? kernels.length
        : later
      : kernels.findIndex((k) => k === kernel || rank(k) > rank(step));
    const passed = (after ? kernels.slice(own + 1, at) : kernels.slice(at, own)).filter((k) => runTogether(k, kernel));
    for (const s of moved) {
      const place = kernel.body.indexOf(s);
      const overtaken = rest.filter((other) => kernel.body.indexOf(other) > place === after);
      for (const [name, body] of [[kernel.name, overtaken], ...passed.map((k) => [k.name, k.body] as const)] as const) {
        const buffer = conflict([s], body);
        require(buffer === undefined, () =>
          `fission: ${step.into} would run ${after ? "after" : "before"} ${name}, and the order in which they use ${buffer} matters; move what comes between first`);
      }
    }
    const uses = (body: readonly Stmt[], { name }: Buffer): boolean =>
      namesOf(body).read.has(name) || namesOf(body).written.has(name);
    const made = {
      ...kernel,
      name: step.into,
      stage: step.stage,
      body: moved,
      buffers: kernel.buffers.filter((x) => uses(moved, x)),
    };
    // What neither side uses stays declared.
    const left = { ...kernel, body: rest, buffers: kernel.buffers.filter((x) => uses(rest, x) || !uses(moved, x)) };
    return {
      ...program,
      kernels: kernels.map((k) => (k === kernel ? left : k)).toSpliced(at, 0, made),
    };
  },
};

/** Whether there are sizes for which both kernels run: those that specialize made of one kernel have domains apart. */
const runTogether = (a: Kernel, b: Kernel): boolean =>
  a.symbols.every((x) => {
    const y = b.symbols.find(({ name }) => name === x.name);
    if (y === undefined) return true;
    const apart = x.min > y.max || y.min > x.max || (x.modulo === y.modulo && x.residue !== y.residue);
    return !apart;
  });

interface Names {
  readonly read: ReadonlySet<string>;
  readonly written: ReadonlySet<string>;
}

/** The buffers that statements read and write. */
function namesOf(body: readonly Stmt[]): Names {
  const read = new Set<string>();
  const written = new Set<string>();
  eachStmt(body, (s) => {
    if (writes(s)) written.add(s.buffer);
    // A sum over no loop goes on from what is there.
    if (s.kind === "reduce") read.add(s.buffer);
    for (const e of exprsOf(s)) for (const name of buffersOf(e)) read.add(name);
  });
  return { read, written };
}

/** A buffer that one side writes and the other uses. */
function conflict(a: readonly Stmt[], b: readonly Stmt[]): string | undefined {
  const [x, y] = [namesOf(a), namesOf(b)];
  const shared = (p: Names, q: Names): string | undefined =>
    [...p.written].find((name) => q.read.has(name) || q.written.has(name));
  return shared(x, y) ?? shared(y, x);
}

/** A register or workgroup buffer through which the two sides would pass a value. */
function localBetween(kernel: Kernel, a: readonly Stmt[], b: readonly Stmt[]): string | undefined {
  const [x, y] = [namesOf(a), namesOf(b)];
  return kernel.buffers.find(
    ({ name, scope }) =>
      scope !== "global" && ((x.written.has(name) && y.read.has(name)) || (y.written.has(name) && x.read.has(name))),
  )?.name;
}
