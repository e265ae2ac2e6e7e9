/**
 * What makes the tables of `lookup`, a kernel or nests in a loop of one, from an operand x[.., k], one table per 4 values of k:
 *
 *     entry(i) = sum over ke < 4 of bit ke of i * x[.., 4*k4 + ke]  -  centre,      centre = (sum over ke of x[.., 4*k4 + ke]) >> 1
 *
 * With x in -127..127 an entry is in -254..254. `centre` sums the centres over the groups of one sum, times the weights of all planes. Rounded tables, and half ones, count
 * every product twice:
 *
 *     entry(i) = 2 * (sum over ke < 4 of bit ke of i * x[.., 4*k4 + ke])  -  centre,      centre = sum over ke of x[.., 4*k4 + ke]
 *
 * so that entry(15 - i) = -entry(i), in -508..508: entries 0..7 tell the others, and what is lost by rounding one is won by rounding the other.
 */
import { type Buffer, b, type Expr, type Kernel, type Stmt, type Var } from "../ir/index.ts";

/** Values of k that one table stands for. */
export const tableSpan = 4;

/** How entries are held: exact in two bytes, or rounded to one. */
export type TableEntries = "i16" | "i8";

/** Whole tables, or halves of tables whose other half is the same, negated. */
export type TableKind = "whole" | "half";

/** What tables of a kind hold. */
interface Held {
  /** Entries of a table. */
  readonly length: number;
  /** Exact entries are `(high << digitBits) + low`. */
  readonly digitBits: number;
  readonly digitRange: readonly [number, number];
  readonly digits: (entry: Expr) => { readonly low: Expr; readonly high: Expr };
}

const i16 = (value: number): Expr => b.constant(value, "i16");

export const held: Readonly<Record<TableKind, Held>> = {
  whole: {
    ...{ length: 16, digitBits: 2, digitRange: [-64, 63] },
    digits: (entry) => ({ low: b.and(entry, i16(3)), high: b.shr(entry, i16(2)) }),
  },
  half: {
    ...{ length: 8, digitBits: 3, digitRange: [-63, 63] },
    // Rounded towards 0, so that the digits of a negated entry are its digits, negated.
    digits: (entry) => {
      const high = b.shr(b.add(entry, b.and(b.shr(entry, i16(15)), i16(7))), i16(3));
      return { low: b.sub(entry, b.shl(high, i16(3))), high };
    },
  },
};

/** How often entries count a product, as bits to shift. */
export const doubled = ({ entries, kind }: Pick<Tables, "entries" | "kind">): 0 | 1 =>
  entries === "i8" || kind === "half" ? 1 : 0;

/** Greatest rounded entry. Even, so that where x is constant, and half of the greatest entry frequent, no error is made again and again. */
export const greatestRounded = 126;

export interface Tables {
  readonly operand: Buffer;
  readonly entries: TableEntries;
  readonly kind: TableKind;
  /** Greatest rounded entry. */
  readonly reach: number;
  /** Bit planes of the codes. */
  readonly planes: number;
  /** Values of k that one sum goes over. */
  readonly group: number;
  /** `[.., k / 4, length]` i8, exact ones `[.., k / 4, 2, length]`. */
  readonly table: Buffer;
  /** `[.., k / group]` i32, in the unit of entries. */
  readonly centre: Buffer;
  /** `[.., k / group]` f32, where entries are rounded. */
  readonly step: Buffer | undefined;
}

/** The rows of the operand that tables are made of: loops over them by the ends of their names, and the operand's leading indices in an iteration. */
export interface TableRows {
  readonly loops: readonly (readonly [name: string, extent: Expr])[];
  readonly lead: (at: readonly Expr[]) => readonly Expr[];
}

export interface TableNames {
  readonly table: string;
  readonly centre: string;
  readonly step?: string | undefined;
}

