/**
 * The cases of the matrix: formats x numerics x features, the other choices (M, N, K, bias, data, point of the template's space) drawn from a seed. `QLOOM_MATRIX` says how
 * many: a number of rounds over the families of formats (1 unless given; two take f32 and integers for each), or `all` for every format with every numerics and both
 * feature sets.
 */
import {
  formatNames,
  formatOf,
  type MatmulWorkload,
  type Numerics,
  programOf,
  WorkloadError,
} from "../../../ir/index.ts";
import { randomOf } from "../../ir/samples.ts";

export interface Case {
  readonly workload: MatmulWorkload;
  readonly relaxed: boolean;
  /** Sums of small numbers that f32 holds, or anything. */
  readonly exact: boolean;
  /** A random point of the template's space instead of its default. */
  readonly anyPoint: boolean;
  readonly seed: number;
}

/** Values of M: fixed, and all that a kernel for any M is run with. */
export const rows: readonly number[] = [0, 1, 2, 3, 4, 5, 7, 8, 9, 17];
const columns = [1, 2, 3, 4, 5, 15, 16, 17, 31, 33, 37, 64, 66];
/** Multiples of the block, and lengths of rows for formats that take any. */
const blocks = [1, 2, 3];
const lengths = [1, 5, 16, 32, 48, 96, 100, 256, 288];

const f32: Numerics = { compute: "f32" };
const i8: readonly Numerics[] = [
  ...([16, 32, 64, "row"] as const).map((xGroup) => ({ compute: "i8", xGroup }) as const),
  ...([2, 4] as const).map((xBits) => ({ compute: "i8", xGroup: 32, xBits }) as const),
];

/** Formats that differ only in the group and the type of scales are one family. */
const familyOf = (name: string): string => name.replace(/_(g\d+|row)/, "").replace("_s16", "");

/** The cases that `QLOOM_MATRIX` asks for. */
export function casesOf(asked: string): readonly Case[] {
  return asked === "all" ? everyCase() : Array.from({ length: Number(asked) }, (_, round) => oneRound(round)).flat();
}

/** One case per family; f32 and integers take turns. */
function oneRound(round: number): readonly Case[] {
  const families = [...new Set(formatNames().map(familyOf))];
  return families.flatMap((family, i) => {
    const names = formatNames().filter((name) => familyOf(name) === family);
    const seed = 1000 * round + i;
    // Floats have no integers to multiply.
    const integers = (round + i) % 2 === 0 && formatOf(names[0] as string).codes !== undefined;
    const drawn = draw(names, integers ? i8 : [f32], seed);
    return drawn === undefined ? [] : [{ ...drawn, relaxed: randomOf(seed + 7)() < 0.5 }];
  });
}

function everyCase(): readonly Case[] {
  const all = formatNames().flatMap((name) => [f32, ...i8].map((numerics) => ({ name, numerics })));
  return all.flatMap(({ name, numerics }, i) =>
    [true, false].flatMap((relaxed, j) => {
      const drawn = draw([name], [numerics], 1_000_000 + 2 * i + j);
      return drawn === undefined ? [] : [{ ...drawn, relaxed }];
    }),
  );
}

/** A workload that these choices allow; undefined where there is none. */
function draw(
  names: readonly string[],
  numerics: readonly Numerics[],
  seed: number,
): Omit<Case, "relaxed"> | undefined {
  const random = randomOf(seed);
  const pick = <T>(choices: readonly T[]): T => choices[Math.floor(random() * choices.length)] as T;
  for (let attempt = 0; attempt < 100; attempt++) {
    const w = pick(names);
    const { block } = formatOf(w);
    const workload: MatmulWorkload = {
      op: "matmul",
      m: random() < 0.2 ? "any" : pick(rows),
      n: pick(columns),
      k: block === 1 ? pick(lengths) : block * pick(blocks),
      w,
      bias: random() < 0.5,
      numerics: pick(numerics),
    };
    if (isWorkload(workload)) return { workload, exact: random() < 0.5, anyPoint: random() < 0.5, seed };
  }
  return undefined;
}

/** Whether the groups fit: what does not is refused with a message, which other tests hold. */
function isWorkload(workload: MatmulWorkload): boolean {
  try {
    programOf(workload);
    return true;
  } catch (error) {
    if (error instanceof WorkloadError) return false;
    throw error;
  }
}
