/** Candidates become artifacts, or are refused with the constraint or step by name. */
import { canonicalJson, QloomError } from "../../../ir/index.ts";
import { rejection, type Target, templateNamed } from "../../../schedules/index.ts";
import { type Artifact, artifactHash, buildArtifact, hashOf, rangesOf } from "../../compile/index.ts";
import type { Built, Candidate } from "../protocol.ts";
import { CandidateFailure } from "./contestant.ts";

/** The artifact of a candidate for a workload with a fixed M. Throws a `CandidateFailure` for a point that is not of the space or does not apply. */
export function buildCandidate(target: Target, { template, point }: Candidate): { artifact: Artifact; built: Built } {
  const reject = (reason: string): CandidateFailure => new CandidateFailure({ outcome: "rejected", reason });
  const known = templateNamed(template);
  if (known === undefined) throw reject(`there is no template ${template}`);
  const refusal = known.refuses(target) ?? rejection(known.space(target), point);
  if (refusal !== undefined) throw reject(`${template}: ${refusal}`);
  try {
    const { name, min, max } = rangesOf(target.workload)[0]!;
    const schedule = known.schedule(target, point);
    const artifact = buildArtifact(target, [{ name, min, max, template, point, schedule }]);
    return { artifact, built: { schedule, artifact: artifactHash(artifact), kernels: kernelsHash(artifact) } };
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const bug = error instanceof QloomError ? "" : " (a fault of the compiler)";
    throw reject(`${error.name}: ${error.message}${bug}`);
  }
}

/** Leaves out how the kernels came about. */
function kernelsHash(artifact: Artifact): string {
  const { code, layout, packed, pack, parts } = artifact;
  const launched = parts.map(({ launches, workspaces }) => ({ launches, workspaces }));
  const shaders = artifact.target === "wgsl" ? { shaders: artifact.shaders } : {};
  return hashOf(`${canonicalJson({ layout, packed, pack, launched, ...shaders })}${hashOf(code)}`);
}
