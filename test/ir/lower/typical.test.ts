/** The typical kernel after each pass: what an expert would write, and that it still computes the same. */
import { describe, expect, test } from "vitest";
import {
  eachStmt,
  type Kernel,
  lower,
  printKernel,
  type Stmt,
  type Tensor,
  tensor,
  verifyKernel,
} from "../../../ir/index.ts";
import { lowered, values } from "./same.ts";
import { type TypicalSize, typical } from "./typical.ts";

function inputsOf(kernel: Kernel): Map<string, Tensor> {
  const inputs = new Map<string, Tensor>();
  for (const [i, { name, scope, role, scalar, shape, range }] of kernel.buffers.entries()) {
    if (scope !== "global" || role === "output") continue;
    const sizes = shape.map((size) => (size.kind === "const" ? size.value : 0));
    inputs.set(
      name,
      tensor(
        scalar,
        sizes,
        values(
          scalar,
          sizes.reduce((a, b) => a * b, 1),
          i,
          range,
        ),
      ),
    );
  }
  return inputs;
}

const lines = (kernel: Kernel, stmts: readonly Stmt[]): string => printKernel({ ...kernel, buffers: [], body: stmts });

test.each([
  { m: 1, n: 8, k: 64, t: 2, mr: 1 },
  { m: 1, n: 22, k: 96, t: 2, mr: 1 },
  { m: 4, n: 13, k: 32, t: 4, mr: 2 },
] satisfies TypicalSize[])("$m x $n x $k in tiles of $mr x $t computes the same after each pass", (size) => {
  const kernel = typical(size);
  lowered({ kernel, symbols: {}, inputs: inputsOf(kernel) });
  verifyKernel(lower(kernel, "wasm"), "lowered");
});

test("after each pass", async () => {
  const seen = new Map<string, number>();
  const texts: [string, string][] = [];
  lower(typical({ m: 2, n: 10, k: 64, t: 1, mr: 2 }), "wasm", (pass, kernel) => {
    const times = (seen.get(pass) ?? 0) + 1;
    seen.set(pass, times);
    texts.push([times === 1 ? pass : `${pass}-${times}`, printKernel(kernel)]);
  });
  for (const [i, [pass, text]] of texts.entries())
    await expect(text).toMatchFileSnapshot(`golden/${String(i + 1).padStart(2, "0")}-${pass}.txt`);
});

describe("the inner loop", () => {
  const kernel = lower(typical({ m: 6, n: 4096, k: 4096, t: 4, mr: 6 }), "wasm");
  const inner: Stmt[] = [];
  eachStmt(kernel.body, (s) => {
    if (s.kind === "for" && s.loop === "kg") inner.push(...s.body);
  });
  const text = lines(kernel, inner);
  const count = (pattern: RegExp): number => text.match(pattern)?.length ?? 0;

  test("loads each vector of codes and each piece of x once", () => {
    expect(count(/w\.q\[/g)).toBe(4 * 4);
    expect(count(/x\.q\[/g)).toBe(4 * 2 * 6);
    expect(count(/w\.s\[/g)).toBe(4);
    expect(count(/x\.s\[/g)).toBe(6);
  });

  test("decodes each vector once", () => {
    expect(count(/& 15/g)).toBe(4 * 4);
    expect(count(/>> 4/g)).toBe(4 * 4);
  });

  test("computes no address: one pointer for each stream, bumped once", () => {
    expect(count(/^ *\S+\.at\[\] = \S+\.at\[\] \+ \d+$/gm)).toBe(5);
    expect(count(/&/g)).toBe(4 * 4);
    expect(count(/\bkg\b/g)).toBe(0);
  });

  test("keeps nothing but the sums of rows in registers from one iteration to the next", () => {
    const written = inner.flatMap((s) => (s.kind === "store" ? [s.buffer] : []));
    expect(written.filter((name) => !name.endsWith(".at")).sort()).toEqual(
      Array.from({ length: 24 }, (_, i) => `acc.${i}`).sort(),
    );
  });
});
