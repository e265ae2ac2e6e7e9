/**
 * A lowered kernel as a WGSL module. Reads top to bottom: the program of one invocation is taken out of its loops, legalized, its buffers get
 * their views, and it is written statement by statement. The files beside it: statements, select (expressions), casts, memory, stores,
 * registers, bits, vectors, nodes (the graph of expressions), share (names for what is used twice), text, helpers.
 */
import {
  affineOf,
  b,
  type Expr,
  eachStmt,
  exprsOf,
  type Feature,
  factsOf,
  type Kernel,
  operands,
  substituter,
} from "../../../ir/index.ts";
import { slicesOf } from "../addresses.ts";
import { boundBuffers, type EmitLimits, type InvocationForm, invocationForm, workgroupBytes } from "../form.ts";
import { holdHalves } from "../halves.ts";
import { inlineLets } from "../inline.ts";
import { legalize } from "../legalize.ts";
import { type Identifiers, identifiers } from "../names.ts";
import { accessesOf, elementBytes, type View, viewsOf } from "../views.ts";
import type { Context } from "./context.ts";
import { helpersFor } from "./helpers.ts";
import { nodeMaker } from "./nodes.ts";
import { select } from "./select.ts";
import { sharing } from "./share.ts";
import { declarations, planBody } from "./statements.ts";

export interface EmittedModule {
  readonly code: string;
  readonly form: InvocationForm;
  readonly views: ReadonlyMap<string, View>;
  /** Bytes per workgroup along x of the buffers that are bound by slices. */
  readonly slices: ReadonlyMap<string, number>;
  readonly features: ReadonlySet<Feature>;
}

const axes = ["x", "y", "z"] as const;

/**
 * Writes a lowered kernel as a module with the entry point `main`.
 *
 * @throws EmitError where the kernel is not in lowered form, or beyond the limits
 */
export function emitKernel(kernel: Kernel, features: readonly Feature[], limits: EmitLimits): EmittedModule {
  const allowed = new Set(features);
  const outer = invocationForm(kernel, limits);
  const legal = legalize(holdHalves(inlineLets(kernel), allowed.has("f16")));
  const form = invocationForm(legal, limits);
  const facts = factsOf(legal);
  const symbols = new Map(legal.symbols.map((symbol) => [symbol.name, symbol]));
  const accesses = accessesOf(legal, form.body);
  const views = viewsOf(legal, accesses, symbols);
  const group = form.groups[0];
  const places = new Map([...accesses].map(([name, list]) => [name, list.map(({ address }) => address)]));
  const slices = slicesOf(legal, group, places, facts);

  const named = identifiers([]);
  const names = new Map(legal.buffers.map(({ name }) => [name, named(name)]));
  const make = nodeMaker();
  const inSlice = group === undefined ? undefined : substituter(new Map([[group, b.variable(sliceName)]]));
  const c: Context = {
    kernel: kernel.name,
    facts,
    buffers: new Map(legal.buffers.map((buffer) => [buffer.name, buffer])),
    symbols,
    views,
    names,
    variables: new Map(),
    sliced: (buffer, address) => (inSlice !== undefined && slices.has(buffer) ? inSlice(address) : address),
    allowed,
    isProcessor: limits.isProcessor,
    constants: new Map(),
    make,
    times: new Map(),
    fixed: new Map(),
    changing: new Map(),
    varies: variesIn(legal, views),
    select: (e) => select(c, e),
  };
  const args = argsOf(c, legal, named);
  const prologue = prologueOf(c, legal, form, slices, named);
  const tree = sharing();
  planBody({ c, sharing: tree, named }, tree.root, form.body);
  const body = tree.write(named);
  const lines = [...prologue.lines, ...declarations(c), ...body].map((line) => `  ${line}`);
  const main = [
    `@compute @workgroup_size(${form.workgroupSize.join(", ")})`,
    `fn main(${prologue.parameters.join(", ")}) {`,
    ...lines,
    "}",
  ];
  const helpers = helpersFor(main.join("\n")).map((text) => [text]);
  const text = [...buffersText(c, kernel, args), ...helpers, main].map((part) => part.join("\n")).join("\n\n");
  const used = featuresOf(text);
  return {
    code: `${headerOf(used)}${text}\n`,
    form: outer,
    views,
    slices,
    features: used,
  };
}

/** What stands in sliced buffers' addresses for the workgroup's index. */
const sliceName = "&slice";

/** Features by what shows them in a module, and the directive that they need. */
const directives: readonly (readonly [feature: Feature, shown: RegExp, directive: string])[] = [
  ["packed-dot", /\b(dot4I8Packed|u?n?pack4x[IU]8)\b/, "requires packed_4x8_integer_dot_product;"],
  ["f16", /\bf16\b/, "enable f16;"],
  ["subgroups", /\bsubgroup[A-Z]/, "enable subgroups;"],
];

const featuresOf = (text: string): ReadonlySet<Feature> =>
  new Set(directives.flatMap(([feature, shown]) => (shown.test(text) ? [feature] : [])));

function headerOf(used: ReadonlySet<Feature>): string {
  const lines = directives.flatMap(([feature, , directive]) => (used.has(feature) ? [directive] : []));
  return lines.length === 0 ? "" : `${lines.join("\n")}\n\n`;
}

