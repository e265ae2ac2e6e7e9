// Invocations that advance from barrier to barrier: what each has for itself, what they share, in which order they run, and what they may not do.
import { describe, expect, test } from "vitest";
import {
  b,
  emptyTensor,
  type InterpretOptions,
  interpretKernel,
  interpretProgram,
  parseKernel,
  printKernel,
} from "../../ir/index.ts";

/** The values of `y`, with null where nothing was written, of a kernel whose workgroups run these statements. */
function outcome(declarations: string, body: string, options: InterpretOptions = {}, size = 4): (number | null)[] {
  const text = `kernel k stage main\n  output y: i32[${size}]\n${declarations}  for group.x < 1 workgroup.x\n    for local.x < 4 local.x\n${body.replaceAll(/^/gm, "      ")}`;
  const y = emptyTensor("i32", [size]);
  interpretKernel(parseKernel(text), { symbols: {}, buffers: new Map([["y", y]]) }, options);
  return [...y.values].map((value, i) => (y.written?.[i] === 1 ? value : null));
}

const orders = Array.from({ length: 20 }, (_, order) => ({ order }));

describe("invocations", () => {
  test("see after a barrier what others wrote before it", () => {
    const body = "s[local.x] = local.x * 10\nbarrier\ny[local.x] = s[3 - local.x]";
    for (const options of [{}, ...orders])
      expect(outcome("  workgroup s: i32[4]\n", body, options)).toEqual([30, 20, 10, 0]);
  });

  test("without a barrier see it in some orders only", () => {
    const body =
      "s[local.x] = local.x * 10\nbarrier\ns[local.x] = s[(local.x + 1) % 4] + 1\nbarrier\ny[local.x] = s[local.x]";
    const results = new Set(orders.map((options) => outcome("  workgroup s: i32[4]\n", body, options).join()));
    expect(results.size).toBeGreaterThan(3);
    expect(outcome("  workgroup s: i32[4]\n", body).join()).toBe("11,21,31,12");
    expect(() => outcome("  workgroup s: i32[4]\n", "s[local.x] = 1\ny[local.x] = s[3 - local.x]\nbarrier")).toThrow(
      "k: load s: element [3] is read before it is written at group.x=0, local.x=0",
    );
  });

  test("have registers, lets and loops of their own, from barrier to barrier", () => {
    const body = [
      "r[] = local.x",
      "let t = r[] * 2",
      "for k < 3",
      "  barrier",
      "  r[] = r[] + k * local.x",
      "if 1 < 2",
      "  barrier",
      "y[local.x] = r[] + 100 * t",
    ].join("\n");
    for (const options of [{}, ...orders])
      expect(outcome("  register r: i32[]\n", body, options)).toEqual([0, 204, 408, 612]);
  });

  test("do not see each other's registers", () => {
    const body = "if local.x < 1\n  r[] = 7\nbarrier\ny[local.x] = r[]";
    expect(() => outcome("  register r: i32[]\n", body)).toThrow(
      "k: load r: element [] is read before it is written at group.x=0, local.x=1",
    );
  });

  test("find workgroup memory undefined in every workgroup", () => {
    const kernel = parseKernel(`kernel k stage main
      output y: i32[2]
      workgroup s: i32[1]
      for group.x < 2 workgroup.x
        for local.x < 1 local.x
          if group.x < 1
            s[0] = 3
          barrier
          y[group.x] = s[0]`);
    const buffers = new Map([["y", emptyTensor("i32", [2])]]);
    expect(() => interpretKernel(kernel, { symbols: {}, buffers })).toThrow(
      "k: load s: element [0] is read before it is written at group.x=1, local.x=0",
    );
  });

  test("find it undefined byte by byte, too", () => {
    const declared = "  workgroup s: i32[16 bytes]\n";
    expect(outcome(declared, "s[&s + 4 * local.x] = local.x\nbarrier\ny[local.x] = s[&s + 12 - 4 * local.x]")).toEqual([
      3, 2, 1, 0,
    ]);
    expect(() => outcome(declared, "s[&s] = u8(local.x)\nbarrier\ny[local.x] = s[&s]")).toThrow(
      "k: load s: element [0] is read before it is written at group.x=0, local.x=0",
    );
  });

  test("all arrive at every barrier", () => {
    expect(() => outcome("", "if local.x < 2\n  barrier\ny[local.x] = 1")).toThrow(
      "k: invocation 0 waits at a barrier that invocation 2 does not reach",
    );
    expect(() => outcome("", "if local.x == 3\n  barrier\ny[local.x] = 1")).toThrow(
      "k: invocation 3 waits at a barrier that invocation 0 does not reach",
    );
    // Another barrier, and another turn of the loop, are not the same one.
    expect(() => outcome("", "if local.x < 2\n  barrier\nif 1 < local.x\n  barrier\ny[local.x] = 1")).toThrow(
      "k: invocation 0 waits at a barrier that invocation 2 does not reach",
    );
    expect(() => outcome("", "for k < 2\n  if k == local.x % 2\n    barrier\ny[local.x] = 1")).toThrow(
      "k: invocation 0 waits at a barrier that invocation 1 does not reach",
    );
  });

  test("run in an order of their own where none is asked for", () => {
    expect(outcome("", "y[0] = local.x\nbarrier", {}, 1)).toEqual([3]);
    expect(new Set(orders.map((options) => outcome("", "y[0] = local.x\nbarrier", options, 1)[0])).size).toBe(4);
    // With an order, without any barrier as well.
    expect(new Set(orders.map((options) => outcome("", "y[0] = local.x", options, 1)[0])).size).toBe(4);
    expect(outcome("", "y[0] = local.x", { order: 3 }, 1)).toEqual(outcome("", "y[0] = local.x", { order: 3 }, 1));
  });
});

