/**
 * The typed module of a build, written by ts-morph: a loader per kernel whose types follow from the workload. Not here: what the loaders do
 * (src/runtime, carried along as runtime.js).
 */
import type { SourceFile, VariableDeclarationKind, WriterFunction } from "ts-morph";
import { dotModule } from "../../backends/index.ts";
import { type Format, formatOf, meaningOf, type Workload, workloadText } from "../../ir/index.ts";
import type { WasmArtifact } from "../compile/index.ts";
import {
  argumentOf,
  arrayOf,
  type KernelInfo,
  pagedInputs,
  shortName,
  sizesFor,
  type TensorSpec,
} from "../runtime/index.ts";
import { version } from "../version.ts";
import { jsonText } from "./json-text.ts";
import { type Emitted, emit, type Morph } from "./morph.ts";
import { loaderOf, pascalCase } from "./names.ts";
import type { BuiltKernel, BuiltVariant } from "./variants.ts";

/** The module as TypeScript, and what it compiles to. */
export interface ModuleText extends Emitted {
  readonly ts: string;
}

/** Writes the module of these kernels, which run on so many threads. */
export function moduleText(morph: Morph, kernels: readonly BuiltKernel[], threads: number): ModuleText {
  const project = new morph.Project({ useInMemoryFileSystem: true });
  const file = project.createSourceFile("index.ts");
  const title = `${kernels.length === 1 ? "A kernel" : `${kernels.length} kernels`} from qloom ${version}`;
  file.addImportDeclaration({
    leadingTrivia: `// ${title}. Written by qloom build: change its config and build again instead of editing.\n\n`,
    namespaceImport: "runtime",
    moduleSpecifier: "./runtime.js",
  });
  file.addExportDeclaration({
    namedExports: [
      "ApiError",
      "HeldTensor",
      "LoadedKernel",
      "LoadOptions",
      "PackedTensors",
      "QloomError",
      "release",
      "WasmMemory",
    ].map((name) => ({
      name,
      isTypeOnly: name === "LoadedKernel" || name === "LoadOptions",
    })),
    moduleSpecifier: "./runtime.js",
  });
  const constant = morph.VariableDeclarationKind.Const;
  for (const kernel of kernels) addKernel(file, kernel, constant);
  file.addVariableStatement({
    leadingTrivia: "\n",
    docs: ["The loaders by their kernels' names."],
    isExported: true,
    declarationKind: constant,
    declarations: [
      {
        name: "kernels",
        type: objectText(
          kernels.map(({ job }) => `readonly ${JSON.stringify(job.name)}: typeof ${loaderOf(job.name)}`),
        ),
        initializer: objectText(
          kernels.map(({ job }) => `${JSON.stringify(job.name)}: ${loaderOf(job.name)}`),
          ",",
        ),
      },
    ],
  });
  const probe = Buffer.from(dotModule()).toString("base64");
  file.addVariableStatement({
    leadingTrivia: "\n",
    docs: ["What is common to all: the module that relaxed SIMD is checked with, and threads where there are several."],
    declarationKind: constant,
    declarations: [
      {
        name: "built",
        type: "runtime.Built",
        initializer: objectText(
          [
            `relaxedDot: ${JSON.stringify(probe)}`,
            ...(threads > 1 ? [`threads: { most: ${threads}, share: runtime.onThreads }`] : []),
          ],
          ",",
        ),
      },
    ],
  });
  file.formatText({
    indentSize: 2,
    convertTabsToSpaces: true,
    newLineCharacter: "\n",
    semicolons: morph.ts.SemicolonPreference.Insert,
  });
  const ts = file.getFullText();
  return { ts, ...emit(morph, "index.ts", ts) };
}

const objectText = (lines: readonly string[], separator: string = ";"): string =>
  `{\n${lines.map((line) => `    ${line}${separator}\n`).join("")}}`;

function addKernel(file: SourceFile, { job, variants }: BuiltKernel, constant: VariableDeclarationKind): void {
  const { name, workload, tensors } = job;
  const type = `${pascalCase(name)}Kernel`;
  const list = `variantsOf${pascalCase(name)}`;
  const served = tensors.flatMap(({ names }) => names);
  const artifact = (variants[0] as BuiltVariant).artifact;
  const { weights, args, result } = typesOf(artifact);
  file.addTypeAlias({
    docs: [`${describe(workload)}${served.length === 0 ? "" : `\nFor ${listed(served)}.`}`],
    isExported: true,
    name: type,
    type: `runtime.LoadedKernel<\n    ${weights},\n    ${args},\n    ${result}\n>`,
  });
  file.addFunction({
    docs: [
      `Loads ${name}: the best of its modules that this engine runs. Throws an \`ApiError\` where that can't be read.`,
    ],
    isExported: true,
    name: loaderOf(name),
    parameters: [{ name: "options", type: "runtime.LoadOptions", initializer: "{}" }],
    returnType: `Promise<${type}>`,
    statements: `return runtime.loadVariant(${list}, built, options);`,
  });
  file.addVariableStatement({
    declarationKind: constant,
    declarations: [{ name: list, type: "readonly runtime.Variant[]", initializer: variantsText(variants) }],
  });
}

