/** Random schedule steps that have a chance to apply: their names are names of the program, and what they need is prepared. */
import {
  buffersOf,
  eachStmt,
  exprsOf,
  type IntrinsicName,
  intrinsics,
  type LoopKind,
  loopsOf,
  type Program,
  type Stage,
  writes,
} from "../../ir/index.ts";
import { type AnyStep, applySchedule, ScheduleError } from "../../schedules/index.ts";
import { maximaOf, writtenIn } from "./nests.ts";
import {
  buffers,
  type Choice,
  isLocal,
  isOwn,
  loopName,
  NothingToPick,
  nestAt,
  reduction,
  type Scene,
  shuffled,
} from "./random-scene.ts";

type FactorStep = Extract<AnyStep, { op: "factor" }>;

const kinds: readonly Exclude<LoopKind, "serial" | "unroll" | "subgroup">[] = [
  "thread",
  "thread",
  "workgroup.x",
  "workgroup.y",
  "local.x",
  "local.x",
  "local.y",
];
const stages: readonly Exclude<Stage, "pack">[] = ["prologue", "main", "merge"];

/** A step, or steps of which the last is the one in question. */
type Generators = { readonly [Op in AnyStep["op"]]: (s: Scene) => AnyStep | readonly AnyStep[] };

const generators: Generators = {
  split: (s) => {
    const loop = loopName(s);
    return {
      op: "split",
      kernel: s.kernel.name,
      loop,
      factor: s.below(5) + 1,
      into: [s.fresh(loop), s.fresh(loop)],
      tail: s.pick(["guard", "predicate", "peel", "pad", "exact"] as const),
    };
  },
  reorder: (s) => {
    const nest = nestAt(s);
    const loops = shuffled(s, nest).slice(0, Math.max(2, s.below(nest.length) + 1));
    return { op: "reorder", kernel: s.kernel.name, loops };
  },
  fuse: (s) => ({ op: "fuse", kernel: s.kernel.name, loops: nestAt(s).slice(0, s.below(2) + 2), into: s.fresh("f") }),
  distribute: (s) => {
    const { loop, body } = s.pick(loopsOf(s.kernel.body).filter((l) => l.body.length > 1));
    const after = body.flatMap((t) => (t.kind === "for" && s.below(3) === 0 ? [t.loop] : []))[0];
    return { op: "distribute", kernel: s.kernel.name, loop, ...(after && { after, into: s.fresh(loop) }) };
  },
  join: (s) => {
    const bodies = [s.kernel.body, ...loopsOf(s.kernel.body).map((l) => l.body)];
    const pairs = bodies.flatMap((body) =>
      body.flatMap((t, i) => {
        const next = body[i + 1];
        return t.kind === "for" && next?.kind === "for" ? [[t.loop, next.loop] as const] : [];
      }),
    );
    // Loops to be joined there are where one was distributed.
    if (pairs.length > 0) return { op: "join", kernel: s.kernel.name, loops: s.pick(pairs) };
    const { loop, body } = s.pick(loopsOf(s.kernel.body).filter((l) => l.body.length > 1));
    const [first, second] = body.map((t) => writtenIn(t)[0]);
    return [
      { op: "distribute", kernel: s.kernel.name, loop },
      { op: "join", kernel: s.kernel.name, loops: [`${first}/${loop}`, `${second}/${loop}`] },
    ];
  },
  unroll: (s) => ({ op: "unroll", kernel: s.kernel.name, loops: [loopName(s)] }),
  vectorize: (s) => {
    const innermost = loopsOf(s.kernel.body).filter((l) => l.body.every((t) => t.kind !== "for" && t.kind !== "if"));
    const { loop } = s.pick(innermost);
    const around = nestAt(s);
    const loops = around.at(-1) === loop && s.below(2) === 1 ? around.slice(-2) : [loop];
    return { op: "vectorize", kernel: s.kernel.name, loops };
  },
  bind: (s) => ({ op: "bind", kernel: s.kernel.name, loop: loopName(s), to: s.pick(kinds) }),
  "accumulate-in": (s) => {
    const { reduce, at, inside } = reduction(s);
    const keep = inside.filter((name) => reduce.over.includes(name) && s.below(4) === 3);
    const scalar = s.pick([undefined, undefined, "i32", "i16"] as const);
    const scope = s.pick([undefined, undefined, "workgroup", "global"] as const);
    return {
      op: "accumulate-in",
      kernel: s.kernel.name,
      buffer: reduce.buffer,
      at,
      into: s.fresh("acc"),
      scalar,
      keep,
      scope,
    };
  },
  rfactor: (s) => {
    const { reduce, at, inside } = reduction(s);
    const loop = s.pick([...inside.filter((name) => reduce.over.includes(name)), ...inside.slice(0, 1)]);
    return { op: "rfactor", kernel: s.kernel.name, buffer: reduce.buffer, at, loop, into: s.fresh("part") };
  },
  subgroup: (s) => {
    const kernel = s.kernel.name;
    const { reduce, at, inside } = reduction(s);
    const summed = inside.filter((name) => reduce.over.includes(name));
    const part = s.fresh("part");
    const lanes = [...inside.filter(() => s.below(3) === 0), ...summed];
    return {
      op: "subgroup",
      kernel,
      buffer: reduce.buffer,
      at,
      lanes: [...new Set(lanes)].slice(-3),
      into: part,
      leader: s.fresh("leader"),
    };
  },
  factor: (s) => {
    const { reduce, at } = reduction(s);
    const distribute = s.pick(["all", "float"] as const);
    const step = (count: number): AnyStep => {
      const into = Array.from({ length: count }, () => s.fresh("d"));
      return { op: "factor", kernel: s.kernel.name, buffer: reduce.buffer, at, into, distribute };
    };
    const fits = [1, 2, 3, 4].map(step).find((candidate) => applied(s.program, candidate) !== undefined);
    return fits ?? step(1);
  },
  layout: (s) => {
    const buffer = s.pick(s.kernel.buffers.filter(isOwn));
    const axes = buffer.shape.map((_, axis): [string, ...[string, number][]] => [
      `a${axis}`,
      ...Array.from({ length: s.below(3) }, (_digit, i): [string, number] => [`a${axis}.${i}`, s.below(4) + 1]),
    ]);
    const names = axes.flatMap(([first, ...others]) => [first, ...others.map(([name]) => name)]);
    return { op: "layout", buffer: buffer.name, axes, order: shuffled(s, names) };
  },
  "compute-at": (s) => {
    const kernel = s.kernel.name;
    const buffer = s.pick(buffers(s, isOwn));
    const step: AnyStep = { op: "compute-at", kernel, buffer };
    const isSum = loopsOf(s.kernel.body).some((l) => l.body.some((t) => t.kind === "reduce" && t.buffer === buffer));
    return isSum ? [{ op: "accumulate-in", kernel, buffer, at: loopName(s), into: s.fresh("acc") }, step] : step;
  },
  hoist: (s) => {
    const kernel = s.kernel.name;
    const inside = { to: loopName(s), scope: s.pick([undefined, "workgroup"] as const) };
    const to = s.below(2) === 0 ? {} : inside;
    const existing = buffers(s, isLocal);
    if (existing.length > 0 && s.below(3) === 0) return { op: "hoist", kernel, buffer: s.pick(existing), ...to };
    const { reduce, at, inside: loops } = reduction(s);
    const sums = generators.factor(s) as FactorStep;
    if (applied(s.program, sums) !== undefined)
      return [sums, { op: "hoist", kernel, buffer: s.pick(sums.into), ...to }];
    const keep = loops.filter((name) => reduce.over.includes(name));
    const into = s.fresh("part");
    return [
      { op: "accumulate-in", kernel, buffer: reduce.buffer, at, into, keep },
      { op: "hoist", kernel, buffer: into, ...to },
    ];
  },
  fission: (s) => ({
    op: "fission",
    kernel: s.kernel.name,
    buffer: s.pick(buffers(s, (b) => b.role === "workspace" || b.role === "output")),
    into: s.fresh("kernel"),
    stage: s.pick(stages),
  }),
  contract: (s) => {
    const buffer = s.pick(buffers(s, (b) => b.role === "workspace"));
    const users: (readonly string[])[] = [];
    eachStmt(s.kernel.body, (t, loops) => {
      const uses = writes(t, buffer) || exprsOf(t).some((e) => buffersOf(e).has(buffer));
      if (uses) users.push(loops.map((l) => l.loop));
    });
    // A loop around all that uses it, where there is one.
    const around = users.reduce((shared, loops) => shared.filter((name) => loops.includes(name)), users[0] ?? []);
    const depth = s.below(around.length);
    const at = s.pick(around.slice(depth, depth + 1));
    const keep = around.slice(0, depth + 1).filter(() => s.below(3) === 0);
    const scope = s.pick([undefined, undefined, "register", "workgroup"] as const);
    return { op: "contract", kernel: s.kernel.name, buffer, at, keep, scope };
  },
  online: (s) => {
    const kernel = s.kernel.name;
    const { max, nests } = s.pick(maximaOf(s.kernel));
    const loops = s.below(4) === 0 ? nests.slice(0, 2 + s.below(nests.length)) : nests;
    const into = s.fresh("block");
    if (s.below(4) > 0) return { op: "online", kernel, max, loops, into };
    const factor = s.below(2) + 1;
    const blocked = (loop: string): AnyStep => ({
      ...{ op: "split", kernel, loop, factor, into: [`${loop}.b`, `${loop}.i`], tail: "exact" },
    });
    return [...loops.map(blocked), { op: "online", kernel, max, loops: loops.map((loop) => `${loop}.b`), into }];
  },
  rebase: (s) => {
    const { max, nests: loops } = s.pick(maximaOf(s.kernel));
    return { op: "rebase", kernel: s.kernel.name, max, loops, parts: s.below(4) + 2, into: s.fresh("part") };
  },
  skip: (s) => ({ op: "skip", kernel: s.kernel.name, loop: loopName(s), where: "x" }),
  clip: (s) => ({ op: "clip", kernel: s.kernel.name, loop: loopName(s), where: "x", loops: nestAt(s) }),
  trim: (s) => ({ op: "trim", kernel: s.kernel.name, loop: loopName(s) }),
  stage: (s) => ({
    op: "stage",
    kernel: s.kernel.name,
    buffer: s.pick(buffers(s, (b) => b.scope !== "register")),
    at: loopName(s),
    into: s.fresh("near"),
    scope: s.pick(["register", "workgroup"] as const),
    decode: s.below(2) === 1,
    with: s.below(3) === 0 ? buffers(s, (b) => b.role === "packed") : undefined,
    scalar: s.pick([undefined, undefined, undefined, "i8"] as const),
  }),
  pipeline: (s) => {
    const staged = generators.stage(s) as Extract<AnyStep, { op: "stage" }>;
    return [
      staged,
      { op: "pipeline", kernel: s.kernel.name, loop: staged.at, buffers: [staged.into], distance: s.below(2) + 1 },
    ];
  },
  tensorize: (s) => ({
    op: "tensorize",
    kernel: s.kernel.name,
    loops: nestAt(s),
    with: s.pick(Object.keys(intrinsics) as IntrinsicName[]),
  }),
  lookup: (s) => {
    const kernel = s.kernel.name;
    const operand = s.pick(buffers(s, (b) => b.scalar === "i8" && b.range !== undefined && b.scope === "global"));
    const codes = s.pick(buffers(s, (b) => b.role === "packed" && /^u[1-4]$/.test(b.scalar)));
    const { reduce, at, inside } = reduction(s);
    const [loop, rest] = [s.pick(inside.filter((name) => reduce.over.includes(name))), s.fresh("four")];
    const ke = s.fresh("ke");
    const d = s.fresh("d");
    const sums = { op: "factor", kernel, buffer: reduce.buffer, at, into: [d], distribute: "float" } as const;
    const planes = [s.fresh("p"), s.fresh("p")].slice(0, s.pick([1, 1, 0, 2]));
    return [
      { op: "split", kernel, loop, factor: 4, into: [rest, ke] },
      ...(s.below(3) === 0 ? [] : [sums]),
      {
        ...{ op: "lookup", kernel, at, loop: ke, operand, codes, entries: "i16" },
        buffer: s.below(6) === 0 ? reduce.buffer : d,
        into: { table: s.fresh("table"), numbers: s.fresh("ix"), centre: s.fresh("centre") },
        loops: { plane: planes, digit: s.fresh("digit") },
        within: s.below(3) === 0 ? at : undefined,
        tables: s.pick([undefined, "whole", "half"] as const),
      },
    ];
  },
  "count-bits": (s) => {
    const kernel = s.kernel.name;
    const operand = s.pick(buffers(s, (b) => b.scalar === "i8" && b.range !== undefined && b.scope === "global"));
    const codes = s.pick(buffers(s, (b) => b.role === "packed" && /^u[1-8]$/.test(b.scalar)));
    const { reduce, at, inside } = reduction(s);
    const [loop, rest] = [s.pick(inside.filter((name) => reduce.over.includes(name))), s.fresh("eight")];
    const [ke, d] = [s.fresh("ke"), s.fresh("d")];
    const sums = { op: "factor", kernel, buffer: reduce.buffer, at, into: [d], distribute: "float" } as const;
    return [
      { op: "split", kernel, loop, factor: s.pick([8, 8, 32]), into: [rest, ke] },
      ...(s.below(3) === 0 ? [] : [sums]),
      {
        ...{ op: "count-bits", kernel, at, loop: ke, operand, codes },
        buffer: s.below(6) === 0 ? reduce.buffer : d,
        into: { operand: s.fresh("xb"), codes: s.fresh("qb") },
        loops: { operand: s.fresh("i"), codes: s.fresh("j") },
      },
    ];
  },
  specialize: (s) => {
    const [symbol] = s.kernel.symbols;
    if (symbol !== undefined && s.below(2) === 0)
      return { op: "specialize", kernel: s.kernel.name, symbol: symbol.name, at: [s.below(6) + 2] };
    const roots = s.kernel.body.flatMap((t) => (t.kind === "for" ? [t.loop] : []));
    return { op: "specialize", kernel: s.kernel.name, loops: roots, modulo: s.below(4) + 1 };
  },
  recode: (s) => {
    const kernel = s.kernel.name;
    switch (s.pick(["sign-fold", "offset", "planes", "levels"] as const)) {
      case "offset":
        return { op: "recode", kernel, encoding: "offset", buffer: s.pick(buffers(s, isOwn)), by: 128 };
      case "planes": {
        const widths = s.pick<readonly number[]>([
          [2, 1],
          [4, 1],
          [4, 2],
          [4, 4],
          [2, 2],
        ]);
        return { op: "recode", kernel, encoding: "planes", buffer: s.pick(buffers(s, isOwn)), widths };
      }
      case "levels":
        return {
          op: "recode",
          kernel,
          encoding: "levels",
          buffer: s.pick(buffers(s, isOwn)),
          per: s.pick([2, 4, 8, 16]),
        };
      case "sign-fold": {
        const operand = s.pick(buffers(s, (b) => b.scalar === "i8" && b.scope === "global"));
        const into = [s.fresh("abs"), s.fresh("sign"), s.fresh("fold")] as const;
        return { op: "recode", kernel, encoding: "sign-fold", buffer: s.pick(buffers(s, isLocal)), operand, into };
      }
    }
  },
};

export const everyOp: readonly AnyStep["op"][] = Object.keys(generators) as AnyStep["op"][];

/** A step of a primitive, after what prepares it; undefined where the program has nothing that it could be about. */
export function randomSteps(
  program: Program,
  op: AnyStep["op"],
  choice: Choice,
  number: number,
): readonly AnyStep[] | undefined {
  let names = 0;
  const scene: Scene = {
    ...choice,
    program,
    kernel: choice.pick(program.kernels),
    fresh: (wish) => `${wish}.${number}${names++ === 0 ? "" : `.${names}`}`,
  };
  try {
    return [generators[op](scene)].flat();
  } catch (error) {
    if (error instanceof NothingToPick) return undefined;
    throw error;
  }
}

/** The program after these steps, or undefined when one does not apply. */
export function applied(program: Program, ...steps: readonly AnyStep[]): Program | undefined {
  try {
    return applySchedule(program, steps);
  } catch (error) {
    if (error instanceof ScheduleError) return undefined;
    throw error;
  }
}
