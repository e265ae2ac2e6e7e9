/** Runs the layer in Node; with `--page` serves a page that runs it in the browser that opens it. */
import { serve } from "../../src/web/index.ts";
import { runs } from "./runs.ts";

if (process.argv.includes("--page")) {
  const server = await serve({
    page: { title: "qloom: a decoder layer", module: "/qloom/examples/decoder-layer/page.ts", body: "<pre></pre>" },
  });
  process.stderr.write(`open ${server.url} in a browser; Ctrl-C ends\n`);
  process.once("SIGINT", () => void server.close());
} else for await (const line of runs()) process.stdout.write(`${line}\n`);
