// Started by node: a process whose kernel has threads and is never disposed of. It has to end by itself.
import { compile } from "../../../../src/index.ts";

const kernel = await compile({ op: "dequantize", n: 4, k: 32, w: "q8_0" }, { threads: 2, db: false });
const y = kernel.run({ w: kernel.pack({ raw: new Uint8Array(4 * 34) }) });
process.stdout.write(`${y.length} values`);
