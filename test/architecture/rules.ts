// The architecture's rules: each takes the project as read and says what breaks it, one line per violation.
// Not here: reading the project (sources.ts), the tables that the rules hold (tables.ts).

import { matchesGlob } from "node:path";
import { findCycles } from "./cycles.ts";
import type { Import, Source } from "./sources.ts";
import { browserEntries, builtins, layers, maxLines, type PackageRow, packages } from "./tables.ts";

/** The part of `package.json` that says which packages may be imported at all. */
export interface Manifest {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  /** Files of the package that bundlers for browsers leave out. */
  readonly browser?: Readonly<Record<string, false>>;
}

/** A committed file as it is searched for paths; `text` may be binary data read as latin1. */
export interface CommittedFile {
  readonly path: string;
  readonly text: string;
}

const isTest = (path: string): boolean => path.startsWith("test/");
const topFolder = (path: string): string => (path.includes("/") ? path.slice(0, path.indexOf("/")) : "");

function each(sources: readonly Source[], check: (source: Source, use: Import) => string | undefined): string[] {
  return sources.flatMap((source) =>
    source.imports.flatMap((use) => {
      const reason = check(source, use);
      return reason === undefined ? [] : [`${source.path}:${use.line} imports "${use.specifier}": ${reason}`];
    }),
  );
}

/** Data and imports run one way: ir <- schedules, backends <- tune-db <- src. */
export function checkLayers(sources: readonly Source[]): string[] {
  return each(sources, ({ path }, { target }) => {
    if (target.kind !== "file" || isTest(path)) return undefined;
    const from = topFolder(path);
    const to = topFolder(target.path);
    const allowed = layers[from];
    if (allowed === undefined || from === to || allowed.includes(to)) return undefined;
    const may = allowed.length === 0 ? "nothing of the project" : `only ${allowed.join(", ")}`;
    return `${from}/ may import ${may}; move what both need to a layer below, or pass it in as an argument`;
  });
}

/** Folders talk through their `index.ts`: the five of them, and the areas inside `src/`. */
export function checkEntries(sources: readonly Source[]): string[] {
  return each(sources, ({ path }, { target, kind }) => {
    if (target.kind !== "file" || isTest(path) || kind === "url") return undefined;
    const from = unit(path);
    const to = unit(target.path);
    // Files right in src/ belong to no area: every area may use them.
    if (from === to || (to === "src" && topFolder(path) === "src") || target.path === `${to}/index.ts`)
      return undefined;
    return `across folders only the folder's index is imported; export it from ${to}/index.ts and import that`;
  });
}

/** What a file belongs to: `ir`, `src/tuner`, ... */
function unit(path: string): string {
  const [top = "", area, ...rest] = path.split("/");
  return top === "src" && rest.length > 0 ? `${top}/${area}` : top;
}

/** No file reaches itself through its imports; types count, because such files can't be read one after the other. */
export function checkCycles(sources: readonly Source[]): string[] {
  const files = new Set(sources.map((source) => source.path));
  const graph = new Map(
    sources.map(({ path, imports }) => [
      path,
      imports
        .filter((use) => use.kind !== "url")
        .flatMap(({ target }) => (target.kind === "file" && files.has(target.path) ? [target.path] : [])),
    ]),
  );
  return findCycles(graph).map(
    (cycle) =>
      `${[...cycle, cycle[0]].join(" imports ")}: no import cycles; move what they share to a file that imports neither`,
  );
}

/** Packages and Node's builtins only where their table has them, and only what package.json declares. */
export function checkPackages(sources: readonly Source[], manifest: Manifest): string[] {
  const everywhere = { ...manifest.dependencies, ...manifest.peerDependencies, ...manifest.devDependencies };
  return each(sources, ({ path }, use) => {
    const { target } = use;
    if (target.kind === "file") return undefined;
    const { name } = target;
    if (isTest(path)) {
      if (target.kind === "builtin" || name in everywhere) return undefined;
      return `package.json does not declare ${name}; add it to devDependencies`;
    }
    const row = target.kind === "builtin" ? builtins : packages[name];
    if (row === undefined) {
      return `${name} is in no row of test/architecture/tables.ts; do without it, or add a row that says where it belongs`;
    }
    const misplaced = checkPlace(path, use, name, row);
    if (misplaced !== undefined || target.kind === "builtin") return misplaced;
    const installed = { ...manifest.dependencies, ...(row.lazy === true && manifest.peerDependencies) };
    if (name in installed) return undefined;
    return `${name} is not installed with qloom; add it to package.json's ${row.lazy === true ? "peerDependencies" : "dependencies"}`;
  });
}

