/** What `grid` and `invocations` make of small kernels, what later passes leave of barriers and sums over subgroups, and what is refused. */
import { describe, expect, test } from "vitest";
import { lower, parseKernel, printKernel, verifyKernel } from "../../../../ir/index.ts";
import { sampleOf } from "../same.ts";
import { gridKernels, plainKernels } from "./kernels.ts";
import { after, loweredForGpu } from "./run.ts";

const text = (...lines: readonly string[]): string => ["kernel k stage main", ...lines].join("\n  ");

/** The kernel's registers and statements after a pass. */
function shown(pass: string, kernel: string): string {
  const lines = printKernel(after(pass, parseKernel(kernel))).split("\n");
  return `\n${lines
    .filter((line) => !/^(kernel| {2}(symbol|input|output|workgroup|workspace|subgroup)) /.test(line))
    .map((line) => line.slice(2))
    .join("\n")}`;
}

describe("grid", () => {
  test("makes the iterations of a thread loop invocations", () => {
    expect(shown("grid", plainKernels.thread)).toMatchInlineSnapshot(`
      "
      register t: f32[2]
      register y.sum: f32[]
      for n.group < (N + 63) // 64 workgroup.x
        for n.local < 64 local.x
          if n.group * 64 + n.local < N
            y.sum[] = 0.0
            for k < 3
              y.sum[] = x[n.group * 64 + n.local, k] + y.sum[]
            y[n.group * 64 + n.local] = y.sum[]
            for r < 2
              t[r] = y[n.group * 64 + n.local] * f32(r)
            y[n.group * 64 + n.local] = t[0] - t[1]
      "
    `);
  });

  test("needs no guard where workgroups are filled", () => {
    const kernel = text("output y: i32[128]", "let a = 3", "for i < 128 thread", "  y[i] = i + a");
    expect(shown("grid", kernel)).toMatchInlineSnapshot(`
      "
      for i.group < 2 workgroup.x
        for i.local < 64 local.x
          let a = 3
          y[i.group * 64 + i.local] = i.group * 64 + i.local + a
      "
    `);
  });

  test("gives one invocation to a kernel without parallel loops", () => {
    expect(shown("invocations", plainKernels.unbound)).toMatchInlineSnapshot(`
      "
      register y.sum: f32[]
      for group.x < 1 workgroup.x
        for local.x < 1 local.x
          let two = 2.0
          for n < 5
            y.sum[] = 0.0
            for k < 3
              y.sum[] = madd_f32(two, x[n, k], y.sum[])
            y[n] = y.sum[]
      "
    `);
  });

  test("gives one workgroup to local loops alone", () => {
    expect(shown("grid", text("output y: i32[8]", "for i < 8 local.x", "  y[i] = i"))).toMatchInlineSnapshot(`
      "
      for group < 1 workgroup.x
        for i < 8 local.x
          y[i] = i
      "
    `);
  });

  test("moves lets before the loops into them", () => {
    const kernel = text(
      "symbol M in 0..9",
      "output y: i32[M, 4]",
      "let rows = M",
      "for m < rows workgroup.x",
      "  for i < 4 local.x",
      "    y[m, i] = rows",
    );
    expect(shown("grid", kernel)).toMatchInlineSnapshot(`
      "
      for m < M workgroup.x
        let rows = M
        for i < 4 local.x
          y[m, i] = rows
      "
    `);
    loweredForGpu(sampleOf(kernel, { M: 3 }), [{}]);
  });
});

