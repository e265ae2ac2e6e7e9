// Golden files, so that a refactor shows what it changes in the code that kernels become. To accept a change, and then to read it in the diff:
//
//     npx vitest run test/src/compile/golden.test.ts --update
//
// test/golden/code/NAME.wat is the whole module of a workload, test/golden/steps/NAME.txt its main kernel after each step of the schedule.

import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { decodeModule, printWat } from "../../../backends/index.ts";
import { type Feature, type MatmulWorkload, type Program, printKernel, printSchedule } from "../../../ir/index.ts";
import type { Point, Target } from "../../../schedules/index.ts";
import { buildArtifact, type Observer, planPart, rangesOf } from "../../../src/compile/index.ts";

const golden = new URL("../../golden/", import.meta.url);

const base = {
  op: "matmul",
  m: 1,
  n: 64,
  k: 128,
  w: "int4_g32",
  bias: false,
  numerics: { compute: "i8", xGroup: 32 },
} as const satisfies MatmulWorkload;

interface Golden {
  readonly workload: MatmulWorkload;
  readonly features?: readonly Feature[];
  /** Small tiles are easier to read; the template's default where there is none. */
  readonly point?: Point;
}

const oneVector: Point = { vectors: 1, tile: 1, rows: 1, panel: 1, order: "quads-outside" };
const oneVectorF32: Point = { vectors: 1, tile: 1, rows: 1, panel: 1 };

const list: Readonly<Record<string, Golden>> = {
  int4_g32: { workload: base },
  "int4_g32-any": { workload: { ...base, m: "any", n: 37, bias: true }, point: { ...oneVector, rows: 2 } },
  "int4_g32-strict": { workload: base, features: [], point: oneVector },
  "int4_g32-f32": { workload: { ...base, numerics: { compute: "f32" } }, point: oneVectorF32 },
  int2_g32: { workload: { ...base, w: "int2_g32" }, point: oneVector },
  int8_g32: { workload: { ...base, w: "int8_g32" }, point: oneVector },
  q4_K: { workload: { ...base, w: "q4_K", k: 256 }, point: oneVector },
  q6_K: { workload: { ...base, w: "q6_K", k: 256 }, point: { ...oneVector, stored: "planes" } },
  iq4_nl: { workload: { ...base, w: "iq4_nl" }, point: oneVector },
  fallback: { workload: { ...base, w: "int4_row", k: 5, numerics: { compute: "i8", xGroup: "row" } } },
};

/** The artifact of a golden workload, on no machine in particular. */
function build({ workload, features = ["relaxed-simd"], point }: Golden, observer?: Observer) {
  const target: Target = { workload, device: { kind: "wasm", features, limits: {} } };
  return buildArtifact(
    target,
    rangesOf(workload).map((range) => planPart(target, range, point)),
    observer,
  );
}

/** The module as text, under what it was made from. */
function codeOf(one: Golden): string {
  const artifact = build(one);
  const origin = [
    `workload ${JSON.stringify(artifact.workload)}`,
    `features ${artifact.features.join(" ") || "none"}`,
    ...artifact.parts.map((p) => `M ${p.min}..${p.max}: ${p.template} ${JSON.stringify(p.point)}`),
  ];
  return `${origin.map((line) => `;; ${line}\n`).join("")}${printWat(decodeModule(artifact.code))}`;
}

describe("code", () => {
  test.each(Object.entries(list))("%s", async (name, one) => {
    await expect(codeOf(one)).toMatchFileSnapshot(fileURLToPath(new URL(`code/${name}.wat`, golden)));
  });

  test("does not depend on what was compiled before", () => {
    const [first, ...others] = Object.values(list).reverse() as [Golden, ...Golden[]];
    const before = codeOf(first);
    for (const other of others) build(other);
    expect(codeOf(first)).toBe(before);
  });

  test("no file is left over", () => {
    expect(readdirSync(new URL("code/", golden)).sort()).toEqual(
      Object.keys(list)
        .map((name) => `${name}.wat`)
        .sort(),
    );
  });
});

// ------------------------------------------------------------------------------------------------------- derivations

/** The main kernel after each step of its schedule, then the whole program. */
function derivation(one: Golden): string {
  const sections: string[] = [];
  let previous: Program | undefined;
  const observer: Observer = {
    program: (_part, step, program) => {
      const title = step === "naive" ? "naive" : printSchedule([JSON.parse(step)]).trim();
      sections.push(`==== ${title}\n\n${changesIn(program, previous)}`);
      previous = program;
    },
  };
  const artifact = build(one, observer);
  const final = (previous?.kernels ?? []).map(printKernel).join("\n");
  const [part] = artifact.parts;
  return `${JSON.stringify(artifact.workload)}\n${part?.template} ${JSON.stringify(part?.point)}\n\n${sections.join("\n")}\n==== all kernels\n\n${final}`;
}

/** The main kernel where it changed; names of other kernels that appeared, changed or went. */
function changesIn(program: Program, previous: Program | undefined): string {
  const printed = (of: Program | undefined): Map<string, string> =>
    new Map((of?.kernels ?? []).map((kernel) => [kernel.name, printKernel(kernel)]));
  const [now, before] = [printed(program), printed(previous)];
  const notes = [
    ...[...now]
      .filter(([name, text]) => name !== "main" && before.get(name) !== text && before.has(name))
      .map(([name]) => `kernel ${name} changes\n`),
    ...[...now.keys()].filter((name) => name !== "main" && !before.has(name)).map((name) => `kernel ${name} is new\n`),
    ...[...before.keys()].filter((name) => !now.has(name)).map((name) => `kernel ${name} is gone\n`),
  ].join("");
  const [main, earlier] = [now.get("main") ?? "", before.get("main") ?? ""];
  if (main === earlier) return notes;
  // Buffers are shown where they change.
  const [declared, nest] = partsOf(main);
  return `${notes}${declared === partsOf(earlier)[0] ? "" : declared}${nest}`;
}

/** A kernel's text: its declarations, its loops. */
function partsOf(text: string): readonly [string, string] {
  const start = text.indexOf("\n  for ") + 1;
  return [text.slice(0, start), text.slice(start)];
}

test("the derivation of a decode kernel, step by step", async () => {
  const point: Point = { vectors: 2, tile: 2, rows: 1, panel: 2, order: "quads-outside" };
  const text = derivation({ workload: base, point });
  await expect(text).toMatchFileSnapshot(fileURLToPath(new URL("steps/int4_g32-decode.txt", golden)));
});
