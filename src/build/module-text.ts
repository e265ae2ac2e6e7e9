/**
 * The typed module of a build, written by ts-morph: a loader per kernel whose types follow from the workload. Not here: what the loaders do
 * (src/runtime, carried along as runtime.js).
 */
import type { SourceFile, VariableDeclarationKind, WriterFunction } from "ts-morph";
import { dotModule } from "../../backends/index.ts";
import { type EpilogueName, type Format, formatOf, type Numerics, operandsOf, type Workload } from "../../ir/index.ts";
import type { WasmArtifact } from "../compile/index.ts";
import type { KernelInfo } from "../runtime/index.ts";
import { version } from "../version.ts";
import { jsonText } from "./json-text.ts";
import { type Emitted, emit, type Morph } from "./morph.ts";
import { loaderOf, pascalCase } from "./names.ts";
import type { BuiltKernel } from "./variants.ts";

/** The module as TypeScript, and what it compiles to. */
export interface ModuleText extends Emitted {
  readonly ts: string;
}

/** Writes the module of these kernels. */
export function moduleText(morph: Morph, kernels: readonly BuiltKernel[]): ModuleText {
  const project = new morph.Project({ useInMemoryFileSystem: true });
  const file = project.createSourceFile("index.ts");
  const title = `${kernels.length === 1 ? "A kernel" : `${kernels.length} kernels`} from qloom ${version}`;
  file.addImportDeclaration({
    leadingTrivia: `// ${title}. Written by qloom build: change its config and build again instead of editing.\n\n`,
    namespaceImport: "runtime",
    moduleSpecifier: "./runtime.js",
  });
  file.addExportDeclaration({
    namedExports: ["ApiError", "LoadedKernel", "LoadOptions", "PackedTensors", "QloomError", "WasmMemory"].map(
      (name) => ({
        name,
        isTypeOnly: name === "LoadedKernel" || name === "LoadOptions",
      }),
    ),
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
    docs: ["The module that relaxed SIMD is checked with before kernels that use it are loaded."],
    declarationKind: constant,
    declarations: [{ name: "relaxedDot", initializer: JSON.stringify(probe) }],
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
  const { weights, args, result } = typesOf(workload);
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
    statements: `return runtime.loadVariant(${list}, relaxedDot, options);`,
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
  const tensor = ({ name, scalar, shape, bytes }: KernelInfo["weights"][number]) => ({ name, scalar, shape, bytes });
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
    inputs: artifact.inputs.map(tensor),
    outputs: artifact.outputs.map(tensor),
    pack: artifact.pack.map(launch),
    parts: artifact.parts.map(({ min, max, launches, workspaces }) => ({
      min,
      max,
      launches: launches.map(launch),
      workspaces: workspaces.map(tensor),
    })),
  };
}

function workloadInfo(workload: Workload): KernelInfo["workload"] {
  switch (workload.op) {
    case "matmul":
      return { op: "matmul", m: workload.m, n: workload.n, k: workload.k, w: workload.w };
    case "quantize":
      return { op: "quantize", m: workload.m, k: workload.k };
    case "dequantize":
      return { op: "dequantize", n: workload.n, k: workload.k, w: workload.w };
  }
}

/** The types of a kernel's weights, arguments and result; `compile`'s are the same by inference (src/compile/types.ts). */
function typesOf(workload: Workload): { weights: string; args: string; result: string } {
  const x = "readonly x: Float32Array";
  const w = "readonly w: runtime.PackedTensors";
  const m = "m" in workload ? `readonly m${workload.m === "any" ? "" : "?"}: number` : "";
  switch (workload.op) {
    case "matmul": {
      const operands = operandsOf(workload).map(({ name }) => `readonly ${name}: Float32Array`);
      return {
        weights: storedText(formatOf(workload.w)),
        args: inBraces([x, w, ...operands, m]),
        result: "Float32Array",
      };
    }
    case "quantize":
      return {
        weights: "never",
        args: inBraces([x, m]),
        result: "{ readonly q: Int8Array; readonly s: Float32Array }",
      };
    case "dequantize":
      return { weights: storedText(formatOf(workload.w)), args: inBraces([w]), result: "Float32Array" };
  }
}

const inBraces = (fields: readonly string[]): string => `{ ${fields.join("; ")} }`;

const storedText = ({ containers }: Format): string =>
  inBraces(containers.map(({ name }) => `readonly ${name}: ArrayBufferView | readonly ArrayBufferView[]`));

/** A workload for people, in a line. */
function describe(workload: Workload): string {
  switch (workload.op) {
    case "matmul": {
      const { m, n, k, w, bias, epilogue = [], numerics } = workload;
      const sum = `y[m,n] = sum_k x[m,k] * w[n,k]${bias ? " + bias[n]" : ""}`;
      const then = epilogue.map((step) => `, then ${epilogueTexts[step]}`).join("");
      return `\`${sum}\`${then}: ${m === "any" ? "any m" : `m ${m}`}, n ${n}, k ${k}, w in ${w}, computed in ${computedIn(numerics)}.`;
    }
    case "quantize":
      return `x to 8-bit codes and scales: ${workload.m === "any" ? "any m" : `m ${workload.m}`}, k ${workload.k}, a scale per ${spanText(workload.group)}.`;
    case "dequantize":
      return `w in ${workload.w} to f32: n ${workload.n}, k ${workload.k}.`;
  }
}

const epilogueTexts: Readonly<Record<EpilogueName, string>> = {
  silu: "silu",
  gate: "times gate[m,n]",
  residual: "plus residual[m,n]",
};
const computedIn = (numerics: Numerics): string =>
  numerics.compute === "i8"
    ? `i${numerics.xBits ?? 8} with a scale of x per ${spanText(numerics.xGroup)}${numerics.tables === "i8" ? ", tables of 8 bits" : ""}`
    : numerics.compute;
const spanText = (span: number | "row"): string => (span === "row" ? "row" : `${span} values`);

function listed(names: readonly string[]): string {
  const first = names.slice(0, 4).join(", ");
  return names.length > 4 ? `${first} and ${names.length - 4} more` : first;
}
