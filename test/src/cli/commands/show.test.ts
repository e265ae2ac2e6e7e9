// `qloom show`: the overview, what it prints of each stage, and what it says to a wrong question.

import { describe, expect, test } from "vitest";
import { parseKernel } from "../../../../ir/index.ts";
import { qloom } from "../run.ts";

// A kernel of few steps, whose listings are quick.
const small = ["show", "--m", "1", "--n", "16", "--k", "32", "--weights", "f32", "--x", "f32", "--untuned"];
const blank = (text: string): string =>
  text
    .replace(/^on .*$/m, "on DEVICE")
    .replace(/\b[0-9a-f]{12}\b/g, "HASH")
    .replace(/\d[\d.]* (KiB|bytes), needs/, "SIZE, needs");

/** A listing's kernels: what stands between its comments. */
const kernelsIn = (text: string): readonly string[] =>
  text
    .split(/^# .*\n/m)
    .map((part) => part.trim())
    .filter((part) => part !== "");

test("an overview: templates with reasons, the point, the module", async () => {
  const { code, out, err } = await qloom(...small);
  expect({ code, err }).toEqual({ code: 0, err: "" });
  expect(blank(out)).toMatchInlineSnapshot(`
    "matmul m=1 n=16 k=32 f32 x f32
    on DEVICE

    all (M = 1): f32-decode, point from template default
      vectors=4 tile=4 rows=1 panel=1; 15 steps
      rounded-lookup         it computes in f32
      integer-dot-decode     it computes in f32
      integer-dot-prefill    M = 1 is less than 2
      table-lookup           it computes in f32
      plane-popcount         it computes in f32
      f32-decode             takes it, and is chosen
      f32-prefill            takes it
      attention-decode       it is a matmul
      attention-prefill      it is a matmul
      gpu-attention-decode   it is a matmul
      gpu-attention-prefill  it is a matmul
      gpu-decode             the device is wasm
      gpu-prefill            M = 1 is less than 2
      gpu-elementwise        the device is wasm
      elementwise            it is a matmul
      fallback               takes it

    module: SIZE, needs relaxed-simd, artifact HASH
      packs w.raw f32 2 KiB
      into w.v f32 2 KiB (layout HASH)
      pack      pack  w.raw, w.v
      all/main  main  x, w.v, y

    Kernels: --stage naive | steps | lowered | wat | wgsl, --part, --kernel, --step, --pass.
    "
  `);
});

test("x that comes quantized has no kernel before the matmul, and a quantized result is a point of its own", async () => {
  const flags = [
    "show",
    "--m",
    "1",
    "--n",
    "64",
    "--k",
    "32",
    "--untuned",
    "--x",
    "i8_g32_q",
    "--quantize",
    "i8_g32_y",
  ];
  const { code, out } = await qloom(...flags);
  expect(code).toBe(0);
  expect(out).toContain("matmul m=1 n=64 k=32 int4_g32 x i8_g32_q + quantize i8_g32_y");
  expect(out).toMatch(/panel=2 .*quantize=fused/);
  expect(out).toMatch(/all\/main +main +x\.q, x\.s, .*y, y\.q, y\.s/);
  expect(out).not.toContain("all/quantize");
});

describe("stages", () => {
  test("naive, and each is text that parses", async () => {
    const { out } = await qloom(...small, "--stage", "naive");
    expect(out).toMatchInlineSnapshot(`
      "# all, naive: pack
      kernel pack stage pack
        weight w.raw: f32[16, 32]
        packed w.v: f32[16, 32]
        for w.v/n < 16
          for w.v/k < 32
            w.v[w.v/n, w.v/k] = w.raw[w.v/n, w.v/k]

      # all, naive: main
      kernel main stage main
        input x: f32[1, 32]
        packed w.v: f32[16, 32]
        output y: f32[1, 16]
        for m < 1
          for n < 16
            for k < 32
              y[m, n] += w.v[n, k] * x[m, k] over k
      "
    `);
    for (const kernel of kernelsIn(out)) parseKernel(`${kernel}\n`);
  });

  test("steps: after each what it changed", async () => {
    const { out } = await qloom(...small, "--stage", "steps", "--kernel", "main");
    const titles = out.match(/^# .*$/gm) ?? [];
    expect(titles[0]).toMatchInlineSnapshot(
      `"# all, step 2 of 15: split(kernel: main, loop: m, factor: 1, into: [mo, mi])"`,
    );
    expect(titles.length).toBeGreaterThan(5);
    for (const kernel of kernelsIn(out)) parseKernel(`${kernel}\n`);
    const { out: first } = await qloom(...small, "--step", "1");
    expect(first).toMatchInlineSnapshot(`
      "# all, step 1 of 15: specialize(loops: [m], modulo: 1)
      # changes nothing
      "
    `);
    const { out: second } = await qloom(...small, "--step", "2");
    expect(second).toMatchInlineSnapshot(`
      "# all, step 2 of 15: split(kernel: main, loop: m, factor: 1, into: [mo, mi])
      kernel main stage main
        input x: f32[1, 32]
        packed w.v: f32[16, 32]
        output y: f32[1, 16]
        for mo < 1
          for mi < 1
            for n < 16
              for k < 32
                y[mi + mo, n] += x[mi + mo, k] * w.v[n, k] over k
      "
    `);
  });

  test("lowered, as far as a pass", async () => {
    const { out } = await qloom(...small, "--stage", "lowered");
    expect(out.match(/^# .*$/gm)).toMatchInlineSnapshot(`
      [
        "# pack, lowered, after pass 13 of 13: cse",
        "# all/main, lowered, after pass 13 of 13: cse",
      ]
    `);
    for (const kernel of kernelsIn(out)) parseKernel(`${kernel}\n`);
    const { out: early } = await qloom(...small, "--pass", "unroll", "--kernel", "main");
    expect(early.match(/^# .*$/gm)).toEqual(["# all/main, lowered, after pass 2 of 13: unroll"]);
    expect(early).not.toBe(out);
  });

  test("wat: the very bytes", async () => {
    const { out } = await qloom(...small, "--stage", "wat", "--kernel", "main");
    expect(out).toMatch(/^;; all\/main, as Wasm; the module has \d+ bytes\n\(module\n/);
    expect(out).toContain("f32x4.relaxed_madd");
    const { out: strict } = await qloom(...small, "--stage", "wat", "--kernel", "main", "--features", "strict");
    expect(strict).not.toContain("relaxed");
  });

  test("all of them", async () => {
    const { out } = await qloom(...small, "--stage", "all");
    for (const text of ["naive: main", "step 1 of", "after pass", ";; all/main"]) expect(out).toContain(text);
  });
});

test("another point or template is shown in place of the chosen one", async () => {
  const { out } = await qloom(...small, "--point", "vectors=1,tile=1");
  expect(out).toContain("vectors=1");
  expect(out).toContain("point from command line");
  const fallback = await qloom(...small, "--template", "fallback");
  expect(fallback.out).toContain("all (M = 1): fallback, point from command line");
});

test("a workload may be JSON, and so may the answer", async () => {
  const workload = { op: "quantize", m: "any", k: 64, group: 32 };
  const { code, out } = await qloom("show", JSON.stringify(workload), "--untuned", "--json");
  expect(code).toBe(0);
  const shown = JSON.parse(out);
  expect(shown).toMatchObject({ workload, parts: [{ name: "all", source: "template default" }], notes: [] });
  expect(shown.module.launches.length).toBeGreaterThan(0);
  expect(shown.listings).toBeUndefined();
  const listed = JSON.parse((await qloom(...small, "--step", "2", "--json")).out);
  expect(listed.listings[0]).toMatchObject({ stage: "steps", part: "all", step: 2 });
});

describe("is refused in one line", () => {
  test.each([
    ["a size that is missing", 2, ["show", "--n", "16"]],
    ["rows that are none", 2, ["show", "--m", "-1", "--n", "16", "--k", "32"]],
    ["activations that are none", 2, ["show", "--x", "i4", "--n", "16", "--k", "32"]],
    ["a format that is none", 1, ["show", "--weights", "q9", "--n", "16", "--k", "32"]],
    ["a k that is no multiple of the group", 1, ["show", "--n", "16", "--k", "100"]],
    ["text that is no JSON", 2, ["show", "matmul"]],
    ["JSON that is no workload", 1, ["show", "{}"]],
    ["JSON beside flags", 2, ["show", "{}", "--n", "16"]],
    ["a stage that is none", 2, [...small, "--stage", "early"]],
    ["a result that is none", 2, [...small, "--quantize", "f32"]],
    ["a part that is none", 2, [...small, "--part", "decode"]],
    ["a kernel that is none", 1, [...small, "--kernel", "side"]],
    ["a step that is none", 1, [...small, "--step", "999"]],
    ["a step of another stage", 2, [...small, "--step", "1", "--stage", "wat"]],
    ["a pass that is none", 2, [...small, "--pass", "inline"]],
    ["a template that is none", 2, [...small, "--template", "best"]],
    ["a template that does not take it", 1, [...small, "--template", "integer-dot-decode"]],
    ["a point outside of the space", 1, [...small, "--point", "vectors=3"]],
    ["an axis that is none", 1, [...small, "--point", "warp=2"]],
    ["a point that is none", 2, [...small, "--point", "vectors"]],
    ["a database that is not there", 1, [...small.filter((a) => a !== "--untuned"), "--db", "nowhere/tune.sqlite"]],
    ["records asked and not asked", 2, [...small, "--db", "x"]],
  ])("%s", async (_what, exitCode, args) => {
    const { code, out, err } = await qloom(...args);
    expect({ code, out }).toEqual({ code: exitCode, out: "" });
    expect(err.replaceAll(process.cwd(), "..")).toMatchSnapshot();
    expect(err).toMatch(/^qloom: [^\n]+\n$/);
  });
});
