import { describe, expect, test } from "vitest";
import { goldens } from "../golden.ts";
import { refused } from "./softmax.ts";

goldens("online");

describe("online refuses", () => {
  test("nests around what uses the same", () => {
    expect(
      refused([
        [
          `  for p/t`,
          `  y[0] = p[0]
  for p/t`,
        ],
      ]),
    ).toMatchInlineSnapshot(
      `"step 1: online: p is used between the nests too, and what stands there would come after them; name all nests that use it"`,
    );
  });
  test("nests in another order", () => {
    expect(refused([], "online(max: m, loops: [m/t, l/t, p/t], into: t)")).toMatchInlineSnapshot(
      `"step 1: online: p/t does not follow l/t; name loops beside each other, in their order"`,
    );
  });
  test("loops of different extents", () => {
    expect(refused([[`for m/t < 6`, `for m/t < 5`]])).toMatchInlineSnapshot(
      `"step 1: online: p/t and m/t have different extents; split their loops alike"`,
    );
  });
  test("a bound loop", () => {
    expect(refused([[`for p/t < 6`, `for p/t < 6 thread`]])).toMatchInlineSnapshot(
      `"step 1: online: loop p/t is bound to thread; do it before binding"`,
    );
  });
  test("what a test guards", () => {
    expect(
      refused([
        [
          `  for m/t < 6
    m[] max= x[m/t] over m/t
`,
          `  if x[0] < 1.0
    for m/t < 6
      m[] max= x[m/t] over m/t
`,
        ],
      ]),
    ).toMatchInlineSnapshot(`"step 1: online: an if stands around m/t; split without tail guard"`);
  });
  test("a group without the maximum", () => {
    expect(refused([], "online(max: m, loops: [p/t, l/t], into: t)")).toMatchInlineSnapshot(
      `"step 1: online: none of p/t, l/t is the loop of a maximum into m"`,
    );
  });
  test("another kind of maximum", () => {
    expect(refused([[`m[] max=`, `m[] min=`]])).toMatchInlineSnapshot(`"step 1: online: m is a min, expected a max"`);
  });
  test("another kind of sum", () => {
    expect(refused([[`l[] += p[l/t] over l/t`, `l[] max= p[l/t] over l/t`]])).toMatchInlineSnapshot(
      `"step 1: online: l is a max, expected a sum"`,
    );
  });
  test("a sum that always accumulates", () => {
    expect(refused([[`p[l/t] over l/t`, `p[l/t]`]])).toMatchInlineSnapshot(
      `"step 1: online: iterations of l/t write the same elements of l; such nests stay apart"`,
    );
  });
  test("masked terms", () => {
    expect(refused([[`l[] += p[l/t] over`, `l[if l/t < 3] += p[l/t] over`]])).toMatchInlineSnapshot(
      `"step 1: online: the reduction into l is masked, or not over all loops from l/t inwards that its index leaves out, and no others"`,
    );
  });
  test("a sum that has an element per block", () => {
    expect(
      refused([
        [`l: f32[]`, `l: f32[6]`],
        [`l[] += p`, `l[l/t] += p`],
        [`= l[]`, `= l[0]`],
      ]),
    ).toMatchInlineSnapshot(
      `"step 1: online: the reduction into l is masked, or not over all loops from l/t inwards that its index leaves out, and no others"`,
    );
  });
  test("a sum that elements share", () => {
    expect(
      refused([
        [`l: f32[]`, `l: f32[2]`],
        [
          `    l[] += p[l/t] over l/t`,
          `    for l/d < 4
      l[l/d // 2] += p[l/t] over l/t`,
        ],
        [`= l[]`, `= l[0]`],
      ]),
    ).toMatchInlineSnapshot(
      `"step 1: online: iterations of l/d reduce into the same elements of l; give each an element of its own, or sum over it"`,
    );
  });
  test("loops that may have no iterations", () => {
    expect(
      refused([
        [
          `  input x: f32[6]`,
          `  symbol T in 0..6
  input x: f32[T]`,
        ],
        [`m/t < 6`, `m/t < T`],
        [`p/t < 6`, `p/t < T`],
        [`l/t < 6`, `l/t < T`],
      ]),
    ).toMatchInlineSnapshot(
      `"step 1: online: m stays as it is where m/t has no iterations; specialize to sizes for which it has"`,
    );
  });
  test("a sum with bounds", () => {
    expect(refused([[`l: f32[]`, `l: f32[] in 0..6`]])).toMatchInlineSnapshot(
      `"step 1: online: l is not an f32 buffer without bounds; accumulate in one"`,
    );
  });
  test("a sum into an element that two nests write", () => {
    expect(
      refused([
        [
          `    p[p/t]`,
          `    l[] = 1.0
    p[p/t]`,
        ],
      ]),
    ).toMatchInlineSnapshot(`"step 1: online: l is written by p/t and l/t"`);
  });
  test("blocks that use what others write", () => {
    expect(refused([[`p[l/t] over`, `p[5 - l/t] over`]])).toMatchInlineSnapshot(
      `"step 1: online: iterations of p/t use each other's elements of p; such nests stay apart"`,
    );
  });
  test("values in a register", () => {
    expect(
      refused([
        [
          `    p[p/t] = exp(x[p/t] - m[])`,
          `    r[] = x[p/t]
    p[p/t] = exp(x[p/t] - m[])`,
        ],
      ]),
    ).toMatchInlineSnapshot(`"step 1: online: r is a register buffer; keep it in memory"`);
  });
  test("a sum that is read before it is whole", () => {
    expect(
      refused(
        [
          [`    p[p/t] = exp(x[p/t] - m[])`, `    p[p/t] = exp(x[p/t] - m[])`],
          [
            `l[] += p[l/t] over l/t`,
            `l[] += p[l/t] over l/t
  for o/t < 6
    o[] += p[o/t] * l[] over o/t`,
          ],
        ],
        "online(max: m, loops: [m/t, p/t, l/t, o/t], into: t)",
      ),
    ).toMatchInlineSnapshot(`"step 1: online: l is read before its sum is whole"`);
  });
  test("a maximum that is used before it is made", () => {
    expect(
      refused(
        [
          [
            `  for m/t < 6
    m[] max= x[m/t] over m/t
`,
            ``,
          ],
          [
            `  for l/t`,
            `  for m/t < 6
    m[] max= x[m/t] over m/t
  for l/t`,
          ],
        ],
        "online(max: m, loops: [p/t, m/t, l/t], into: t)",
      ),
    ).toMatchInlineSnapshot(`"step 1: online: m is read before it is the maximum; move that behind it"`);
  });
  test("terms that are written after their maximum", () => {
    expect(
      refused([
        [`  input x`, `  workspace x`],
        [
          `    p[p/t]`,
          `    x[p/t] = 1.0
    p[p/t]`,
        ],
      ]),
    ).toMatchInlineSnapshot(
      `"step 1: online: x, of which m is the maximum, is written after it; write another buffer"`,
    );
  });
  test("a maximum that decides what runs", () => {
    expect(
      refused([
        [
          `    p[p/t] = exp(x[p/t] - m[])`,
          `    if m[] < 3.0
      p[p/t] = exp(x[p/t] - m[])`,
        ],
      ]),
    ).toMatchInlineSnapshot(
      `"step 1: online: p/t depends on m in other ways than by values that it stores or sums; keep those in buffers"`,
    );
  });
  test("a maximum in a let", () => {
    expect(
      refused([
        [
          `    p[p/t] = exp(x[p/t] - m[])`,
          `    let most = m[]
    p[p/t] = exp(x[p/t] - most)`,
        ],
      ]),
    ).toMatchInlineSnapshot(
      `"step 1: online: p/t depends on m in other ways than by values that it stores or sums; keep those in buffers"`,
    );
  });
  test("a maximum that decides where values go", () => {
    expect(refused([[`p[p/t] = exp`, `p[p/t if 0.0 < m[]] = exp`]])).toMatchInlineSnapshot(
      `"step 1: online: p/t depends on m in other ways than by values that it stores or sums; keep those in buffers"`,
    );
  });
  test("a reduction beside others", () => {
    expect(
      refused([
        [
          `    p[p/t] = exp(x[p/t] - m[])`,
          `    p[p/t] = exp(x[p/t] - m[])
    z[p/t] += x[p/t] over p/t`,
        ],
      ]),
    ).toMatchInlineSnapshot(`"step 1: online: the reduction into z is not all that p/t holds; distribute it"`);
  });
});
