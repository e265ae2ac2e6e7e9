/** A page as the engine, for a tuner that runs in it: a dedicated worker, requests and replies as messages. A worker can be ended whatever it does. */
import { type Connect, MeasuringHost } from "../host.ts";
import type { Reply } from "../protocol.ts";
import type { StartHost } from "./index.ts";
