// The runtime loads in browsers: what only Node has is never imported when its files load.

import { join } from "node:path";
import { Project } from "ts-morph";
import { expect, test } from "vitest";
import { readSources } from "../../../architecture/sources.ts";

test("no file of the runtime imports a package or a builtin of Node when it loads", () => {
  const root = join(import.meta.dirname, "../../../..");
  const project = new Project({ skipAddingFilesFromTsConfig: true, skipFileDependencyResolution: true });
  project.addSourceFilesAtPaths(`${root}/backends/wgsl/runtime/**/*.ts`);
  const ours = readSources(project, root);
  expect(ours.length).toBeGreaterThan(10);
  const eager = ours.flatMap(({ path, imports }) =>
    imports.flatMap(({ kind, target, specifier }) =>
      kind === "static" && target.kind !== "file" ? [`${path}: ${specifier}`] : [],
    ),
  );
  expect(eager).toEqual([]);
});