/** Declares the tables of an operand. */
export function tablesOf(
  operand: Buffer,
  shape: Pick<Tables, "entries" | "kind" | "reach" | "planes" | "group"> & { readonly names: TableNames },
): Tables {
  const { entries, kind, reach, planes, group, names } = shape;
  const { length, digitRange } = held[kind];
  const lead = operand.shape.slice(0, -1);
  const k = operand.shape.at(-1) as Expr;
  const tables = b.floordiv(k, tableSpan);
  const workspace = (
    name: string,
    scalar: Buffer["scalar"],
    shape: readonly Expr[],
    range?: readonly [number, number],
  ) => b.buffer(name, scalar, [...lead, ...shape], { role: "workspace", ...(range && { range }) });
  const one = b.constant(length);
  const perSum = [b.floordiv(k, group)];
  const furthest = ((tableSpan * 127) / 2) * 2 ** doubled(shape) * (group / tableSpan) * (2 ** planes - 1);
  return {
    ...{ operand, entries, kind, reach, planes, group },
    table:
      entries === "i8"
        ? workspace(names.table, "i8", [tables, one], [-reach, reach])
        : workspace(names.table, "i8", [tables, b.constant(2), one], digitRange),
    centre: workspace(names.centre, "i32", perSum, [-furthest, furthest]),
    step: names.step === undefined ? undefined : workspace(names.step, "f32", perSum),
  };
}

/** What the rounding of one sum's tables keeps: the greatest entry, and what entries are multiplied with. */
interface Registers {
  readonly greatest: Buffer;
  readonly factor: Buffer;
}

/** Fraction bits of the factor that rounds entries. */
const fraction = 16;

/** All rows of an operand. */
const everyRow = ({ operand }: Tables): TableRows => ({
  loops: operand.shape.slice(0, -1).map((extent, axis) => [`${axis}`, extent]),
  lead: (at) => at,
});

/** The kernel, named like the table. */
export function tablesKernel(kernel: Kernel, tables: Tables): Kernel {
  const { buffers, body } = tableNests(tables, everyRow(tables));
  return b.kernel(tables.table.name, "prologue", {
    symbols: kernel.symbols.map(({ name }) => b.symbol(name)),
    buffers: [tables.operand, ...buffers],
    body,
  });
}

/** What fills the tables of some rows, its loops named after what they fill; and the buffers that it writes. */
export function tableNests(
  tables: Tables,
  rows: TableRows,
): { readonly buffers: readonly Buffer[]; readonly body: readonly Stmt[] } {
  const { table, centre, step } = tables;
  const registers: Registers = {
    greatest: b.buffer(`${table.name}.greatest`, "i32", [], { scope: "register" }),
    factor: b.buffer(`${table.name}.factor`, "i32", [], { scope: "register" }),
  };
  return {
    buffers: [table, centre, ...(step ? [step, registers.greatest, registers.factor] : [])],
    body: [
      ...centreNest(tables, rows),
      ...(step ? roundedNest(tables, rows, step, registers) : exactNest(tables, rows)),
    ],
  };
}

/** Loops over rows, and what one iteration does. */
function overRows(name: string, rows: TableRows, body: (lead: readonly Expr[]) => readonly Stmt[]): readonly Stmt[] {
  const loops = rows.loops.map(([loop, extent]) => [`${name}/${loop}`, extent] as const);
  const inner = body(rows.lead(loops.map(([loop]) => b.variable(loop))));
  return loops.reduceRight((inside, [loop, extent]) => [b.loop(loop, extent, inside)], inner);
}

/** The values of x that table `k4` stands for. */
const valuesAt = ({ operand }: Tables, lead: readonly Expr[], k4: Expr): readonly Expr[] =>
  Array.from({ length: tableSpan }, (_, ke) =>
    b.cast("i16", b.load(operand, [...lead, b.add(b.mul(k4, tableSpan), ke)])),
  );

/** Half of what the values sum up to, in the unit of entries. */
function centreAt(tables: Tables, values: readonly Expr[]): Expr {
  const sum = values.reduce(b.add);
  return doubled(tables) === 1 ? sum : b.shr(sum, i16(1));
}

