// `qloom serve`: a page of our own that tunes the device of whoever opens it, on this machine.

import { once } from "node:events";
import { z } from "zod";
import { serve as serveModules, tuningPage } from "../../web/index.ts";
import { type Command, defineCommand } from "../command.ts";
import { integer } from "../values.ts";

/** Always the same unless told: a browser keeps records for each port by itself. */
const defaultPort = 7868;

export const serve: Command = defineCommand({
  summary: "Serve a page that tunes in the browser",
  options: {
    port: {
      type: "string",
      placeholder: "number",
      help: "The port on this machine, 0 for any that is free; browsers keep records for each port by itself",
      schema: integer(0, 65535).default(defaultPort),
    },
    isolated: {
      type: "boolean",
      negatable: true,
      help: "Serve the headers of cross-origin isolation: finer clocks, and memory that threads share",
      schema: z.boolean().default(true),
    },
  },
  async run({ options }, { signal, progress }) {
    const server = await serveModules({
      port: options.port,
      isolated: options.isolated,
      page: await tuningPage(),
    });
    try {
      progress(`open ${server.url} in a browser; Ctrl-C ends`);
      if (!signal.aborted) await once(signal, "abort");
    } finally {
      await server.close();
    }
  },
});
