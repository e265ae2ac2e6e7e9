/**
 * The runtime that a build carries along: the very files that run kernels here, joined into one module without imports. Not here: what is in
 * them (src/runtime, backends/wasm/runtime).
 */
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import type { SourceFile, Statement } from "ts-morph";
import { version } from "../version.ts";
import { type Emitted, emit, type Morph } from "./morph.ts";

/** A file of the runtime; `only` names what is taken of it, everything unless given. */
interface Piece {
  readonly file: string;
  readonly only?: readonly string[];
}

/** In the order in which they are joined: each uses what stands above it. */
const pieces: readonly Piece[] = [
  { file: "ir/errors", only: ["QloomError"] },
  { file: "backends/wasm/runtime/errors" },
  { file: "backends/wasm/runtime/allocator" },
  { file: "backends/wasm/runtime/memory" },
  { file: "backends/wasm/runtime/relaxed-dot" },
  { file: "src/runtime/errors" },
  { file: "src/runtime/size" },
  { file: "src/runtime/info" },
  { file: "src/runtime/arrays" },
  { file: "src/runtime/held" },
  { file: "src/runtime/packed-file" },
  { file: "src/runtime/packed" },
  { file: "src/runtime/cache-tensors" },
  { file: "src/runtime/cache" },
  { file: "src/runtime/paged-cache" },
  { file: "src/runtime/shared-kernels" },
  { file: "src/runtime/executable" },
  { file: "src/runtime/arguments" },
  { file: "src/runtime/cached-tokens" },
  { file: "src/runtime/kernel" },
  { file: "src/runtime/beside" },
];

/** Besides, where kernels are modules of Wasm. */
const wasmPieces: readonly Piece[] = [{ file: "src/runtime/load" }];

/** Besides, where kernels run on a GPU. */
const gpuPieces: readonly Piece[] = [
  { file: "ir/device", only: ["Device", "Feature"] },
  ...[
    ...["errors", "usage", "live", "tensor", "shader", "values", "plan", "pipelines", "transfers", "recorder"],
    ...["stamps", "timer", "pass-clock", "runtime", "adapter", "adopt"],
  ].map((name) => ({ file: `backends/wgsl/runtime/${name}` })),
  ...["gpu-slices", "gpu-packed", "gpu-cache", "gpu-executable", "gpu-kernel", "shader-file", "gpu-load"].map(
    (name) => ({ file: `src/runtime/${name}` }),
  ),
];

/** Besides, where kernels run on several threads. */
const threadPieces: readonly Piece[] = ["control", "mail", "start", "pool"].map((name) => ({
  file: `src/runtime/threads/${name}`,
}));
/** The worker's own module, which `start` expects beside it. */
const workerPieces: readonly Piece[] = ["control", "mail", "worker"].map((name) => ({
  file: `src/runtime/threads/${name}`,
}));

/** What the joined module exports: values, and types. */
interface Exports {
  readonly values: readonly string[];
  readonly types: readonly string[];
}

/** What a kind of kernels takes of the runtime. */
interface Part extends Exports {
  readonly pieces: readonly Piece[];
  /** Libraries of TypeScript's own that its declarations name things of, besides those of the language and the web. */
  readonly libs?: readonly string[];
}

const common: Part = { pieces, values: ["ApiError", "QloomError"], types: [] };

const parts: Readonly<Record<"wasm" | "threads" | "wgsl", Part>> = {
  wasm: {
    pieces: wasmPieces,
    values: [
      ...["HeldTensor", "KvCache", "loadVariant", "PackedTensors", "PagedCache", "release", "Sequence"],
      ...["WasmMemory", "WasmRuntimeError"],
    ],
    types: ["Built", "LoadedKernel", "LoadOptions", "ModuleSource", "RuntimeOptions", "Variant"],
  },
  threads: { pieces: threadPieces, values: ["onThreads"], types: [] },
  wgsl: {
    pieces: gpuPieces,
    values: ["GpuError", "GpuKvCache", "GpuPackedTensors", "GpuRuntime", "loadGpuVariant", "runtimeOn"],
    libs: ["esnext.disposable"],
    types: ["GpuLanguage", "GpuLoadOptions", "GpuVariant", "LoadedGpuKernel"],
  },
};

const banner = `// The runtime of the kernels beside it, from qloom ${version} (Apache-2.0). Written by qloom build: build again instead of editing.\n`;

/** The runtime's module, and that of its workers where there are any. */
export interface RuntimeText extends Emitted {
  readonly worker?: string;
}

