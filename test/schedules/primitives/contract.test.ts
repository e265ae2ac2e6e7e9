import { describe, expect, test } from "vitest";
import { goldens, main, refusal } from "../golden.ts";

goldens("contract");

const tiles = main(`
  input x: f32[3, 20]
  workspace s: f32[3, 20]
  output y: f32[3, 20]
  for h < 3
    for to < 5
      for s/ti < 4
        s[h, to * 4 + s/ti] = x[h, to * 4 + s/ti]
      for y/ti < 4
        y[h, to * 4 + y/ti] = s[h, to * 4 + y/ti]
`);

describe("contract refuses", () => {
  test("what is no workspace", () => {
    expect(refusal(tiles, "contract(buffer: y, at: to)")).toMatchInlineSnapshot(
      `"step 1: contract: y is no workspace of main"`,
    );
  });
  test("what another kernel reads", () => {
    expect(
      refusal(
        `${main(`
  input x: f32[3, 4]
  workspace s: f32[3, 4]
  output y: f32[3, 4]
  for h < 3
    for s/i < 4
      s[h, s/i] = x[h, s/i]
    for i < 4
      y[h, i] = s[h, i]
`)}
kernel last stage merge
  workspace s: f32[3, 4]
  output z: f32[3, 4]
  for z/h < 3
    for z/i < 4
      z[z/h, z/i] = s[z/h, z/i]
`,
        "contract(buffer: s, at: h)",
      ),
    ).toMatchInlineSnapshot(
      `"step 1: contract: s is a buffer of last too, which does not write all that it reads; contract before fission"`,
    );
  });
  test("to keep a loop inside", () => {
    expect(refusal(tiles, "contract(buffer: s, at: to, keep: [y/ti])")).toMatchInlineSnapshot(
      `"step 1: contract: s: y/ti is not to or a loop around it; those are h, to"`,
    );
  });
  test("a bound loop", () => {
    expect(
      refusal(
        tiles,
        `
bind(loop: h, to: thread)
contract(buffer: s, at: to)
`,
      ),
    ).toMatchInlineSnapshot(`"step 2: contract: loop h is bound to thread; do it before binding"`);
  });
  test("what is used outside the loop", () => {
    expect(refusal(tiles, "contract(buffer: s, at: s/ti)")).toMatchInlineSnapshot(
      `"step 1: contract: s is used outside s/ti too; contract at a loop around all that uses it"`,
    );
  });
  test("accesses that start at different elements", () => {
    expect(
      refusal(
        main(`
  input x: f32[3, 8]
  workspace s: f32[9]
  output y: f32[3, 8]
  for h < 3
    for s/i < 8
      s[s/i + 1] = x[h, s/i]
    for i < 8
      y[h, i] = s[i]
`),
        "contract(buffer: s, at: h)",
      ),
    ).toMatchInlineSnapshot(
      `"step 1: contract: s: accesses start at different elements of axis 0 in an iteration of h; split and reorder so that they start at the same one"`,
    );
  });
  test("an axis of unknown extent", () => {
    expect(
      refusal(
        main(`
  symbol M in 0..
  input x: f32[3, M]
  workspace s: f32[3, M]
  output y: f32[3, M]
  for h < 3
    for s/i < M
      s[h, s/i] = x[h, s/i]
    for i < M
      y[h, i] = s[h, i]
`),
        "contract(buffer: s, at: h)",
      ),
    ).toMatchInlineSnapshot(
      `"step 1: contract: s: axis 1 has no constant extent in an iteration of h; split its loop first"`,
    );
  });
  test("what is read before it is written", () => {
    expect(
      refusal(
        main(`
  input x: f32[3, 8]
  workspace s: f32[8]
  output y: f32[3, 8]
  for h < 3
    for y/i < 8
      y[h, y/i] = s[y/i]
    for s/i < 8
      s[s/i] = x[h, s/i]
`),
        "contract(buffer: s, at: h)",
      ),
    ).toMatchInlineSnapshot(
      `"step 1: contract: s keeps its value from one iteration of h to the next; contract at a loop outside"`,
    );
  });
  test("what an earlier iteration has written", () => {
    expect(
      refusal(
        main(`
  input x: f32[3, 8]
  workspace s: f32[8]
  output y: f32[3, 8]
  for h < 3
    for s/i < 8
      s[s/i if (s/i < 4) | (h < 1)] = x[h, s/i]
    for i < 8
      y[h, i] = s[i]
`),
        "contract(buffer: s, at: h)",
      ),
    ).toMatchInlineSnapshot(
      `"step 1: contract: s keeps its value from one iteration of h to the next; contract at a loop outside"`,
    );
  });
  test("sums that go on from one iteration to the next", () => {
    expect(
      refusal(
        main(`
  input x: f32[3, 8]
  workspace s: f32[8]
  output y: f32[3, 8]
  for h < 3
    for i < 8
      s[i] += x[h, i] over h
    for y/i < 8
      y[h, y/i] = s[y/i]
`),
        "contract(buffer: s, at: h)",
      ),
    ).toMatchInlineSnapshot(
      `"step 1: contract: s keeps its value from one iteration of h to the next; contract at a loop outside"`,
    );
  });
  test("elements that a let tells apart", () => {
    expect(
      refusal(
        main(`
  input x: f32[5, 4]
  workspace s: f32[4]
  output y: f32[2, 4]
  for h < 2
    for k < 5
      for a < 4
        let t = a
        s[t] += x[k, a] over k
        y[h, a] = s[t]
`),
        "contract(buffer: s, at: h)",
      ),
    ).toMatchInlineSnapshot(
      `"step 1: contract: s keeps its value from one iteration of h to the next; contract at a loop outside"`,
    );
  });
  test("elements that a register tells apart", () => {
    expect(
      refusal(
        main(`
  input x: f32[2, 4]
  workspace s: f32[4]
  register r: i32[]
  output y: f32[2, 4]
  for h < 2
    for a < 4
      r[] = a
      s[r[]] = x[h, a]
    for i < 4
      r[] = i
      y[h, i] = s[r[]]
`),
        "contract(buffer: s, at: h)",
      ),
    ).toMatchInlineSnapshot(
      `"step 1: contract: s: axis 0 has no constant extent in an iteration of h; split its loop first"`,
    );
  });
});
