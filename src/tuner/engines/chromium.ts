/**
 * Chromium as the engine: a browser of its own, whose page starts a worker (`page-link.ts`). It is ended whole: what hangs may be the process that its GPU is driven
 * from.
 */
import type { Page } from "playwright-core";
import { launchChromium, modulePath, serve } from "../../web/index.ts";
import type { Connect, LinkEvents } from "../host.ts";
import type { Reply } from "../protocol.ts";
import type { EngineOptions } from "./options.ts";

/** Launches the browser. Rejects with a `WebError` where there is none, or it does not start. */
export async function openChromium({ env, command, gpu }: EngineOptions): Promise<Connect> {
  const server = await serve();
  const closing: (() => Promise<unknown>)[] = [() => server.close()];
  const close = async (): Promise<void> => {
    for (const one of closing.splice(0).reverse()) await one().catch(() => {});
  };
  try {
    const chromium = await launchChromium({
      ...(command !== undefined && { executable: command }),
      ...(env !== undefined && { env }),
      ...(gpu === "software" && { gpu }),
      // Only the optimizing compiler, as in Node.
      flags: ["--js-flags=--no-liftoff"],
    });
    closing.push(() => chromium.close());
    const page = await chromium.open(server.url);
    return connectTo(page, () => void close());
  } catch (error) {
    await close();
    throw error;
  }
}

const connectTo =
  (page: Page, kill: () => void): Connect =>
  (events) => {
    const end = (reason: string): void => {
      events.end(reason);
      kill();
    };
    page.on("crash", () => end("the page crashed"));
    page.on("close", () => end("the browser ended"));
    const linked = link(page, events).catch((error: Error) => end(firstLine(error)));
    return {
      send: (request) =>
        void linked
          .then(() => page.evaluate((given) => (globalThis as unknown as Linked).qloomLink.send(given), request))
          // A page that is gone says so itself.
          .catch((error: Error) => end(firstLine(error))),
      kill,
    };
  };

/** What the page is given. */
interface Linked {
  qloomLink: ReturnType<Connect>;
}

async function link(page: Page, events: LinkEvents): Promise<void> {
  await page.exposeFunction("qloomReply", (reply: Reply) => events.reply(reply));
  await page.exposeFunction("qloomEnd", (reason: string) => events.end(reason));
  // A text, not a function: tools that rewrite this file's imports would rewrite the page's.
  const address = JSON.stringify(modulePath("src/tuner/engines/page-link"));
  const connect = "page.connectPage()({ reply: qloomReply, end: qloomEnd })";
  await page.evaluate(`import(${address}).then((page) => { globalThis.qloomLink = ${connect}; })`);
}

const firstLine = ({ message }: Error): string => message.split("\n")[0] ?? message;
