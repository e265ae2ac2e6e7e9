/** The module that `relaxed-dot.ts` checks relaxed SIMD with, from a kernel as any other. */
import { b, type Kernel } from "../../../ir/index.ts";
import { compileModule } from "../module.ts";
import { pairs } from "./relaxed-dot.ts";

/** `c[i] = a[2i] * b[2i] + a[2i+1] * b[2i+1]` over 8 pairs at a time. */
function dotKernel(): Kernel {
  const a = b.buffer("a", "i8", [2 * pairs], { unit: "byte", role: "input" });
  const w = b.buffer("b", "i8", [2 * pairs], { unit: "byte", role: "input" });
  const c = b.buffer("c", "i16", [2 * pairs], { unit: "byte", role: "output" });
  const start = b.mul(b.variable("i"), 16);
  const bytes = b.lanes([8, 2], [2, 1]);
  const at = (name: string, lanes: ReturnType<typeof b.lanes>) => [b.add(b.add(b.variable(`&${name}`), start), lanes)];
  const sum = b.call("dot2_i16_i8_i7", b.load(a, at("a", bytes)), b.load(w, at("b", bytes)));
  return b.kernel("dot", "main", {
    buffers: [a, w, c],
    body: [b.loop("i", pairs / 8, [b.store("c", at("c", b.lanes([8], [2])), sum)])],
  });
}

/** A module whose function `dot` takes the addresses of a, b and c. */
export function dotModule(): Uint8Array<ArrayBuffer> {
  return compileModule([dotKernel()], ["relaxed-simd"]).bytes;
}