/** Reads and joins the runtime's files, for kernels of this kind, and on several threads. */
export async function runtimeText(morph: Morph, kind: "wasm" | "wgsl", onThreads: boolean): Promise<RuntimeText> {
  const taken = [common, parts[kind], ...(onThreads ? [parts.threads] : [])];
  const { js, dts } = await joined(
    morph,
    taken.flatMap((part) => part.pieces),
  );
  const values = taken.flatMap((part) => part.values).sort();
  const types = taken.flatMap((part) => part.types.map((name) => `type ${name}`));
  const libs = taken.flatMap((part) => part.libs ?? []).map((name) => `/// <reference lib="${name}" />\n`);
  return {
    js: `${banner}${js}\nexport { ${values.join(", ")} };\n`,
    dts: `${banner}${libs.join("")}${dts}\nexport { ${[...values, ...types].join(", ")} };\n`,
    ...(onThreads && { worker: `${banner}${(await joined(morph, workerPieces)).js}` }),
  };
}

async function joined(morph: Morph, of: readonly Piece[]): Promise<Emitted> {
  const read = await Promise.all(of.map(async ({ file, only }) => ({ file, only, ...(await readPiece(morph, file)) })));
  return {
    js: join(
      morph,
      read.map(({ file, only, js: text }) => ({ file: `${file}.js`, only, text })),
    ),
    dts: join(
      morph,
      read.map(({ file, only, dts: text }) => ({ file: `${file}.d.ts`, only, text })),
    ),
  };
}

/** A file as JavaScript and declarations: compiled here from the sources, read as it is where qloom was built. */
async function readPiece(morph: Morph, file: string): Promise<Emitted> {
  const read = (ending: string): Promise<string> =>
    readFile(fileURLToPath(new URL(`../../${file}${ending}`, import.meta.url)), "utf8");
  if (import.meta.url.endsWith(".ts")) return emit(morph, `${file}.ts`, await read(".ts"));
  return { js: await read(".js"), dts: await read(".d.ts") };
}

interface Text {
  readonly file: string;
  readonly only: readonly string[] | undefined;
  readonly text: string;
}

/** The files' statements one after another, without imports and exports. Throws where the result would not be closed: a mistake in `pieces`. */
function join({ Project, Node }: Morph, texts: readonly Text[]): string {
  const project = new Project({ useInMemoryFileSystem: true, compilerOptions: { allowJs: true } });
  const owners = new Map<string, string>();
  const needed = new Map<string, string>();
  const parts = texts.map(({ file, only, text }) => {
    const source = project.createSourceFile(file, text);
    for (const name of importedNames(source)) needed.set(name, file);
    const kept = source.getStatements().filter((statement) => {
      if (Node.isImportDeclaration(statement) || Node.isExportDeclaration(statement)) return false;
      return only === undefined || declaredNames(Node, statement).some((name) => only.includes(name));
    });
    for (const name of kept.flatMap((statement) => declaredNames(Node, statement))) {
      const other = owners.get(name);
      if (other !== undefined) throw new Error(`the runtime can't be joined: ${other} and ${file} declare ${name}`);
      owners.set(name, file);
    }
    return kept.map(withoutExport).join("\n\n");
  });
  for (const [name, file] of needed)
    if (!owners.has(name))
      throw new Error(`the runtime can't be joined: ${name}, which ${file} imports, is no part of it`);
  return `${parts.join("\n\n")}\n`;
}

const importedNames = (source: SourceFile): readonly string[] =>
  source.getImportDeclarations().flatMap((declaration) => declaration.getNamedImports().map((name) => name.getName()));

/** What a statement declares. */
function declaredNames(Node: Morph["Node"], statement: Statement): readonly string[] {
  if (Node.isVariableStatement(statement))
    return statement.getDeclarations().map((declaration) => declaration.getName());
  const declares =
    Node.isClassDeclaration(statement) ||
    Node.isFunctionDeclaration(statement) ||
    Node.isInterfaceDeclaration(statement) ||
    Node.isTypeAliasDeclaration(statement);
  const name = declares ? statement.getName() : undefined;
  return name === undefined ? [] : [name];
}

/** A statement with its own comment, not exported; in declarations it is then declared. */
function withoutExport(statement: Statement): string {
  const comment = statement.getLeadingCommentRanges().at(-1)?.getText();
  const text = statement.getText().replace(/^export (default )?/, "");
  return comment === undefined ? text : `${comment}\n${text}`;
}
