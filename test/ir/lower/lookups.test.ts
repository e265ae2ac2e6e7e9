/** Gathers of bytes from tables of 16 entries, and of 8 of which two lie together; others stay gathers. */
import { describe, expect, test } from "vitest";
import { kernelText, textAfter } from "./same.ts";

const gather = (table: string, index: string): string =>
  kernelText(
    `input t: i8[${table}]`,
    "input n: u4[32]",
    "output y: i8[2, 16]",
    "for h < 2",
    `  y[h, <16:1>] = t[${index}]`,
  );

describe("a gather", () => {
  test.each([
    ["of 16", "2, 16", "h, i32(n[16 * h + <16:1>])", "t[&t + h * 16 + <16:1>]"],
    ["of 8 in the first half of 16", "4, 8", "2 * h, i32(u8(n[16 * h + <16:1>]) & u8(7))", "t[&t + h * 16 + <16:1>]"],
    ["of 8 in the second", "4, 8", "2 * h + 1, i32(u8(n[16 * h + <16:1>]) & u8(7))", "t[&t + h * 16 + <16:1>]"],
  ])("%s is a lookup", (_, table, index, read) => {
    const after = textAfter("lookups", gather(table, index));
    expect(after).toContain(`lookup16_i8_u8(${read}`);
  });
  test.each([
    ["of 8 wherever they begin", "4, 8", "h, i32(u8(n[16 * h + <16:1>]) & u8(7))"],
    ["of 8 of which a last one has no neighbour", "3, 8", "2 * h, i32(u8(n[16 * h + <16:1>]) & u8(7))"],
    ["of 4", "8, 4", "4 * h, i32(u8(n[16 * h + <16:1>]) & u8(3))"],
  ])("%s is none", (_, table, index) => {
    expect(textAfter("lookups", gather(table, index))).not.toContain("lookup16_i8_u8");
  });
});
