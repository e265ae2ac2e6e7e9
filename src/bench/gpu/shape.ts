/** One of a model's matmuls: what an untuned kernel has, what tuning finds, and the best point of a reduced space, timed side by side. */
import type { MatmulWorkload } from "../../../ir/index.ts";
import { type Point, pointsOf, type Space } from "../../../schedules/index.ts";
import { openMemoryStore } from "../../../tune-db/index.ts";
import { buildArtifact, kernelFeatures, planPart, rangesOf } from "../../compile/index.ts";
import { BenchError } from "../errors.ts";
import { type Figure, sample } from "./figure.ts";
import { copiesFor, GpuKernel, type Problem, problemOf } from "./kernel.ts";
import { reduceSpace } from "./reduced.ts";
import type { PointTiming, ShapeRow } from "./report.ts";
import { percent, type Session, tune } from "./session.ts";

export interface ShapeTask {
  readonly name: string;
  /** With a fixed M. */
  readonly workload: MatmulWorkload;
  /** For tuning; the reduced space takes its time besides. */
  readonly seconds: number;
}

/** Throws a `BenchError` where no kernel of the shape is right. */
export async function measureShape(session: Session, { name, workload, seconds }: ShapeTask): Promise<ShapeRow> {
  const [own] = await tune(session, { workload, seconds, store: openMemoryStore() });
  let reduced = 0;
  const restrict = (space: Space, around: Point): Space => {
    const part = reduceSpace(space, around, session.plan.reduced);
    reduced = [...pointsOf(part)].length;
    return part;
  };
  // In a store of its own: what tuning has found is not to be taken for the reduced space's.
  const exhaustive = { workload, seconds: exhaustiveSeconds, store: openMemoryStore(), restrict };
  const [all] = await tune(session, exhaustive);
  const points = [own?.default?.point, own?.tuned?.point, all?.tuned?.point];
  if (points.some((point) => point === undefined))
    throw new BenchError(`${name}: no kernel of it is right: ${JSON.stringify(own?.trials ?? {})}`);
  const [reference, tuned, optimum] = await timePoints(session, workload, points as Point[]);
  const row: ShapeRow = {
    ...{ name, n: workload.n, k: workload.k, w: workload.w, compute: workload.numerics.compute },
    m: workload.m as number,
    copies: copiesFor(workload, session.plan.readBytes),
    template: own!.template,
    tried: own!.tried,
    reduced,
    ...{ default: reference!, tuned: tuned!, optimum: optimum! },
    defaultOfTuned: speedOf(reference!, tuned!),
    tunedOfOptimum: speedOf(tuned!, optimum!),
  };
  session.progress(
    `${name}: default ${percent(row.defaultOfTuned)} of tuned, tuned ${percent(row.tunedOfOptimum)} of the best of ${reduced} points`,
  );
  return row;
}

/** The speed of one as a share of the other's. */
const speedOf = (of: PointTiming, other: PointTiming): number => other.ms.median / Math.max(of.ms.median, 1e-6);

/** Far more than a reduced space takes: it is searched to its end. */
const exhaustiveSeconds = 3600;

/** Times points side by side, equal ones once. */
async function timePoints(
  session: Session,
  workload: MatmulWorkload,
  points: readonly Point[],
): Promise<readonly PointTiming[]> {
  const { plan, signal } = session;
  const distinct = new Map(points.map((point) => [JSON.stringify(point), point]));
  const problem: Problem = problemOf(workload, workload.m as number);
  const kernels: GpuKernel[] = [];
  try {
    const runs = [];
    for (const point of distinct.values()) {
      const kernel = await loadPoint(session, workload, problem, point);
      kernels.push(kernel);
      runs.push(await kernel.timed(workload.m as number));
    }
    const seconds = plan.seconds * runs.length;
    const figures = await sample(runs, { seconds, minSamples: plan.minSamples, signal });
    const byPoint = new Map<string, Figure>([...distinct.keys()].map((key, i) => [key, figures[i]!]));
    return points.map((point) => ({ point, ms: byPoint.get(JSON.stringify(point))! }));
  } finally {
    for (const kernel of kernels) kernel.dispose();
  }
}

async function loadPoint(
  session: Session,
  workload: MatmulWorkload,
  problem: Problem,
  point: Point,
): Promise<GpuKernel> {
  const runtime = await session.runtime();
  const device = { ...runtime.device, kind: "wgsl" as const, features: kernelFeatures(runtime.device) };
  const [range] = rangesOf(workload);
  const target = { workload, device };
  const artifact = buildArtifact(target, [planPart(target, range!, point)]);
  return GpuKernel.load(runtime, artifact, problem, copiesFor(workload, session.plan.readBytes));
}
