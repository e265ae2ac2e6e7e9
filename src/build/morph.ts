// TypeScript through ts-morph, loaded when a build needs it: nothing else pays for it.

/** The package. */
export type Morph = typeof import("ts-morph");

export const loadMorph = (): Promise<Morph> => import("ts-morph");

/** A TypeScript file as what runs and what types it. */
export interface Emitted {
  readonly js: string;
  readonly dts: string;
}

/** A method of this name is declared as a property, too, where a file is looked at by itself. */
const twice = /^ *\[Symbol\.dispose\]: \(\) => void;\n/gm;

/** Compiles one file by itself; its exports state their types. Throws where it is not TypeScript: a bug of whoever wrote it. */
export function emit({ ts }: Morph, file: string, text: string): Emitted {
  const compilerOptions = {
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.ESNext,
    verbatimModuleSyntax: true,
    newLine: ts.NewLineKind.LineFeed,
  };
  const options = { fileName: file, compilerOptions, reportDiagnostics: true };
  const declared = { ...compilerOptions, declaration: true, isolatedDeclarations: true };
  const js = ts.transpileModule(text, options);
  const dts = ts.transpileDeclaration(text, { ...options, compilerOptions: declared });
  const [problem] = [...(js.diagnostics ?? []), ...(dts.diagnostics ?? [])];
  if (problem !== undefined)
    throw new Error(`${file} does not compile: ${ts.flattenDiagnosticMessageText(problem.messageText, " ")}`);
  return { js: js.outputText, dts: dts.outputText.replace(twice, "") };
}