function checkPlace(path: string, use: Import, name: string, row: PackageRow): string | undefined {
  if (!row.where.some((glob) => matchesGlob(path, glob))) {
    return `${name} may be imported only in ${row.where.join(", ")}; move the code there, or pass in what it needs`;
  }
  if (row.lazy === true && use.kind === "static") {
    return `${name} may be imported only lazily; use await import("${use.specifier}") where it is needed`;
  }
  return undefined;
}

/**
 * What a browser loads is all there: from the entries on, no import that runs leads to a builtin of Node or to a package that has none of its
 * own for browsers. Files imported lazily need not load there; those that would not are left out by bundlers, which package.json tells.
 */
export function checkBrowsers(
  sources: readonly Source[],
  manifest: Manifest,
  entries: readonly string[] = browserEntries,
): string[] {
  const files = new Map(sources.map((source) => [source.path, source]));
  const found = new Set<string>();
  const lazy = new Set<string>();
  const loaded = reach(files, entries, (path, use) => {
    if (use.kind === "lazy" && use.target.kind === "file") lazy.add(use.target.path);
    const reason = use.kind === "type" ? undefined : barred(use);
    if (reason !== undefined) found.add(`${path}:${use.line} imports "${use.specifier}": ${reason}`);
  });
  for (const path of lazy) {
    if (loaded.has(path)) continue;
    let loads = true;
    reach(files, [path], (_, use) => {
      loads &&= use.kind === "type" || barred(use) === undefined;
    });
    const built = `./dist/${path.replace(/\.ts$/, ".js")}`;
    if (!loads && manifest.browser?.[built] !== false)
      found.add(`${path} does not load in browsers: add "${built}": false to package.json's browser`);
  }
  return [...found].sort();
}

function barred({ kind, specifier, target }: Import): string | undefined {
  if (target.kind === "builtin")
    return `this file loads in browsers; use nodeModule("${specifier}") of ir/ where it is needed, or import the file lazily`;
  if (target.kind === "package" && kind === "static" && packages[target.name]?.browsers !== true)
    return `this file loads in browsers, and ${target.name} is not known to; import it lazily, or mark its row in test/architecture/tables.ts`;
  return undefined;
}

/** The files that load with these; `see` is told of their imports. */
function reach(
  files: ReadonlyMap<string, Source>,
  from: readonly string[],
  see: (path: string, use: Import) => void,
): ReadonlySet<string> {
  const reached = new Set(from);
  // A set goes on to what is added while it is gone through.
  for (const path of reached) {
    for (const use of files.get(path)?.imports ?? []) {
      see(path, use);
      if (use.kind === "static" && use.target.kind === "file") reached.add(use.target.path);
    }
  }
  return reached;
}

/** A file that is started by its address is a .js file in the published package. */
export function checkUrls(sources: readonly Source[]): string[] {
  return each(sources, ({ path }, use) => {
    if (use.kind !== "url" || isTest(path) || !use.specifier.endsWith(".ts")) return undefined;
    const built = use.specifier.replace(/\.ts$/, ".js");
    return `the build rewrites imports but not addresses; use new URL(import.meta.url.endsWith(".ts") ? "${use.specifier}" : "${built}", import.meta.url)`;
  });
}

/** One base class tells what a user can cause from a bug: the command line shows the first as a line, the other as a stack. */
export function checkErrors(sources: readonly Source[]): string[] {
  return sources
    .filter(({ path }) => !isTest(path) && path !== "ir/errors.ts")
    .flatMap(({ path, subclasses }) =>
      subclasses
        .filter(({ base }) => /^(\w*Error|DOMException)$/.test(base) && base in globalThis)
        .map(
          ({ line, name, base }) =>
            `${path}:${line} ${name} extends ${base}: errors that a user can cause extend QloomError of ir/index.ts; extend that`,
        ),
    );
}

/** Long files hold more than one concept. */
export function checkLengths(sources: readonly Source[]): string[] {
  return sources
    .filter((source) => source.lines > maxLines)
    .map(
      ({ path, lines }) =>
        `${path} has ${lines} lines: a source file has at most ${maxLines}; move one of its concepts to a file of its own`,
    );
}

/** What is committed works on every machine, so it names no folder of one; the user `me` stands for anybody. */
export function checkPaths(files: readonly CommittedFile[]): string[] {
  const home = /(?<![\w.~-])\/(?:work|home(?!\/me\b)|root|Users(?!\/me\b))\/[\w./-]*/;
  return files.flatMap(({ path, text }) =>
    text.split("\n").flatMap((line, i) => {
      const found = home.exec(line)?.[0];
      if (found === undefined) return [];
      return [
        `${path}:${i + 1} names "${found}": no path of one machine is committed; make it relative, or a parameter`,
      ];
    }),
  );
}
