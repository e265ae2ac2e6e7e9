// The quantize program against the oracle, bit by bit, on ordinary and on awkward activations.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { programOf, type QuantizeWorkload, quantizeReference } from "../../../ir/index.ts";
import { f32, run } from "../interpreted.ts";
import { normals } from "../samples.ts";

function agree(x: Float32Array, k: number, group: number | "row", m: number | "any" = "any"): void {
  const workload: QuantizeWorkload = { op: "quantize", m, k, group };
  const rows = x.length / k;
  const made = run(programOf(workload), new Map([["x", f32([rows, k], x)]]), { M: rows });
  const { q, s } = quantizeReference(x, group === "row" ? k : group);
  expect(made.get("x.q")).toEqual(Float64Array.from(q));
  expect(made.get("x.s")).toEqual(Float64Array.from(s));
}

describe("quantize", () => {
  test.each([
    [64, 32],
    [64, "row"],
    [48, 16],
    [7, "row"],
    [6, 1],
  ] as const)("K = %i in groups of %s", (k, group) => {
    agree(normals(3 * k, k), k, group);
    agree(normals(3 * k, k), k, group, 3);
    agree(new Float32Array(), k, group, 0);
  });

  test("any floats, halves, denormals, infinities and NaN among them", () => {
    const value = fc.oneof(
      fc.float(),
      fc.float({ min: Math.fround(-1e-36), max: Math.fround(1e-36) }),
      fc.integer({ min: -254, max: 254 }).map((half) => half / 2),
      fc.constantFrom(0, -0, 127, -127, Number.NaN, Infinity, 3.4028234663852886e38, 1e-45),
    );
    fc.assert(
      fc.property(fc.array(value, { minLength: 8, maxLength: 8 }), (values) => agree(Float32Array.from(values), 8, 4)),
      { numRuns: 200, seed: 5 },
    );
  });
});