/** The uniform's fields; each symbol becomes one of them. */
function argsOf(c: Context, kernel: Kernel, named: Identifiers): readonly string[] {
  const args = c.make("atom", "args", []);
  const fields = kernel.symbols.map(({ name }) => {
    const field = named(name);
    c.variables.set(name, c.make("member", field, [args]));
    return `${field}: i32`;
  });
  return ["begin: u32", ...fields];
}

interface Prologue {
  readonly parameters: readonly string[];
  readonly lines: readonly string[];
}

/** Where the invocation is: the variables of the workgroup and local loops, those that are used. */
function prologueOf(
  c: Context,
  kernel: Kernel,
  form: InvocationForm,
  slices: ReadonlyMap<string, number>,
  named: Identifiers,
): Prologue {
  const used = usedNames(kernel, slices, form.groups[0]);
  const lines: string[] = [];
  const builtins = new Set<string>();
  const put = (name: string | undefined, wish: string, builtin: string, value: string): void => {
    if (name === undefined || !used.has(name)) return;
    const variable = named(wish);
    builtins.add(builtin);
    lines.push(`let ${variable} = i32(${value});`);
    c.variables.set(name, c.make("atom", variable, []));
  };
  axes.forEach((axis, i) => {
    const begin = i === 0 ? " + args.begin" : "";
    put(form.groups[i], `group.${axis}`, "workgroup_id", `workgroup_id.${axis}${begin}`);
  });
  put(sliceName, "slice", "workgroup_id", "workgroup_id.x");
  axes.forEach((axis, i) => {
    put(form.locals[i], `local.${axis}`, "local_id", `local_id.${axis}`);
  });
  const parameters = [
    ...(builtins.has("workgroup_id") ? ["@builtin(workgroup_id) workgroup_id: vec3<u32>"] : []),
    ...(builtins.has("local_id") ? ["@builtin(local_invocation_id) local_id: vec3<u32>"] : []),
  ];
  return { parameters, lines };
}

/** The variables that the program of an invocation mentions; in addresses of sliced buffers the workgroup's index is the slice's. */
function usedNames(
  kernel: Kernel,
  slices: ReadonlyMap<string, number>,
  group: string | undefined,
): ReadonlySet<string> {
  const used = new Set<string>();
  const seen = new Set<Expr>();
  const see = (e: Expr): void => {
    if (seen.has(e)) return;
    seen.add(e);
    if (e.kind === "var") used.add(e.name);
    else if (e.kind === "load" && slices.has(e.buffer)) seeSliced(e.index);
    else operands(e).forEach(see);
  };
  const seeSliced = (index: readonly Expr[]): void => {
    used.add(sliceName);
    for (const atom of index.flatMap((e) => [...affineOf(e).terms.keys()]))
      if (atom.kind !== "var" || atom.name !== group) see(atom);
  };
  eachStmt(kernel.body, (s) => {
    if (s.kind === "store" && slices.has(s.buffer)) {
      seeSliced(s.index);
      see(s.value);
    } else if (s.kind !== "for" || s.loopKind === "serial" || s.loopKind === "unroll") exprsOf(s).forEach(see);
  });
  return used;
}

/** Whether an expression reads registers, workgroup memory, or what the kernel writes. */
function variesIn(kernel: Kernel, views: ReadonlyMap<string, View>): (e: Expr) => boolean {
  const changing = new Set(
    kernel.buffers
      .filter(({ name, scope }) => scope !== "global" || views.get(name)?.isWritten === true)
      .map(({ name }) => name),
  );
  const seen = new Map<Expr, boolean>();
  const varies = (e: Expr): boolean => {
    const known = seen.get(e);
    if (known !== undefined) return known;
    const result = (e.kind === "load" && changing.has(e.buffer)) || operands(e).some(varies);
    seen.set(e, result);
    return result;
  };
  return varies;
}

/** Arguments, bindings, workgroup memory, constants without a literal. */
function buffersText(c: Context, kernel: Kernel, args: readonly string[]): readonly (readonly string[])[] {
  const element = (name: string): string => {
    const { base, width, isAtomic } = c.views.get(name) as View;
    return isAtomic ? "atomic<u32>" : width === 1 ? base : `vec${width}<${base}>`;
  };
  const globals = boundBuffers(kernel);
  const bindings = globals.map(({ name }, i) => {
    const access = c.views.get(name)?.isWritten ? "read_write" : "read";
    return `@group(0) @binding(${i}) var<storage, ${access}> ${c.names.get(name)}: array<${element(name)}>;`;
  });
  const shared = kernel.buffers
    .filter(({ scope }) => scope === "workgroup")
    .map((buffer) => {
      const { base, width } = c.views.get(buffer.name) as View;
      const count = Math.ceil(workgroupBytes(kernel, buffer) / (elementBytes(base) * width));
      return `var<workgroup> ${c.names.get(buffer.name)}: array<${element(buffer.name)}, ${count}>;`;
    });
  const constants = [...c.constants].map(([bits, name]) => `var<private> ${name}: u32 = ${bits};`);
  return [
    ["struct Args {", ...args.map((field) => `  ${field},`), "}"],
    [...bindings, `@group(0) @binding(${globals.length}) var<uniform> args: Args;`],
    ...(shared.length > 0 ? [shared] : []),
    ...(constants.length > 0 ? [constants] : []),
  ];
}
