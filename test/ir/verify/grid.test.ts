// The verifier's rules of the forms for GPUs, each broken once; the rules of grid form that lowering asks for too are in test/ir/lower/gpu.
import { describe, expect, test } from "vitest";
import { interpretProgram, parseProgram, verifyProgram } from "../../../ir/index.ts";
import { io, main, passes, refused } from "./helpers.ts";

describe("grid form", () => {
  test("is checked before lowering", () => {
    passes(main(`${io}  for n < 2 workgroup.x\n    for i < 4 local.x\n      y[n * 4 + i] = x[i]`), "grid");
    expect(
      refused(main(`${io}  for k < 8\n    for i < 4 local.x\n      barrier\n      y[i] = x[i]`), "grid"),
    ).toMatchInlineSnapshot(`"k: grid-form: a barrier stands inside the local nest of i"`);
  });

  test("has accesses proven in bounds, as every scheduled kernel", () => {
    expect(refused(main(`${io}  for i < 9 local.x\n    y[i] = 1.0`), "grid")).toMatchInlineSnapshot(
      `"k: in-bounds: y[i]: index 0 is in 0..8, not proven to be in 0..7; mask the access or guard it with an if; in for i: y[i] = 1.0"`,
    );
  });

  test("has iterations of nests that write elements of their own", () => {
    const nest = (store: string): ReturnType<typeof main> =>
      main(
        `${io}  workgroup s: f32[4]\n  subgroup leader: i32[8]\n  for n < 2 workgroup.x\n    for i < 4 local.x\n      for j < 2 local.y\n        ${store}`,
      );
    passes(nest("s[(i + j) % 4] = 1.0"), "grid");
    passes(nest("if j < 1\n          s[i] = 1.0"), "grid");
    passes(nest("s[i if j < 1] = 1.0"), "grid");
    expect(refused(nest("s[i] = 1.0"), "grid")).toMatchInlineSnapshot(
      `"k: grid-form: every invocation of the local.y loop j writes s[i]"`,
    );
    expect(refused(nest("y[j] = 1.0"), "grid")).toMatchInlineSnapshot(
      `"k: independent: every iteration of the workgroup.x loop n writes y[j]; in for n: for i: for j: y[j] = 1.0"`,
    );
  });
});

