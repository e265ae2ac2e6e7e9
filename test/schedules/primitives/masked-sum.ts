/** A program of which masked iterations can be left out, and variants that the primitives refuse. */
import { main } from "../golden.ts";

/** A sum over blocks of `term`, its elements masked by `mask`, after which `more` follows; `x` is what the masked buffer is. */
export const maskedSum = (
  term: string,
  { mask = "8 * tb + x/ti < i + 1", more = "", x = "workspace" }: { mask?: string; more?: string; x?: string } = {},
): string =>
  main(`
  symbol M in 0..
  input s: f32[4, 8]
  output y: f32[M]
  ${x} x: f32[8]
  workspace r: f32[8]
  workspace l: f32[]
  for i < M
    l[] = 0.0
    for tb < 4
      for x/ti < 8
        x[x/ti] = select(${mask}, s[tb, x/ti], -inf)
      for l/ti < 8
        l[] += ${term}
${more}    y[i] = l[]
`);