describe("invocations", () => {
  test("drop the axes of registers, leave others idle, let the first one store", () => {
    expect(shown("invocations", gridKernels.shapes)).toMatchInlineSnapshot(`
      "
      register r: i32[2]
      for group.z < 2 workgroup.z
        for local.x < 4 local.x
          for local.y < 3 local.y
            for local.z < 2 local.z
              s[local.y * 4 + local.z * 12 + local.x] = x[local.y * 4 + local.z * 12 + local.x] * (group.z + 1)
              barrier
              if local.x < 1
                for f < 2
                  r[f] = s[(local.y * 4 + local.z * 12 + f * 7 + 5) % 24]
              if local.x < 1
                y[group.z, local.z, local.y] = r[0] - r[1]
      "
    `);
    expect(shown("invocations", gridKernels["first invocation"])).toMatchInlineSnapshot(`
      "
      register u: i32[]
      for group.x < 2 workgroup.x
        for local.x < 3 local.x
          for local.y < 2 local.y
            if (local.x < 1) & (local.y < 1)
              sum[0] = group.x
            for k < 2
              barrier
              v[local.y * 3 + local.x] = x[group.x * 2 + k, local.y * 3 + local.x] + sum[0]
              barrier
              if (local.x < 1) & (local.y < 1)
                sum[0] = sum[0] + v[5] - v[0]
              u[] = v[3]
              y[group.x * 2 + k, local.y * 3 + local.x] = v[5 - (local.y * 3 + local.x)] + u[]
      "
    `);
  });

  test("see through lets", () => {
    const kernel = text(
      "output y: i32[8]",
      "register v: i32[8, 2]",
      "for n < 1 workgroup.x",
      "  for i < 8 local.x",
      "    let a = i",
      "    v[a, 0] = a",
      "  for j < 8 local.x",
      "    y[j] = v[j, 0]",
    );
    expect(shown("invocations", kernel)).toMatchInlineSnapshot(`
      "
      register v: i32[2]
      for group.x < 1 workgroup.x
        for local.x < 8 local.x
          let a = local.x
          v[0] = a
          y[local.x] = v[0]
      "
    `);
    loweredForGpu(sampleOf(kernel), [{ order: 1 }]);
  });

  test("keep what each nest makes anew", () => {
    const kernel = text(
      "input x: i32[8]",
      "output y: i32[2, 8]",
      "register t: i32[2]",
      "for n < 1 workgroup.x",
      "  for i < 8 local.x",
      "    for r < 2",
      "      t[r] = x[i] * r",
      "    y[0, i] = t[0] + t[1]",
      "  for j < 4 local.x",
      "    t[0] = x[j]",
      "    y[1, 2 * j] = t[0]",
      "    t[1] = x[7 - j]",
      "    y[1, 2 * j + 1] = t[1]",
    );
    expect(shown("invocations", kernel)).toMatchInlineSnapshot(`
      "
      register t: i32[2]
      for group.x < 1 workgroup.x
        for local.x < 8 local.x
          for r < 2
            t[r] = x[local.x] * r
          y[0, local.x] = t[0] + t[1]
          if local.x < 4
            t[0] = x[local.x]
            y[1, local.x * 2] = t[0]
            t[1] = x[7 - local.x]
            y[1, local.x * 2 + 1] = t[1]
      "
    `);
    loweredForGpu(sampleOf(kernel), [{}, { order: 5 }]);
  });

  test("keep sums over subgroups in one form to the end", () => {
    expect(shown("invocations", gridKernels["flat leader"])).toMatchInlineSnapshot(`
      "
      register y.sum: i32[]
      for group.y < 2 workgroup.y
        for local.x < 6 local.x
          for local.y < 4 local.y
            slot[local.y * 6 + local.x] = 0
            barrier
            for k < 2
              let slot.sum = x[group.y, local.y * 6 + local.x] * (k + 1)
              slot[leader[local.y * 6 + local.x]] = slot[leader[local.y * 6 + local.x]] + slot.sum
            y.sum[] = 0
            barrier
            for t < 24
              y.sum[] = slot[t] + y.sum[]
            if (local.x < 1) & (local.y < 1)
              y[group.y] = y.sum[]
      "
    `);
    expect(shown("cse", gridKernels["flat leader"])).toMatchInlineSnapshot(`
      "
      register y.sum: i32[]
      for group.y < 2 workgroup.y
        for local.x < 6 local.x
          for local.y < 4 local.y
            let t.1 = local.x * 4
            let t.2 = local.y * 24
            slot[&slot + t.1 + t.2] = 0
            barrier
            let x.1 = x[&x + group.y * 96 + t.1 + t.2]
            for k < 2
              let slot.sum = (k + 1) * x.1
              slot[&slot + leader[&leader + local.x * 4 + local.y * 24] * 4] = slot[&slot + leader[&leader + local.x * 4 + local.y * 24] * 4] + slot.sum
            y.sum[] = 0
            barrier
            for t < 24
              y.sum[] = slot[&slot + t * 4] + y.sum[]
            if (local.x < 1) & (local.y < 1)
              y[&y + group.y * 4] = y.sum[]
      "
    `);
    const max = text(
      "input x: f32[4, 8]",
      "output y: f32[4]",
      "subgroup leader: i32[8]",
      "workgroup most: f32[8, 4]",
      "for n < 1 workgroup.x",
      "  for z < 8 local.x",
      "    most[z, <4:1>] = -inf",
      "  for i < 8 local.x",
      "    most[leader[i], <4:1>] max= x[<4:1>, i]",
      "  for o < 4 local.x",
      "    for t < 8",
      "      y[o] max= most[t, o] over t",
    );
    expect(shown("cse", max)).toMatchInlineSnapshot(`
      "
      register y.sum: f32[]
      for group.x < 1 workgroup.x
        for local.x < 8 local.x
          most[&most + local.x * 16 + <4:4>] = -inf
          barrier
          let t.1 = local.x * 4
          let most.sum = x[&x + t.1 + <4:32>]
          most[&most + leader[&leader + local.x * 4] * 16 + <4:4>] = max(most[&most + leader[&leader + local.x * 4] * 16 + <4:4>], most.sum)
          barrier
          if local.x < 4
            y.sum[] = -inf
            let t.2 = &most + t.1
            for t < 8
              y.sum[] = max(most[t * 16 + t.2], y.sum[])
            y[&y + t.1] = y.sum[]
      "
    `);
    loweredForGpu(sampleOf(max), [{}, { order: 2, leader: () => Int32Array.of(1, 1, 6, 1, 6, 5, 6, 5) }]);
  });
});

