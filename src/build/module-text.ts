/**
 * The typed module of a build, written by ts-morph: a loader per kernel whose types follow from the workload. Not here: what the loaders do
 * (src/runtime, carried along as runtime.js).
 */
import type { SourceFile, VariableDeclarationKind, WriterFunction } from "ts-morph";
import { dotModule } from "../../backends/index.ts";
import { type Format, formatOf, meaningOf, type Workload, workloadText } from "../../ir/index.ts";
import type { Artifact } from "../compile/index.ts";
import { argumentOf, arrayOf, pagedInputs, shortName, sizesFor, type TensorSpec } from "../runtime/index.ts";
import { version } from "../version.ts";
import { type Flavor, flavors } from "./flavors.ts";
import { infoOf } from "./info.ts";
import { jsonText } from "./json-text.ts";
import { type Emitted, emit, type Morph } from "./morph.ts";
import { loaderOf, pascalCase } from "./names.ts";
import type { BuiltKernel, BuiltVariant } from "./variants.ts";

/** The module as TypeScript, and what it compiles to. */
export interface ModuleText extends Emitted {
  readonly ts: string;
}

/** Writes the module of these kernels, which are of a kind and run on so many threads. */
export function moduleText(
  morph: Morph,
  kernels: readonly BuiltKernel[],
  kind: keyof typeof flavors,
  threads: number,
): ModuleText {
  const flavor = flavors[kind];
  const project = new morph.Project({ useInMemoryFileSystem: true });
  const file = project.createSourceFile("index.ts");
  const title = `${kernels.length === 1 ? "A kernel" : `${kernels.length} kernels`} from qloom ${version}`;
  file.addImportDeclaration({
    leadingTrivia: `// ${title}. Written by qloom build: change its config and build again instead of editing.\n\n`,
    namespaceImport: "runtime",
    moduleSpecifier: "./runtime.js",
  });
  file.addExportDeclaration({
    namedExports: Object.entries(flavor.exports).map(([name, isTypeOnly]) => ({ name, isTypeOnly })),
    moduleSpecifier: "./runtime.js",
  });
  const constant = morph.VariableDeclarationKind.Const;
  for (const kernel of kernels) addKernel(file, kernel, flavor, constant);
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
  if (flavor.hasCommon) addCommon(file, threads, constant);
  file.formatText({
    indentSize: 2,
    convertTabsToSpaces: true,
    newLineCharacter: "\n",
    semicolons: morph.ts.SemicolonPreference.Insert,
  });
  const ts = file.getFullText();
  return { ts, ...emit(morph, "index.ts", ts) };
}

function addCommon(file: SourceFile, threads: number, constant: VariableDeclarationKind): void {
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
}

const objectText = (lines: readonly string[], separator: string = ";"): string =>
  `{\n${lines.map((line) => `    ${line}${separator}\n`).join("")}}`;

function addKernel(
  file: SourceFile,
  { job, variants }: BuiltKernel,
  flavor: Flavor,
  constant: VariableDeclarationKind,
): void {
  const { name, workload, tensors } = job;
  const type = `${pascalCase(name)}Kernel`;
  const list = `variantsOf${pascalCase(name)}`;
  const served = tensors.flatMap(({ names }) => names);
  const artifact = (variants[0] as BuiltVariant).artifact;
  const { weights, args, result } = typesOf(artifact, flavor);
  file.addTypeAlias({
    docs: [`${describe(workload)}${served.length === 0 ? "" : `\nFor ${listed(served)}.`}`],
    isExported: true,
    name: type,
    type: `runtime.${flavor.kernel}<\n    ${weights},\n    ${args},\n    ${result}\n>`,
  });
  file.addFunction({
    docs: [`Loads ${name}: the best of its ${flavor.what}. Throws an \`ApiError\` where that can't be read.`],
    isExported: true,
    name: loaderOf(name),
    parameters: [{ name: "options", ...flavor.options }],
    returnType: `Promise<${type}>`,
    statements: `return ${flavor.load(list)};`,
  });
  file.addVariableStatement({
    declarationKind: constant,
    declarations: [{ name: list, type: `readonly runtime.${flavor.variant}[]`, initializer: variantsText(variants) }],
  });
}

/** Addresses are written out one by one: so bundlers see them and take the files along. */
const variantsText =
  (variants: BuiltKernel["variants"]): WriterFunction =>
  (writer) => {
    const besides = (file: string): readonly string[] => [
      `file: ${JSON.stringify(file)}`,
      `url: () => new URL(${JSON.stringify(`./${file}`)}, import.meta.url)`,
    ];
    const rows = variants.map(({ file, packer, artifact }) => {
      const fields = [
        ...besides(file),
        ...(packer === undefined ? [] : [`packer: { ${besides(packer).join(", ")} }`]),
        `info: ${jsonText(infoOf(artifact), { bareKeys: true, indent: "    " })}`,
      ];
      return `  {\n${fields.map((field) => `    ${field},\n`).join("")}  },\n`;
    });
    writer.write(`[\n${rows.join("")}]`);
  };

/** The types of a kernel's weights, arguments and result; `compile`'s are the same by inference (src/compile/types.ts). */
function typesOf(
  { workload, inputs, outputs, caches }: Artifact,
  { packed, cache: ofOne, isHeld }: Flavor,
): {
  weights: string;
  args: string;
  result: string;
} {
  const output = (spec: TensorSpec): string => `readonly ${shortName(spec.name)}: ${arrayOf(spec).name}`;
  const w = "w" in workload ? [`readonly w: runtime.${packed}`] : [];
  const isPaged = "pages" in workload && workload.pages !== undefined;
  const cache = caches === undefined ? [] : isPaged ? pagedFields : [`readonly cache: runtime.${ofOne}`];
  const given = isPaged ? inputs.filter(({ name }) => !pagedInputs.includes(name)) : inputs;
  const m = "m" in workload ? [`readonly m${workload.m === "any" ? "" : "?"}: number`] : [];
  const told = sizesFor(workload).flatMap(({ field }) => (field === "m" ? m : [`readonly ${field}: number`]));
  const [only] = outputs;
  return {
    weights: "w" in workload ? storedText(formatOf(workload.w)) : "never",
    args: inBraces([...argumentTexts(given, isHeld), ...w, ...cache, ...told]),
    result: outputs.length === 1 && only !== undefined ? arrayOf(only).name : inBraces(outputs.map(output)),
  };
}

/** The types of inputs, those with one argument (`x.q`, `x.s`) as its fields; each may be a tensor that is held where there are such. */
function argumentTexts(inputs: readonly TensorSpec[], isHeld: boolean): readonly string[] {
  const typed = inputs.map((spec) => {
    const [argument, field] = argumentOf(spec.name);
    const { name } = arrayOf(spec);
    return { argument, field, type: isHeld ? `${name} | runtime.HeldTensor<${name}>` : name };
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
