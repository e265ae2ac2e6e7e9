/** A process that writes `count` records of its own, one at a time: node write.ts PLACE FIRST COUNT. */
import { makeKey, makeScope, openStore } from "../../../tune-db/index.ts";

const [place = "", first = "", count = ""] = process.argv.slice(2);
const store = await openStore(place);
for (let rows = Number(first); rows < Number(first) + Number(count); rows++) {
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
  const id = await store.begin({ key: makeKey(scope, "t", { rows }), label: "", schedule: [], artifact: "a" });
  await store.finish(id, { outcome: "ok", reason: null, samples: [rows], quantum: 1, maxError: 0 });
}
await store.close();