describe("cse", () => {
  test("computes nothing outside of the invocation's program, and loads again after a barrier", () => {
    const kernel = text(
      "symbol M in 1..9",
      "input x: f32[M, 8]",
      "output y: f32[M, 8]",
      "workgroup s: f32[8]",
      "for m < M workgroup.x",
      "  for i < 8 local.x",
      "    s[i] = x[M - 1, i] * f32(M - 1)",
      "  for j < 8 local.x",
      "    y[m, j] = s[7 - j] * s[7 - j]",
      "  barrier",
      "  for o < 8 local.x",
      "    y[m, o] = y[m, o] + s[7 - o]",
    );
    expect(shown("cse", kernel)).toMatchInlineSnapshot(`
      "
      for group.x < M workgroup.x
        for local.x < 8 local.x
          let t = local.x * 4
          s[&s + t] = x[&x + M * 32 + t + -32] * f32(M + -1)
          barrier
          let t.1 = &y + group.x * 32 + t
          let t.2 = &s - t
          let s.1 = s[t.2 + 28]
          y[t.1] = s.1 * s.1
          barrier
          y[t.1] = s[t.2 + 28] + y[t.1]
      "
    `);
    loweredForGpu(sampleOf(kernel, { M: 2 }), [{}, { order: 1 }]);
  });
});

test("codes in workgroup memory take a byte each", () => {
  const kernel = text(
    "input q: u4[2, 8]",
    "output y: i32[2, 8]",
    "workgroup s: u4[8]",
    "for n < 2 workgroup.x",
    "  for i < 8 local.x",
    "    s[i] = q[n, i]",
    "  for o < 4 local.x",
    "    y[n, 2 * o + <2:1>] = i32(s[6 - 2 * o + <2:1>])",
  );
  expect(shown("cse", kernel)).toMatchInlineSnapshot(`
    "
    for group.x < 2 workgroup.x
      for local.x < 8 local.x
        s[&s + local.x] = q[&q + group.x * 4 + local.x // 2] >> u8(local.x % 2 * 4) & 15
        barrier
        if local.x < 4
          y[&y + group.x * 32 + local.x * 8 + <2:4>] = i32(s[&s - local.x * 2 + 6 + <2:1>])
    "
  `);
  loweredForGpu(sampleOf(kernel), [{}, { order: 1 }]);
  verifyKernel(lower(parseKernel(kernel), "wgsl"), "invocation");
});

