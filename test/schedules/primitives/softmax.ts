/** A program that online takes, of which its refusals are made. */
import { expect } from "vitest";
import { main, refusal } from "../golden.ts";

const softmax = main(`
  input x: f32[6] in -8..15
  input z: f32[6]
  workspace m: f32[]
  workspace p: f32[6]
  workspace l: f32[]
  workspace o: f32[]
  register r: f32[]
  output y: f32[1]
  for m/t < 6
    m[] max= x[m/t] over m/t
  for p/t < 6
    p[p/t] = exp(x[p/t] - m[])
  for l/t < 6
    l[] += p[l/t] over l/t
  y[0] = l[]
`);

/** The message for that program with some of its text replaced. */
export function refused(
  edits: readonly (readonly [string, string])[],
  steps = "online(max: m, loops: [m/t, p/t, l/t], into: t)",
): string {
  const edited = edits.reduce((text, [from, to]) => {
    expect(text).toContain(from);
    return text.replace(from, to);
  }, softmax);
  return refusal(edited, steps);
}
