// The example's decoder layer against its float64 definition, in prefill and decode; in a real Chromium it gives Node's bits.

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import * as layers from "../../examples/decoder-layer/layer.ts";
import * as inputs from "../../examples/decoder-layer/random.ts";
import { errorOf, referenceLayer } from "../../examples/decoder-layer/reference.ts";
import { launchChromium, serve } from "../../src/web/index.ts";

const sizes = { hidden: 64, heads: 4, kvHeads: 2, headSize: 32, mlp: 96, eps: 1e-5, theta: 10_000 };
/** A prompt over the end of a block of the cache, tokens one by one, several at once, a second prompt. */
const turns = [70, 1, 1, 5, 1, 60, 1];
const tokens = turns.reduce((a, b) => a + b);

type Name = "in8Bits" | "inF32";

/** The bits of the layer's outputs, turn by turn. What it uses besides its arguments is everywhere, so that its text can be run in a page. */
async function run(
  { decoderLayer, ...numerics }: typeof layers,
  { randomWeights, randomTokens }: typeof inputs,
  { sizes, turns, name }: { sizes: layers.LayerSizes; turns: readonly number[]; name: Name },
): Promise<readonly number[][]> {
  const layer = await decoderLayer(randomWeights(sizes, 1), sizes, numerics[name], { db: false });
  const cache = layer.newCache(10);
  const results = turns.map((count, turn) => {
    const y = layer.step(randomTokens(count, sizes, turn), cache);
    return [...new Uint32Array(y.slice().buffer)];
  });
  layer.dispose();
  return results;
}

const floats = (bits: readonly number[]): Float32Array => new Float32Array(Uint32Array.from(bits).buffer);

test.each<[Name, number]>([
  ["inF32", 1e-10],
  ["in8Bits", 5e-4],
])("%s, every turn is as the definition has it", async (name, bound) => {
  const made = await run(layers, inputs, { sizes, turns, name });
  const x = turns.map((count, turn) => inputs.randomTokens(count, sizes, turn));
  const wanted = referenceLayer(
    inputs.randomWeights(sizes, 1),
    sizes,
    Float32Array.from(x.flatMap((part) => [...part])),
  );
  expect(wanted.length).toBe(tokens * sizes.hidden);
  let from = 0;
  for (const [turn, bits] of made.entries()) {
    const to = from + x[turn]!.length;
    expect(bits.length).toBe(to - from);
    expect(errorOf(floats(bits), wanted.subarray(from, to), x[turn]!), `turn ${turn}`).toBeLessThan(bound);
    from = to;
  }
});

test("in a page it gives Node's bits", { timeout: 120_000 }, async () => {
  const server = await serve();
  onTestFinished(() => server.close());
  const chromium = await launchChromium();
  onTestFinished(() => chromium.close());
  const page = await chromium.open(server.url);
  for (const name of ["in8Bits", "inF32"] as const) {
    const inPage = await page.evaluate<readonly number[][]>(`
      Promise.all(["layer", "random"].map((name) => import("/qloom/examples/decoder-layer/" + name + ".ts")))
        .then(([layers, inputs]) => (${run})(layers, inputs, ${JSON.stringify({ sizes, turns, name })}))`);
    expect(inPage).toEqual(await run(layers, inputs, { sizes, turns, name }));
  }
});

test("the README shows the step as it stands", async () => {
  const root = join(import.meta.dirname, "../..");
  const [source, readme] = await Promise.all(
    ["examples/decoder-layer/layer.ts", "README.md"].map((file) => readFile(join(root, file), "utf8")),
  );
  const unindented = (text: string): string => text.replace(/^ +/gm, "");
  const shown = /A whole decoder layer[^`]*```ts\n(.*?)```/s.exec(readme!)?.[1];
  expect(unindented(source!)).toContain(unindented(shown!));
});
