/** Barriers: where they stand, where none is needed, and that none of those placed can be left out. */
import { describe, expect, test } from "vitest";
import { type Kernel, mapStmts, parseKernel, printKernel, type Stmt, withBody } from "../../../../ir/index.ts";
import { sampleOf } from "../same.ts";
import { type GridKernel, gridKernels, gridNames } from "./kernels.ts";
import { after, finished, outcome, shuffledLeaders } from "./run.ts";

const countIn = (kernel: Kernel): number => printKernel(kernel).match(/^ *barrier$/gm)?.length ?? 0;

/** The kernel without its barrier of this number. */
function without(kernel: Kernel, number: number): Kernel {
  let at = 0;
  const drop = (s: Stmt): readonly Stmt[] | undefined => (s.kind === "barrier" && at++ === number ? [] : undefined);
  return withBody(kernel, mapStmts(kernel.body, drop));
}

/** The statements after the pass. */
function placed(...lines: readonly string[]): string {
  const text = printKernel(after("barriers", parseKernel(["kernel k stage main", ...lines].join("\n  "))));
  return `\n${text
    .split("\n")
    .filter((line) => !/^(kernel| {2}(symbol|input|output|register|workgroup|workspace|subgroup)) /.test(line))
    .map((line) => line.slice(2))
    .join("\n")}`;
}

const counts: Readonly<Record<GridKernel, number>> = {
  tiles: 2,
  "two buffers": 1,
  "one step behind": 2,
  tree: 4,
  "tree in a loop": 1,
  subgroups: 2,
  scale: 1,
  "first invocation": 2,
  workspace: 1,
  shapes: 1,
  "flat leader": 2,
};

describe.each(gridNames)("%s", (name) => {
  const kernel = after("barriers", parseKernel(gridKernels[name]));

  test("has no more barriers than it needs", () => {
    expect(countIn(kernel)).toBe(counts[name]);
  });

  test.each(Array.from({ length: counts[name] }, (_, i) => i))(
    "is wrong in some order without barrier %i",
    (number) => {
      const sample = sampleOf(gridKernels[name], gridKernels[name].includes("symbol") ? { M: 6 } : {});
      const expected = outcome(sample, sample.kernel);
      const broken = finished(without(kernel, number));
      const whole = finished(kernel);
      const isRight = (k: Kernel, order: number): boolean => {
        try {
          return outcome(sample, k, { order, leader: shuffledLeaders(8, order) }) === expected;
        } catch (error) {
          if ((error as Error).name === "InterpretError") return false;
          throw error;
        }
      };
      const orders = Array.from({ length: 12 }, (_, i) => i);
      expect(orders.every((order) => isRight(whole, order))).toBe(true);
      expect(orders.every((order) => isRight(broken, order))).toBe(false);
    },
  );
});

