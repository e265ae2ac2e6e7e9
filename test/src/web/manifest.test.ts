// What a package's exports mean in a browser.

import { expect, test } from "vitest";
import { exportedPaths, type Manifest } from "../../../src/web/manifest.ts";

const manifest: Manifest = { name: "p", version: "1.0.0", main: "lib.js", dependencies: {}, peerDependencies: {} };
const paths = (exports: unknown): unknown => Object.fromEntries(exportedPaths({ ...manifest, exports }));

test("without exports every file may be imported", () => {
  expect(paths(undefined)).toEqual({ ".": "lib.js", "./": "" });
});

test("one export is the package's own", () => {
  expect(paths("./a.js")).toEqual({ ".": "a.js" });
  expect(paths({ types: "./a.d.ts", default: "./a.js" })).toEqual({ ".": "a.js" });
});

test("the first condition that holds decides, however deep", () => {
  const deep = {
    node: "./node.js",
    import: { types: "./a.d.ts", worker: "./w.js", default: "./web.js" },
    require: "./a.cjs",
  };
  expect(
    paths({ ".": deep, "./b": { browser: "./b.web.js", import: "./b.js" }, "./list": [{ node: "./n.js" }, "./l.js"] }),
  ).toEqual({
    ".": "web.js",
    "./b": "b.web.js",
    "./list": "l.js",
  });
});

test("what has nothing for browsers is left out", () => {
  expect(paths({ ".": { node: "./a.js" }, "./types": { types: "./a.d.ts" }, "./none": null })).toEqual({});
});

test("patterns that keep a name's end are folders", () => {
  expect(paths({ "./a/*": "./dist/a/*", "./b/*.js": "./dist/*.js", "./c/*": "./dist/*.js", "./d*": "./d*" })).toEqual({
    "./a/": "dist/a/",
    "./b/": "dist/",
  });
});
