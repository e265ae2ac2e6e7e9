/** A process that begins a configuration and then dies of it, or waits to be ended: node die.ts PLACE ROWS die|wait. */
import { makeKey, makeScope, openStore } from "../../../tune-db/index.ts";

const [place = "", rows = "", end = ""] = process.argv.slice(2);
const device = {
  kind: "wasm",
  label: "",
  fingerprint: "f",
  architecture: "a",
  engine: "e",
  features: [],
  limits: {},
} as const;
const scope = makeScope({ op: "dequantize", n: 32, k: 32, w: "q4_0" }, device, 1, "g");
const store = await openStore(place);
await store.begin({ key: makeKey(scope, "t", { rows: Number(rows) }), label: "", schedule: [], artifact: "a" });
if (end === "die") process.kill(process.pid, "SIGKILL");
process.stdout.write("began\n");
setInterval(() => {}, 1000);