describe("subgroup buffers", () => {
  const text = `kernel k stage main
  output y: i32[64]
  subgroup leader: i32[64] in 0..63
  workgroup slot: i32[64]
  for n < 1 workgroup.x
    for z < 64 local.x
      slot[z] = 0
    for i < 64 local.x
      slot[leader[i]] += 1
    for o < 64 local.x
      y[o] = slot[o]
`;

  test("are read and printed like other buffers, with the range of local indices", () => {
    const kernel = parseKernel(text);
    expect(printKernel(kernel)).toBe(text);
    expect(kernel.buffers[1]).toMatchObject({ role: "subgroup", scope: "global", range: [0, 63] });
    expect(parseKernel("kernel k stage main\n  subgroup leader: i32[64]").buffers[0]?.range).toEqual([0, 63]);
    for (const [scalar, shape] of [
      ["u32", [64]],
      ["i32", [8, 8]],
      ["i32", [0]],
      ["i32", [b.variable("N")]],
    ] as const)
      expect(() => b.buffer("leader", scalar, shape, { role: "subgroup" })).toThrow(
        "leader: a subgroup buffer is i32, with a constant number of invocations",
      );
  });

  test("hold groups of 32 in order, or what is asked for", () => {
    const sums = (options?: InterpretOptions): number[] => {
      const program = { name: "p", kernels: [parseKernel(text)] };
      return [...(interpretProgram(program, {}, new Map(), options).get("y")?.values ?? [])];
    };
    const at = (places: Record<number, number>): number[] => Array.from({ length: 64 }, (_, i) => places[i] ?? 0);
    expect(sums()).toEqual(at({ 0: 32, 32: 32 }));
    expect(sums({ leader: (count) => new Int32Array(count).fill(5) })).toEqual(at({ 5: 64 }));
    expect(sums({ leader: (count) => Int32Array.from({ length: count }, (_, i) => i % 4) })).toEqual(
      at({ 0: 16, 1: 16, 2: 16, 3: 16 }),
    );
  });
});
