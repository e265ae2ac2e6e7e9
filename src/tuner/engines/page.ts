/** A page as the engine, for a tuner that runs in it. */
import { MeasuringHost } from "../host.ts";
import { connectPage, type PageEngineOptions } from "./page-link.ts";

/** Starts measuring workers in the page that this runs in. */
export const pageHosts =
  (options: PageEngineOptions = {}): (() => Promise<MeasuringHost>) =>
  async () =>
    new MeasuringHost(connectPage(options));
