// What each fault says: the reason, and what to do.

import { expect, test } from "vitest";
import { GpuError, type GpuFaults, gpuError } from "../../../../backends/wgsl/runtime/errors.ts";
import { QloomError } from "../../../../ir/index.ts";

const source =
  "fn a() {}\nfn b() {}\nfn c() {}\nfn d() {}\nfn main() { x = 1; }\nfn e() {}\nfn f() {}\nfn g() {}\nfn h() {}";
const adapter = "Acme 1, Chromium 153 on Linux";

const examples: { readonly [F in keyof GpuFaults]: readonly GpuFaults[F][] } = {
  "no-webgpu": [
    { engine: "Firefox 120", secure: true },
    { engine: "Chromium 153", secure: false },
  ],
  "no-package": [{}, { cause: "GLIBC_2.38 not found" }],
  "no-adapter": [{ engine: "Fake 1", tried: ["a high-performance one", "the processor as one"], remedy: "buy one" }],
  feature: [
    { wanted: "f16", adapter, has: ["subgroups", "packed-dot"] },
    { wanted: "f16", adapter, has: [] },
  ],
  limit: [{ what: "w of 200 bytes", limit: "100 bytes per buffer", remedy: "cut it" }],
  shader: [
    { name: "mm", adapter, reason: "unresolved value\n 'x'", line: 5, source },
    { name: "mm", adapter, reason: "out of registers", line: 0, source },
  ],
  lost: [{ adapter, reason: "driver was updated" }],
  closed: [{ adapter }],
  memory: [{ what: "w of 200 bytes", used: 4096 }],
  call: [{ reason: "kernel mm: buffer x has no tensor" }],
  driver: [{ what: "reading y", reason: "AbortError" }],
};

test("messages name the reason and the remedy", () => {
  const said = Object.entries(examples).flatMap(([fault, all]) =>
    all.map((facts) => gpuError(fault as keyof GpuFaults, facts as never).message),
  );
  expect(said).toMatchInlineSnapshot(`
    [
      "Firefox 120 has no WebGPU: use Chrome or Edge 127, Safari 26, Firefox 141 or Deno 2 (or newer), or Node with the npm package webgpu; kernels for Wasm run without a GPU",
      "this page is served without https, so Chromium 153 hides WebGPU from it: serve it by https or from localhost; kernels for Wasm run without a GPU",
      "WebGPU in Node needs the npm package webgpu: npm install webgpu; kernels for Wasm run without a GPU",
      "the npm package webgpu does not load here (GLIBC_2.38 not found): reinstall it, or use Node on a platform that it has a binary for; kernels for Wasm run without a GPU",
      "Fake 1 finds no GPU (tried a high-performance one, then the processor as one): buy one; kernels for Wasm run without a GPU",
      "feature f16 was asked for, but Acme 1, Chromium 153 on Linux has only subgroups, packed-dot: leave it out, every kernel has a form without it",
      "feature f16 was asked for, but Acme 1, Chromium 153 on Linux has none of the optional ones: leave it out, every kernel has a form without it",
      "w of 200 bytes is over the limit of 100 bytes per buffer: cut it",
      "Acme 1, Chromium 153 on Linux refuses the shader of kernel mm: line 5: unresolved value 'x': fn main() { x = 1; }: report it, or choose another schedule; kernels for Wasm run without a GPU",
      "Acme 1, Chromium 153 on Linux refuses the shader of kernel mm: out of registers: report it, or choose another schedule; kernels for Wasm run without a GPU",
      "the GPU device was lost (Acme 1, Chromium 153 on Linux: driver was updated), and what it held with it: reopen() gives a new one to load the weights into; kernels for Wasm run without a GPU",
      "the runtime of Acme 1, Chromium 153 on Linux was disposed of: open another by openGpu()",
      "the GPU has no memory for w of 200 bytes (4096 bytes are in use here): free tensors that are no longer needed, close what else uses the GPU, or take a smaller model; kernels for Wasm run without a GPU",
      "kernel mm: buffer x has no tensor",
      "the driver failed at reading y: AbortError: update the driver or the browser, or report this with the output of qloom device; kernels for Wasm run without a GPU",
    ]
  `);
});

test("messages are one line, and errors that a user can cause", () => {
  for (const [fault, all] of Object.entries(examples))
    for (const facts of all) {
      const error = gpuError(fault as keyof GpuFaults, facts as never);
      expect(error.message).not.toContain("\n");
      expect(error).toBeInstanceOf(GpuError);
      expect(error).toBeInstanceOf(QloomError);
      expect(error.fault).toBe(fault);
    }
});

test("a refused shader is shown with its lines, the place marked", () => {
  expect(gpuError("shader", examples.shader[0]!).render().split("\n").slice(1).join("\n")).toMatchInlineSnapshot(`
    "  2 | fn b() {}
      3 | fn c() {}
      4 | fn d() {}
    > 5 | fn main() { x = 1; }
      6 | fn e() {}
      7 | fn f() {}
      8 | fn g() {}"
  `);
  expect(gpuError("shader", examples.shader[1]!).render()).not.toContain("\n");
  expect(gpuError("closed", { adapter }).render()).not.toContain("\n");
});