describe("what has no form for GPUs is refused", () => {
  const head = [
    "symbol M in 1..9",
    "input x: i32[16]",
    "output y: i32[16]",
    "output q: u4[16]",
    "subgroup leader: i32[16]",
    "workgroup s: i32[16]",
    "register r: i32[4, 4]",
    "register v: i32[16]",
    "register u: i32[]",
  ];
  const inGroup = (...lines: readonly string[]): string =>
    text(...head, "for n < 1 workgroup.x", ...lines.map((line) => `  ${line}`));
  const bad: readonly (readonly [string, string])[] = [
    ["two thread loops", text(...head, "for i < 4 thread", "  y[i] = i", "for j < 4 thread", "  y[j + 4] = j")],
    ["a loop over a subgroup", text(...head, "for i < 4 subgroup", "  y[i] = i")],
    ["workgroup memory of threads", text(...head, "for i < 4 thread", "  s[0] = i", "  y[i] = s[0]")],
    ["something beside the workgroups", text(...head, "y[0] = 1", "for n < 4 workgroup.x", "  y[n] = 1")],
    ["a workgroup loop inside", text(...head, "for k < 4", "  for n < 4 workgroup.x", "    y[n] = 1")],
    ["an extent of a load", text(...head, "for n < x[0] workgroup.x", "  y[n] = 1")],
    ["a symbolic local extent", inGroup("for i < M local.x", "  y[i] = i")],
    [
      "a nest that is not perfect",
      inGroup("for i < 4 local.x", "  for k < 2", "    for j < 2 local.y", "      y[4 * i + 2 * k + j] = i"),
    ],
    ["a barrier in a nest", inGroup("for i < 4 local.x", "  s[i] = i", "  barrier", "  y[i] = s[3 - i]")],
    ["too many invocations", inGroup("for i < 64 local.x", "  for j < 32 local.y", "    y[i // 4] = j")],
    ["a condition on shared memory", inGroup("s[0] = 1", "if s[0] < 2", "  for i < 4 local.x", "    y[i] = i")],
    ["an extent out of a register", inGroup("u[] = 2", "for k < u[]", "  y[k] = k")],
    ["a register across dimensions", inGroup("for i < 4 local.x", "  v[i] = i", "for j < 4 local.y", "  y[j] = v[j]")],
    [
      "a register of a neighbour",
      inGroup("for i < 16 local.x", "  v[i] = i", "for j < 16 local.x", "  y[j] = v[15 - j]"),
    ],
    [
      "registers chosen by the invocation",
      inGroup("for i < 8 local.x", "  for k < 2", "    v[2 * i + k] = i", "  y[i] = v[2 * i]"),
    ],
    ["a value carried without axes", inGroup("for i < 4 local.x", "  u[] = i", "for j < 4 local.x", "  y[j] = u[]")],
    [
      "an axis too few",
      inGroup("for i < 4 local.y", "  v[i] = i", "for j < 4 local.y", "  for k < 4 local.x", "    y[4 * j + k] = v[j]"),
    ],
    ["an invocation's value for all", inGroup("for i < 4 local.x", "  u[] = i", "y[0] = u[]")],
    ["a register for all and for each", inGroup("u[] = 1", "for i < 4 local.x", "  u[] = i", "  y[i] = u[]")],
    ["half of a subgroup", inGroup("for i < 16 local.x", "  s[i] = 0", "for j < 8 local.x", "  s[leader[j]] += j")],
    [
      "a sum under a condition",
      inGroup("for i < 16 local.x", "  s[i] = 0", "for j < 16 local.x", "  if j < 8", "    s[leader[j]] += j"),
    ],
    ["a masked sum", inGroup("for i < 16 local.x", "  s[i] = 0", "for j < 16 local.x", "  s[leader[j] if j < 8] += j")],
    ["another's leader", inGroup("for i < 16 local.x", "  s[i] = 0", "for j < 16 local.x", "  s[leader[15 - j]] += j")],
    ["a leader as a number", inGroup("for j < 16 local.x", "  y[j] = leader[j]")],
    ["leaders of other workgroups", inGroup("for i < 8 local.x", "  s[leader[i]] = 0")],
    ["too many leaders", inGroup("for i < 8 local.x", "  s[i] = 0", "for j < 8 local.x", "  s[leader[j]] += j")],
    ["codes that share bytes", inGroup("for i < 16 local.x", "  q[i] = u4(x[i])")],
    ["a name of lowering's", inGroup("for local.x < 4", "  y[local.x] = 1")],
  ];
  test.each(bad)("%s", (_, kernel) => {
    expect(() => lower(parseKernel(kernel), "wgsl")).toThrowErrorMatchingSnapshot();
  });
});
