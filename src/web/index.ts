// qloom in browsers: a server that gives them the library, and a Chromium to run it in.

export { callInPage, inWords, type Plain } from "./call.ts";
export { type Chromium, type ChromiumOptions, type GpuChoice, launchChromium } from "./chromium.ts";
export { PackageMissingError, WebError } from "./errors.ts";
export type { PageOptions } from "./page-text.ts";
export { hasPackage, modulePath, type ServeOptions, serve, type WebServer } from "./server.ts";
export { tuningPage } from "./tuning-page.ts";