/** Addresses are written out one by one: so bundlers see them and take the files along. */
const variantsText =
  (variants: BuiltKernel["variants"]): WriterFunction =>
  (writer) => {
    const rows = variants.map(({ file, artifact }) => {
      const address = `url: () => new URL(${JSON.stringify(`./${file}`)}, import.meta.url)`;
      return `  {\n    file: ${JSON.stringify(file)},\n    ${address},\n    info: ${jsonText(infoOf(artifact), { bareKeys: true, indent: "    " })},\n  },\n`;
    });
    writer.write(`[\n${rows.join("")}]`);
  };

/** What running an artifact needs of it, and nothing else. */
function infoOf(artifact: WasmArtifact): KernelInfo {
  const tensor = ({ name, scalar, shape, bytes, range }: TensorSpec): TensorSpec => ({
    ...{ name, scalar, shape, bytes },
    ...(range && { range }),
  });
  const launch = ({ function: called, tensors, symbols, threads }: KernelInfo["pack"][number]) => ({
    function: called,
    tensors,
    symbols: symbols.map(({ name, min, max, modulo, residue }) => ({ name, min, max, modulo, residue })),
    threads,
  });
  return {
    workload: workloadInfo(artifact.workload),
    features: artifact.features,
    layout: artifact.layout,
    weights: artifact.weights.map(tensor),
    packed: artifact.packed.map(tensor),
    ...(artifact.caches && { caches: artifact.caches.map(tensor) }),
    inputs: artifact.inputs.map(tensor),
    outputs: artifact.outputs.map(tensor),
    pack: artifact.pack.map(launch),
    parts: artifact.parts.map(({ min, max, launches, workspaces, peak }) => ({
      min,
      max,
      launches: launches.map(launch),
      workspaces: workspaces.map(tensor),
      peak,
    })),
  };
}

const workloadInfo = (workload: Workload): KernelInfo["workload"] => ({
  op: workload.op,
  ...("m" in workload && { m: workload.m }),
  ...("w" in workload && { n: workload.n, k: workload.k, w: workload.w }),
  ...("pages" in workload && workload.pages !== undefined && { pages: workload.pages }),
});

/** The types of a kernel's weights, arguments and result; `compile`'s are the same by inference (src/compile/types.ts). */
function typesOf({ workload, inputs, outputs, caches }: WasmArtifact): {
  weights: string;
  args: string;
  result: string;
} {
  const output = (spec: TensorSpec): string => `readonly ${shortName(spec.name)}: ${arrayOf(spec).name}`;
  const w = "w" in workload ? ["readonly w: runtime.PackedTensors"] : [];
  const isPaged = "pages" in workload && workload.pages !== undefined;
  const cache = caches === undefined ? [] : isPaged ? pagedFields : ["readonly cache: runtime.KvCache"];
  const given = isPaged ? inputs.filter(({ name }) => !pagedInputs.includes(name)) : inputs;
  const m = "m" in workload ? [`readonly m${workload.m === "any" ? "" : "?"}: number`] : [];
  const told = sizesFor(workload).flatMap(({ field }) => (field === "m" ? m : [`readonly ${field}: number`]));
  const [only] = outputs;
  return {
    weights: "w" in workload ? storedText(formatOf(workload.w)) : "never",
    args: inBraces([...argumentTexts(given), ...w, ...cache, ...told]),
    result: outputs.length === 1 && only !== undefined ? arrayOf(only).name : inBraces(outputs.map(output)),
  };
}

/** The types of inputs, those with one argument (`x.q`, `x.s`) as its fields. */
function argumentTexts(inputs: readonly TensorSpec[]): readonly string[] {
  const typed = inputs.map((spec) => {
    const [argument, field] = argumentOf(spec.name);
    const { name } = arrayOf(spec);
    return { argument, field, type: `${name} | runtime.HeldTensor<${name}>` };
  });
  return [...Map.groupBy(typed, ({ argument }) => argument)].map(([argument, parts]) => {
    const [only] = parts;
    const fields = parts.map(({ field, type }) => `readonly ${field}: ${type}`);
    return `readonly ${argument}: ${only?.field === undefined ? only?.type : inBraces(fields)}`;
  });
}

/** What a run over sequences takes in place of the inputs that say where their tokens lie. */
const pagedFields = ["readonly cache: runtime.PagedCache", "readonly sequences: readonly runtime.Sequence[]"];

const inBraces = (fields: readonly string[]): string => `{ ${fields.join("; ")} }`;

const storedText = ({ containers }: Format): string =>
  inBraces(containers.map(({ name }) => `readonly ${name}: ArrayBufferView | readonly ArrayBufferView[]`));

/** A workload for people, in a line. */
const describe = (workload: Workload): string => `\`${meaningOf(workload)}\`: ${workloadText(workload)}.`;

function listed(names: readonly string[]): string {
  const first = names.slice(0, 4).join(", ");
  return names.length > 4 ? `${first} and ${names.length - 4} more` : first;
}