describe("a barrier", () => {
  const head = [
    "input x: i32[8, 8]",
    "output y: i32[8]",
    "workgroup s: i32[8]",
    "workgroup t: i32[2, 8]",
    "register r: i32[8]",
  ];
  const inGroup = (...lines: readonly string[]): string =>
    placed(...head, "for n < 1 workgroup.x", ...lines.map((line) => `  ${line}`));

  test("is not needed where an invocation meets only itself", () => {
    expect(
      inGroup(
        "for i < 8 local.x",
        "  s[i] = x[0, i]",
        "for k < 8",
        "  for j < 8 local.x",
        "    s[j] = s[j] + x[k, j]",
        "for h < 2 local.x",
        "  for l < 4",
        "    t[0, 4 * h + l] = h",
        "for v < 2 local.x",
        "  t[1, 4 * v + <4:1>] = t[0, 4 * v + <4:1>]",
      ),
    ).not.toContain("barrier");
  });

  test("is not needed between different elements", () => {
    expect(
      inGroup(
        "for i < 4 local.x",
        "  s[2 * i] = x[0, i]",
        "for j < 4 local.x",
        "  s[7 - 2 * j] = j",
        "for k < 8 local.x",
        "  t[0, k] = k",
        "for k2 < 8",
        "  for l < 8 local.x",
        "    t[1, l] = x[k2, l]",
        "for m < 4 local.x",
        "  t[0, m] = t[0, m] * 2",
      ),
    ).not.toContain("barrier");
  });

  test("stands before a loop whose first turn needs it, not in it", () => {
    expect(
      inGroup(
        "for i < 8 local.x",
        "  s[i] = x[0, i]",
        "for k < 3",
        "  for j < 8 local.x",
        "    r[j] = s[(k + j) % 8]",
        "  for o < 8 local.x",
        "    t[0, o] = r[o] + k",
      ),
    ).toMatchInlineSnapshot(`
      "
      for n < 1 workgroup.x
        for i < 8 local.x
          s[i] = x[0, i]
        barrier
        for k < 3
          for j < 8 local.x
            r[j] = s[(j + k) % 8]
          for o < 8 local.x
            t[0, o] = r[o] + k
      "
    `);
  });

  test("stands in a loop whose next turn needs it", () => {
    expect(
      inGroup(
        "for i < 8 local.x",
        "  s[i] = x[0, i]",
        "for k < 3",
        "  for j < 8 local.x",
        "    r[j] = s[7 - j]",
        "  for o < 8 local.x",
        "    s[o] = r[o] + k",
      ),
    ).toMatchInlineSnapshot(`
      "
      for n < 1 workgroup.x
        for i < 8 local.x
          s[i] = x[0, i]
        for k < 3
          barrier
          for j < 8 local.x
            r[j] = s[7 - j]
          barrier
          for o < 8 local.x
            s[o] = r[o] + k
      "
    `);
  });

  test("stands before an inner loop where only the outer one brings the conflict back", () => {
    expect(
      inGroup(
        "for k < 3",
        "  for j < 2",
        "    for i < 4 local.x",
        "      s[4 * j + i] = x[k, i]",
        "  for l < 2",
        "    for o < 4 local.x",
        "      t[l, o] = s[7 - 4 * l - o]",
      ),
    ).toMatchInlineSnapshot(`
      "
      for n < 1 workgroup.x
        for k < 3
          barrier
          for j < 2
            for i < 4 local.x
              s[j * 4 + i] = x[k, i]
          barrier
          for l < 2
            for o < 4 local.x
              t[l, o] = s[7 - l * 4 - o]
      "
    `);
  });

  test("stands before what may be passed by, where all need it", () => {
    expect(
      inGroup(
        "for i < 8 local.x",
        "  s[i] = x[0, i]",
        "for k < 3",
        "  if k < 1",
        "    for j < 8 local.x",
        "      t[0, j] = s[7 - j]",
        "for o < 8 local.x",
        "  y[o] = s[7 - o]",
      ),
    ).toMatchInlineSnapshot(`
      "
      for n < 1 workgroup.x
        for i < 8 local.x
          s[i] = x[0, i]
        barrier
        for k < 3
          if k < 1
            for j < 8 local.x
              t[0, j] = s[7 - j]
        for o < 8 local.x
          y[o] = s[7 - o]
      "
    `);
  });

  test("that is there already serves", () => {
    const text = inGroup("for i < 8 local.x", "  s[i] = x[0, i]", "barrier", "for o < 8 local.x", "  y[o] = s[7 - o]");
    expect(text.match(/barrier/g)).toHaveLength(1);
  });

  test("waits for what the first invocation stores, and for all to have read it", () => {
    expect(
      inGroup("s[0] = x[1, 1]", "let a = s[0]", "s[0] = a + 1", "for o < 8 local.x", "  y[o] = s[0]"),
    ).toMatchInlineSnapshot(`
      "
      for n < 1 workgroup.x
        s[0] = x[1, 1]
        barrier
        let a = s[0]
        barrier
        s[0] = a + 1
        barrier
        for o < 8 local.x
          y[o] = s[0]
      "
    `);
  });

  test("holds where indices are looked up", () => {
    expect(
      placed(
        "input p: i32[8] in 0..7",
        "output y: i32[8]",
        "workgroup s: i32[8]",
        "for n < 1 workgroup.x",
        "  for i < 8 local.x",
        "    s[p[i]] = i",
        "  for j < 8 local.x",
        "    s[p[j]] = s[p[j]] + 1",
        "  for o < 8 local.x",
        "    y[o] = s[s[o] % 8]",
      ),
    ).toMatchInlineSnapshot(`
      "
      for n < 1 workgroup.x
        for i < 8 local.x
          s[p[i]] = i
        barrier
        for j < 8 local.x
          s[p[j]] = s[p[j]] + 1
        barrier
        for o < 8 local.x
          y[o] = s[s[o] % 8]
      "
    `);
  });
});
