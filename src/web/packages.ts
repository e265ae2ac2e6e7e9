// The packages that pages import, as an import map: each is served below /modules/ under its name and version, and sees its own dependencies,
// as in Node. Not here: serving (server.ts), what a package exports (manifest.ts).

import { realpathSync } from "node:fs";
import { dirname, join } from "node:path";
import { PackageMissingError } from "./errors.ts";
import { exportedPaths, type Manifest, readManifest } from "./manifest.ts";

/** https://html.spec.whatwg.org/multipage/webappapis.html#import-maps */
export interface ImportMap {
  readonly imports: Readonly<Record<string, string>>;
  readonly scopes: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

export interface Packages {
  readonly importMap: ImportMap;
  /** Folders by the paths that they are served below: `/modules/zod@4.6.7/`. */
  readonly folders: ReadonlyMap<string, string>;
}

interface Package {
  readonly folder: string;
  readonly path: string;
  readonly manifest: Manifest;
}

/**
 * The packages that the code in `folder` sees by these names, and all that they depend on.
 *
 * @throws PackageMissingError naming a package that is not installed
 */
export function findPackages(folder: string, names: readonly string[]): Packages {
  const byFolder = new Map<string, Package>();
  const scopes: Record<string, Readonly<Record<string, string>>> = {};
  const visit = (name: string, from: string): Package | undefined => {
    const found = locate(name, from);
    if (found === undefined || byFolder.has(found.folder)) return found && byFolder.get(found.folder);
    byFolder.set(found.folder, found);
    const dependencies = Object.keys({ ...found.manifest.peerDependencies, ...found.manifest.dependencies });
    const seen = dependencies.flatMap((dependency) => {
      const other = visit(dependency, found.folder);
      return other === undefined ? [] : specifiers(dependency, other);
    });
    if (seen.length > 0) scopes[found.path] = Object.fromEntries(seen);
    return found;
  };
  const imports = names.flatMap((name) => {
    const found = visit(name, folder);
    if (found === undefined) throw new PackageMissingError("the page", name);
    return specifiers(name, found);
  });
  return {
    importMap: { imports: Object.fromEntries(imports), scopes },
    folders: new Map([...byFolder.values()].map((found) => [found.path, found.folder])),
  };
}

export const isInstalled = (folder: string, name: string): boolean => locate(name, folder) !== undefined;

/** Where Node finds a package that is imported in `from`: the nearest node_modules upwards that has it. */
function locate(name: string, from: string): Package | undefined {
  for (let folder = from; ; folder = dirname(folder)) {
    const place = join(folder, "node_modules", name);
    const manifest = readManifest(place);
    if (manifest !== undefined)
      return { folder: realpathSync(place), path: `/modules/${manifest.name}@${manifest.version}/`, manifest };
    if (folder === dirname(folder)) return undefined;
  }
}

const specifiers = (name: string, { path, manifest }: Package): readonly (readonly [string, string])[] =>
  [...exportedPaths(manifest)].map(([subpath, file]) => [`${name}${subpath.slice(1)}`, `${path}${file}`] as const);
