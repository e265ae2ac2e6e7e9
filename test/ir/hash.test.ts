import { expect, test } from "vitest";
import { portableSha256, sha256 } from "../../ir/hash.ts";

test("SHA-256 is the host's and the portable one's alike, in parts or whole", () => {
  // FIPS 180-2, appendix B.1
  expect(sha256("abc")).toBe("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  const parts = ["ab", new Uint8Array([0, 255]), "é\ud800", "x".repeat(100)];
  expect(sha256(...parts)).toBe(portableSha256(...parts));
  expect(portableSha256("ab", "c")).toBe(sha256("abc"));
});
