/** What the page's address may ask for, and what is said of one that can't be meant. */
import { expect, test } from "vitest";
import { parseSettings } from "../../../src/web/page/settings.ts";

test("nothing asked for is the matmuls of a known model, on whatever is here", () => {
  const { kernels, ...others } = parseSettings("");
  expect(kernels.map(({ name }) => name)).toEqual(["attn_q_o", "attn_k_v", "ffn_gate_up", "ffn_down", "lm_head"]);
  expect(others).toEqual({
    target: undefined,
    seconds: 120,
    trials: undefined,
    seed: 1,
    database: "qloom",
    start: false,
  });
});

test("shapes, format, rows and numerics make matmuls", () => {
  const { kernels, ...others } = parseSettings(
    "?target=wasm&shapes=64x32,96x256&m=4&weights=q8_0&compute=f32&seconds=9&trials=5&seed=0&db=mine&start",
  );
  const common = { op: "matmul", m: 4, w: "q8_0", bias: false, numerics: { compute: "f32" } };
  expect(kernels).toEqual([
    { name: "64x32", workload: { ...common, n: 64, k: 32 } },
    { name: "96x256", workload: { ...common, n: 96, k: 256 } },
  ]);
  expect(others).toEqual({ target: "wasm", seconds: 9, trials: 5, seed: 0, database: "mine", start: true });
});

test.each(
  "?shapes=64|?shapes=0x64|?m=-1|?m=few|?weights=int9|?compute=i4|?seconds=0|?target=cpu|?start=no|?shape=64x64|?shapes=64x33".split(
    "|",
  ),
)("%s is refused by name, with what is right", (search) => {
  expect(() => parseSettings(search)).toThrowErrorMatchingSnapshot();
});
