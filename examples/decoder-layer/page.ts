/** Runs the layer in a page, and writes there what `main.ts` prints. */
import { runs } from "./runs.ts";

const place = document.querySelector("pre") as HTMLElement;
const say = async (line: string): Promise<void> => {
  place.append(`${line}\n`);
  // What was said is seen before the next run begins.
  await new Promise((resolve) => setTimeout(resolve, 50));
};
await say("compiling, running in Wasm, and once in float64 for comparison ..");
try {
  for await (const line of runs()) await say(line);
  await say("done");
} catch (error) {
  await say(String(error));
}