describe("the form of invocations", () => {
  const declared =
    "  output y: f32[64 bytes]\n  workgroup s: f32[64 bytes]\n  register r: i32[]\n  subgroup leader: i32[16 bytes]\n";
  const inGroup = (body: string, local = "local.x < 4 local.x"): ReturnType<typeof main> =>
    main(`${declared}  for group.x < 4 workgroup.x\n    for ${local}\n${body.replaceAll(/^/gm, "      ")}`);
  const reason = (kernel: ReturnType<typeof main>): string => refused(kernel, "invocation");

  test("has its loops by their canonical names", () => {
    passes(inGroup("y[&y + 16 * group.x + 4 * local.x] = 1.0"), "invocation");
    expect(reason(inGroup("y[&y + 16 * group.x] = 1.0", "i < 4 local.x"))).toMatchInlineSnapshot(
      `"k: invocation-form: the local.x loop is named i, expected local.x"`,
    );
    expect(reason(inGroup("y[&y + 16 * group.x] = 1.0", "local.x < group.x local.x"))).toMatchInlineSnapshot(
      `"k: invocation-form: the extent group.x of local.x is not a number"`,
    );
    expect(reason(inGroup("y[&y + 16 * group.x] = 1.0", "local.x < 2048 local.x"))).toMatchInlineSnapshot(
      `"k: invocation-form: a workgroup has 2048 invocations, at most 1024"`,
    );
    expect(reason(inGroup("y[&y + 16 * group.x] = 1.0", "k < 4"))).toMatchInlineSnapshot(
      `"k: invocation-form: a nest of local loops, with nothing beside them, is expected inside the workgroup loops"`,
    );
    expect(reason(main(`${declared}  for k < 4\n    y[&y + 16 * k] = 1.0`))).toMatchInlineSnapshot(
      `"k: invocation-form: a nest of workgroup loops, with nothing beside them, is expected at the root"`,
    );
    expect(reason(inGroup("for k < 2\n  for i < 2 local.y\n    y[&y + 16 * group.x] = 1.0"))).toMatchInlineSnapshot(
      `"k: invocation-form: the local.y loop i stands in the program of an invocation"`,
    );
    expect(reason(inGroup("for k < 2 unroll\n  y[&y + 16 * group.x] = 1.0"))).toMatchInlineSnapshot(
      `"k: invocation-form: the unroll loop k stands in the program of an invocation"`,
    );
  });

  test("addresses workgroup memory in bytes", () => {
    expect(
      reason(
        main(
          "  workgroup s: f32[4]\n  for group.x < 1 workgroup.x\n    for local.x < 4 local.x\n      s[local.x] = 1.0",
        ),
      ),
    ).toMatchInlineSnapshot(`"k: invocation-form: workgroup buffer s does not count bytes"`);
  });

  test("has barriers where all invocations arrive", () => {
    passes(inGroup("r[] = 3\nfor k < 3\n  if k < r[]\n    barrier"), "invocation");
    for (const body of [
      "if local.x < 2\n  barrier",
      "let t = local.x * 2\nif 1 < t\n  barrier",
      "for k < local.x\n  barrier",
      "r[] = local.x\nif r[] < 2\n  barrier",
      "r[] = 0\nif local.x < 1\n  r[] = 1\nif r[] < 1\n  barrier",
      "r[] = 0\nfor k < 2\n  if r[] < 1\n    barrier\n  r[] = local.x",
      "s[&s + 4 * local.x] = 1.0\nif s[&s] < 2.0\n  barrier",
      "y[&y + 16 * group.x] = 1.0\nif y[&y + 16 * group.x] < 2.0\n  barrier",
    ])
      expect(reason(inGroup(body))).toContain("a barrier stands where not all invocations need to arrive");
    expect(reason(inGroup("if local.x < 2\n  barrier"))).toMatchInlineSnapshot(
      `"k: invocation-form: a barrier stands where not all invocations need to arrive (group.x, local.x, local.x < 2)"`,
    );
  });

  test("has sums over subgroups where all invocations arrive", () => {
    const sum = "s[&s + 4 * leader[&leader + 4 * local.x]] = s[&s + 4 * leader[&leader + 4 * local.x]] + 1.0";
    passes(inGroup(sum), "invocation");
    expect(reason(inGroup(`if local.x < 2\n  ${sum}`))).toContain("a sum over subgroups stands where");
    expect(reason(inGroup("s[&s + 4 * leader[&leader + 4 * local.x]] = 1.0"))).toMatchInlineSnapshot(
      `"k: subgroup: leader says which invocations make a subgroup; it is read in slot[leader[i], ..] += v over () only; in for group.x: for local.x: s[&s + leader[&leader + local.x * 4] * 4] = 1.0"`,
    );
    expect(reason(inGroup("r[] = leader[&leader + 4 * local.x]"))).toMatchInlineSnapshot(
      `"k: subgroup: leader says which invocations make a subgroup; it is read in slot[leader[i], ..] += v over () only; in for group.x: for local.x: r[] = leader[&leader + local.x * 4]"`,
    );
    expect(reason(inGroup("leader[&leader + 4 * local.x] = 1"))).toMatchInlineSnapshot(
      `"k: role: subgroup leader is written"`,
    );
  });
});

test("kernels of a program may have workgroups of different sizes", () => {
  const kernel = (name: string, size: number): string => `kernel ${name} stage main
  output ${name}: i32[1]
  subgroup leader: i32[${size}]
  workgroup slot: i32[${size}]
  for n < 1 workgroup.x
    for z < ${size} local.x
      slot[z] = 0
    for i < ${size} local.x
      slot[leader[i]] += i
    for t < ${size}
      ${name}[n] += slot[t] over t
`;
  const program = parseProgram(`program p\n${kernel("a", 8)}${kernel("b", 64)}`);
  verifyProgram(program, "grid");
  const made = interpretProgram(program, {}, new Map());
  expect([made.get("a")?.values[0], made.get("b")?.values[0]]).toEqual([28, 2016]);
  expect(made.has("leader")).toBe(false);
});
