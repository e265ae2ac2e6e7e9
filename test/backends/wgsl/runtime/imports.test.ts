// The runtime loads in browsers: what only Node has is never imported when its files load.

import { expect, test } from "vitest";
import { repositorySources } from "../../../architecture/repository.ts";

test("no file of the runtime imports a package or a builtin of Node when it loads", () => {
  const ours = repositorySources().filter(({ path }) => path.startsWith("backends/wgsl/runtime/"));
  expect(ours.length).toBeGreaterThan(10);
  const eager = ours.flatMap(({ path, imports }) =>
    imports.flatMap(({ kind, target, specifier }) =>
      kind === "static" && target.kind !== "file" ? [`${path}: ${specifier}`] : [],
    ),
  );
  expect(eager).toEqual([]);
});