function entryAt(tables: Tables, values: readonly Expr[], i: Expr): Expr {
  const { length } = held[tables.kind];
  const bit = (ke: number): Expr => b.cast("i16", b.and(b.shr(i, ke), 1));
  const sum = values.flatMap((x, ke) => (2 ** ke < length ? [b.mul(x, bit(ke))] : [])).reduce(b.add);
  return b.sub(b.shl(sum, i16(doubled(tables))), centreAt(tables, values));
}

const tablesIn = ({ operand }: Tables): Expr => b.floordiv(operand.shape.at(-1) as Expr, tableSpan);
const sumsIn = ({ operand, group }: Tables): Expr => b.floordiv(operand.shape.at(-1) as Expr, group);

/** The number of a table from that of its sum. */
const tableIn = ({ group }: Tables, g: Expr, inner: Expr): Expr => b.add(b.mul(g, group / tableSpan), inner);

function centreNest(tables: Tables, rows: TableRows): readonly Stmt[] {
  const { name } = tables.centre;
  const [g, inner] = [b.variable(`${name}/g`), b.variable(`${name}/k4`)];
  return overRows(name, rows, (lead) => {
    const centre = b.cast("i32", centreAt(tables, valuesAt(tables, lead, tableIn(tables, g, inner))));
    const sum = b.reduce(name, [...lead, g], b.mul(centre, 2 ** tables.planes - 1), [inner.name]);
    return [b.loop(g.name, sumsIn(tables), [b.loop(inner.name, tables.group / tableSpan, [sum])])];
  });
}

function exactNest(tables: Tables, rows: TableRows): readonly Stmt[] {
  const { name } = tables.table;
  const { length, digits } = held[tables.kind];
  const [k4, digit, i] = [b.variable(`${name}/k4`), b.variable(`${name}/digit`), b.variable(`${name}/i`)];
  return overRows(name, rows, (lead) => {
    const { low, high } = digits(entryAt(tables, valuesAt(tables, lead, k4), i));
    const value = b.cast("i8", b.select(b.op("eq", digit, 0), low, high));
    const fill = b.loop(i.name, length, [b.store(name, [...lead, k4, digit, i], value)]);
    return [b.loop(k4.name, tablesIn(tables), [b.loop(digit.name, 2, [fill])])];
  });
}

/** Entries in steps of the greatest among the tables of one sum, which becomes `reach`: `entry * factor` in fixed point, rounded. */
function roundedNest(tables: Tables, rows: TableRows, step: Buffer, { greatest, factor }: Registers): readonly Stmt[] {
  const { name } = tables.table;
  const [g, first, k4, i] = ["g", "greatest", "k4", "i"].map((loop) => b.variable(`${name}/${loop}`)) as Four;
  const perSum = tables.group / tableSpan;
  const { length } = held[tables.kind];
  return overRows(name, rows, (lead) => {
    const valuesIn = (inner: Expr): readonly Expr[] => valuesAt(tables, lead, tableIn(tables, g, inner));
    // Entries go from minus sum |x| to sum |x|.
    const magnitudes = valuesIn(first).map((x) => b.op("abs", x));
    const most = b.cast("i32", magnitudes.reduce(b.add));
    const whole = b.load(greatest, []);
    const scale = b.div(b.constant(tables.reach * 2 ** fraction, "f32"), b.cast("f32", b.max(whole, 1)));
    const entry = b.mul(b.cast("i32", entryAt(tables, valuesIn(k4), i)), b.load(factor, []));
    // Halves away from zero, so that those of both signs cancel.
    const rounded = b.shr(b.add(b.add(entry, 2 ** (fraction - 1)), b.shr(entry, 31)), fraction);
    const fill = b.store(name, [...lead, tableIn(tables, g, k4), i], b.cast("i8", rounded));
    return [
      b.loop(g.name, sumsIn(tables), [
        b.loop(first.name, perSum, [b.reduce(greatest.name, [], most, [first.name], "max")]),
        b.store(step.name, [...lead, g], b.div(b.cast("f32", whole), b.constant(2 * tables.reach, "f32"))),
        b.store(factor.name, [], b.cast("i32", scale)),
        b.loop(k4.name, perSum, [b.loop(i.name, length, [fill])]),
      ]),
    ];
  });
}

type Four = [Var, Var, Var, Var];
