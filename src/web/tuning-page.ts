/** The page of our own, as the server takes it: what a visitor sees is in page/. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { PageOptions } from "./page-text.ts";
import { modulePath } from "./server.ts";

/** The page that tunes the visitor's device. */
export async function tuningPage(): Promise<PageOptions> {
  const body = await readFile(join(import.meta.dirname, "page", "page.html"), "utf8");
  return {
    title: "qloom: tune this device",
    module: modulePath("src/web/page/main"),
    styles: "/qloom/src/web/page/style.css",
    body,
  };
}
