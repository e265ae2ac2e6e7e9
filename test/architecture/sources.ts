// Reads a TypeScript project as what the architecture rules look at: files, the modules they name, their subclasses.
// Not here: what is allowed (rules.ts).

import { isBuiltin } from "node:module";
import { posix } from "node:path";
import { type CallExpression, Node, type Project, type SourceFile, SyntaxKind } from "ts-morph";

/**
 * How a file names a module. `static` and `type` run or are read when the file loads, `lazy` only when the code gets
 * there (`import("..")`, `import.meta.resolve("..")`), `url` is `new URL("..", import.meta.url)`.
 */
export type ImportKind = "static" | "type" | "lazy" | "url";

/** What a specifier leads to: a file of the project (path from its root), an npm package, or a builtin of Node. */
export type ImportTarget =
  | { readonly kind: "file"; readonly path: string }
  | { readonly kind: "package"; readonly name: string }
  | { readonly kind: "builtin"; readonly name: string };

export interface Import {
  readonly line: number;
  readonly specifier: string;
  readonly kind: ImportKind;
  readonly target: ImportTarget;
}

/** A class that says what it extends, by the name it uses for it. */
export interface Subclass {
  readonly line: number;
  readonly name: string;
  readonly base: string;
}

export interface Source {
  /** Path from the project's root, with forward slashes. */
  readonly path: string;
  readonly lines: number;
  readonly imports: readonly Import[];
  readonly subclasses: readonly Subclass[];
}

/** Every source file of `project`, its paths relative to `root` (absolute). Only parses: no types are resolved. */
export function readSources(project: Project, root: string): readonly Source[] {
  return project
    .getSourceFiles()
    .map((file) => ({
      path: posix.relative(root, file.getFilePath()),
      lines: file.getEndLineNumber() - (file.getFullText().endsWith("\n") ? 1 : 0),
      imports: readImports(file, root),
      subclasses: readSubclasses(file),
    }))
    .sort((a, b) => (a.path < b.path ? -1 : 1));
}

function readImports(file: SourceFile, root: string): readonly Import[] {
  const from = posix.relative(root, file.getFilePath());
  const found: Import[] = [];
  const add = (node: Node, specifier: string | undefined, kind: ImportKind): void => {
    if (specifier === undefined) return;
    found.push({ line: node.getStartLineNumber(), specifier, kind, target: resolve(from, specifier) });
  };
  for (const node of file.getImportDeclarations()) {
    add(node, node.getModuleSpecifierValue(), node.isTypeOnly() ? "type" : "static");
  }
  for (const node of file.getExportDeclarations()) {
    add(node, node.getModuleSpecifierValue(), node.isTypeOnly() ? "type" : "static");
  }
  for (const node of file.getDescendantsOfKind(SyntaxKind.ImportType)) add(node, literal(node.getArgument()), "type");
  for (const node of file.getDescendantsOfKind(SyntaxKind.CallExpression)) {
    if (loads(node)) add(node, literal(node.getArguments()[0]), "lazy");
  }
  for (const node of file.getDescendantsOfKind(SyntaxKind.NewExpression)) {
    const [path, base] = node.getArguments();
    if (node.getExpression().getText() !== "URL" || base?.getText() !== "import.meta.url") continue;
    add(node, literal(path), "url");
  }
  return found;
}

function readSubclasses(file: SourceFile): readonly Subclass[] {
  return file.getDescendantsOfKind(SyntaxKind.ClassDeclaration).flatMap((node) => {
    const base = node.getExtends()?.getExpression().getText();
    return base === undefined ? [] : [{ line: node.getStartLineNumber(), name: node.getName() ?? "class", base }];
  });
}

function loads(call: CallExpression): boolean {
  return ["import", "import.meta.resolve", "require", "require.resolve"].includes(call.getExpression().getText());
}

function literal(node: Node | undefined): string | undefined {
  if (node === undefined) return undefined;
  if (Node.isLiteralTypeNode(node)) return literal(node.getLiteral());
  return Node.isStringLiteral(node) || Node.isNoSubstitutionTemplateLiteral(node) ? node.getLiteralText() : undefined;
}

function resolve(from: string, specifier: string): ImportTarget {
  if (specifier.startsWith(".")) {
    return { kind: "file", path: posix.normalize(posix.join(posix.dirname(from), specifier)) };
  }
  if (isBuiltin(specifier)) return { kind: "builtin", name: specifier };
  const parts = specifier.split("/");
  return { kind: "package", name: parts.slice(0, specifier.startsWith("@") ? 2 : 1).join("/") };
}
