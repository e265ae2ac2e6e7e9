/** Bytes four apart, in numbers of 32 bits, come out of words where these are the buffer's; others are read byte by byte. */
import { describe, expect, test } from "vitest";
import { kernelText, textAfter } from "./same.ts";

const strided = (buffer: string, value: string): string =>
  kernelText(`input v: ${buffer}`, "output y: f32[3, 4]", "for k < 3", `  y[k, <4:1>] = ${value}`);

describe("bytes four apart", () => {
  test.each([
    ["first", "i8[3, 4, 4]", "f32(v[k, <4:1>, 0])", "f32(v:i32[&v + k * 16 + <4:4>] << 24 >> 24)"],
    ["last", "i8[3, 4, 4]", "f32(v[k, <4:1>, 3])", "f32(v:i32[&v + k * 16 + <4:4>] >> 24)"],
    ["unsigned", "u8[3, 4, 4]", "f32(v[k, <4:1>, 2])", "f32(v:i32[&v + k * 16 + <4:4>] >> 16 & 255)"],
    ["low codes", "u8[3, 4, 4]", "f32(i32(v[k, <4:1>, 0] & u8(15)))", "f32(v:i32[&v + k * 16 + <4:4>] & 15)"],
    ["high codes", "u8[3, 4, 4]", "f32(i32(v[k, <4:1>, 1] >> u8(4)))", "f32(v:i32[&v + k * 16 + <4:4>] >> 12 & 15)"],
  ])("%s", (_, buffer, value, read) => {
    expect(textAfter("words", strided(buffer, value))).toContain(read);
  });
  test.each([
    ["from any byte on", "i8[40]", "f32(v[2 * k + <4:4>])"],
    ["whose last word is not all there", "i8[45]", "f32(v[16 * k + <4:4>])"],
    ["further apart", "i8[3, 4, 8]", "f32(v[k, <4:1>, 0])"],
  ])("%s stay", (_, buffer, value) => {
    expect(textAfter("words", strided(buffer, value))).not.toContain("v:i32");
  });
});
