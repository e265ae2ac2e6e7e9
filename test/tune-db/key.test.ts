import { describe, expect, test } from "vitest";
import type { Device } from "../../ir/index.ts";
import { makeScope, shapeDistance } from "../../tune-db/index.ts";
import { familyHash, scopeHash, shapeOf } from "../../tune-db/key.ts";
import { device, matmul } from "./helpers.ts";

const scope = (workload = matmul(), on: Partial<Device> = {}) => makeScope(workload, { ...device, ...on }, 1, "g1");

test("a scope does not depend on the order or number of the features, or on label and limits", () => {
  const one = scope(matmul(), { features: ["relaxed-simd", "f16"] });
  const other = scope(matmul(), { features: ["f16", "relaxed-simd", "f16"], label: "x", limits: {} });
  expect(scopeHash(one)).toBe(scopeHash(other));
});

test("several threads are a scope of their own, of the same family; one is what a scope means unless it says otherwise", () => {
  const shared = { features: [...device.features, "shared-memory"] } as const;
  expect(scope(matmul(), { threads: 1 })).toEqual(scope());
  const two = scope(matmul(), { ...shared, threads: 2 });
  expect(two.device).toEqual({ ...scope().device, threads: 2 });
  expect(scopeHash(two)).not.toBe(scopeHash(scope(matmul(), { ...shared, threads: 4 })));
  expect(scopeHash(scope(matmul(), shared))).toBe(scopeHash(scope()));
  expect(familyHash(two)).toBe(familyHash(scope()));
  expect(scope(matmul(), { features: [...device.features, "memory64"] })).toEqual(scope());
});

describe("familyHash", () => {
  test("joins shapes, devices, engines and generators", () => {
    const others = [scope(matmul("any", 8, 32)), scope(matmul(), { fingerprint: "f", architecture: "a", engine: "e" })];
    for (const other of others) expect(familyHash(other)).toBe(familyHash(scope()));
    expect(familyHash(makeScope(matmul(), device, 1, "g2"))).toBe(familyHash(scope()));
  });

  test("parts formats, numerics, feature sets, kinds and layout versions", () => {
    const others = [
      scope(matmul(1, 4096, 4096, "q4_0")),
      scope({ ...matmul(), numerics: { compute: "f32" } }),
      scope(matmul(), { features: [] }),
      scope(matmul(), { kind: "wgsl" }),
      makeScope(matmul(), device, 2, "g1"),
    ];
    for (const other of others) expect(familyHash(other)).not.toBe(familyHash(scope()));
  });
});

test("shapeDistance sums the octaves between extents; a number is 4 from a symbol, 0 rows are one octave from 1", () => {
  const shape = shapeOf(matmul());
  expect(shapeDistance(shape, shapeOf(matmul(4, 2048, 4096)))).toBe(3);
  expect(shapeDistance(shape, shapeOf(matmul("any", 4096, 4096)))).toBe(4);
  expect(shapeDistance(shapeOf(matmul("any")), shapeOf(matmul("any", 4096, 8192)))).toBe(1);
  expect(shapeDistance(shape, shapeOf(matmul(0)))).toBe(1);
});
