// Names of packages in modules become addresses.

import { expect, test } from "vitest";
import { withAddresses } from "../../../src/web/specifiers.ts";

const map = {
  imports: { zod: "/modules/zod/index.js", "@noble/hashes/": "/modules/noble/" },
  scopes: { "/modules/zod/": { zod: "/elsewhere.js", deep: "/modules/deep/index.js" } },
};

test("in every form of import, wherever the name stands, by the map of the module's own place", () => {
  const text = `import { z } from "zod";
import * as all from 'zod';
import type, {
  a,
  b as c,
} from "@noble/hashes/sha2.js";
import "zod";
export * from "zod";
export { z } from "zod";
import { deep } from "deep";
`;
  expect(withAddresses(text, "/qloom/a.ts", map)).toBe(`import { z } from "/modules/zod/index.js";
import * as all from '/modules/zod/index.js';
import type, {
  a,
  b as c,
} from "/modules/noble/sha2.js";
import "/modules/zod/index.js";
export * from "/modules/zod/index.js";
export { z } from "/modules/zod/index.js";
import { deep } from "deep";
`);
  expect(withAddresses('import { deep } from "deep";\nimport "zod";', "/modules/zod/b.js", map)).toBe(
    'import { deep } from "/modules/deep/index.js";\nimport "/elsewhere.js";',
  );
});

test("but not in addresses, texts and other code", () => {
  const text = `import { a } from "./zod";
const said = "zod";
const code = 'import { z } from "zod"';
export const imported = from("zod");
export const zod = "zod";
`;
  expect(withAddresses(text, "/qloom/a.ts", map)).toBe(text);
});
