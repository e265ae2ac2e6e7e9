// The repository itself as the architecture rules read it: its sources, its manifest, its committed files.

import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, sep } from "node:path";
import { Project } from "ts-morph";
import type { CommittedFile, Manifest } from "./rules.ts";
import { readSources, type Source } from "./sources.ts";
import { layers } from "./tables.ts";

const root = join(import.meta.dirname, "../..");

export function repositorySources(): readonly Source[] {
  const project = new Project({ skipAddingFilesFromTsConfig: true, skipFileDependencyResolution: true });
  const folders = [...Object.keys(layers), "test"];
  project.addSourceFilesAtPaths(folders.map((folder) => `${root}/${folder}/**/*.ts`));
  for (const file of project.getSourceFiles())
    if (file.getFilePath().includes("/golden/")) project.removeSourceFile(file);
  return readSources(project, root.replaceAll(sep, "/"));
}

export function repositoryManifest(): Manifest {
  return JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as Manifest;
}

/** What git has or would add; without git (an unpacked archive) every file that the build and npm did not make. */
export function committedFiles(): readonly CommittedFile[] {
  const paths = existsSync(join(root, ".git"))
    ? execFileSync("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard"], {
        cwd: root,
        encoding: "utf8",
      })
        .split("\0")
        .filter((path) => path !== "" && existsSync(join(root, path)))
    : allFiles(["node_modules", "dist", "coverage"]);
  // latin1 reads binary files too, byte for character.
  return paths.map((path) => ({ path, text: readFileSync(join(root, path), "latin1") }));
}

function allFiles(ignored: readonly string[]): readonly string[] {
  return readdirSync(root, { withFileTypes: true })
    .filter((entry) => !ignored.includes(entry.name))
    .flatMap((entry) =>
      entry.isDirectory()
        ? readdirSync(join(root, entry.name), { recursive: true, withFileTypes: true })
            .filter((inner) => inner.isFile())
            .map((inner) => join(inner.parentPath, inner.name).slice(root.length + 1))
        : [entry.name],
    );
}
