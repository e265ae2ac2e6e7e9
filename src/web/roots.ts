// Which file a path stands for: nothing outside the folders that are served, however the path is written and wherever links lead.

import { realpath, stat } from "node:fs/promises";
import { join, sep } from "node:path";
import { QloomError } from "../../ir/index.ts";

/** A folder, and the path that its files are served below; the path ends with a slash. */
export interface Root {
  readonly path: string;
  readonly folder: string;
  /** A package, whose package.json says what its files are; ours are modules. */
  readonly isPackage: boolean;
}

/** A request that is answered with a status and its message. */
export class Refusal extends QloomError {
  override name = "Refusal";
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, message: string, headers: Readonly<Record<string, string>> = {}) {
    super(message);
    this.status = status;
    this.headers = headers;
  }
}

/** The file of a path (decoded). Throws a `Refusal`: 403 for what leads out of a root, 404 for what is not there. */
export async function findFile(
  roots: readonly Root[],
  path: string,
): Promise<{ readonly file: string; readonly root: Root }> {
  const root = roots.find((one) => path.startsWith(one.path));
  if (root === undefined) throw new Refusal(404, `${path}: nothing is served there`);
  const inner = path.slice(root.path.length).split("/");
  if (inner.some((name) => name === ".." || name === "." || /[\\\0]/.test(name)))
    throw new Refusal(403, `${path}: leads elsewhere`);
  const file = await realpath(join(root.folder, ...inner)).catch(() => undefined);
  if (file === undefined || !(await stat(file)).isFile()) throw new Refusal(404, `${path}: there is no such file`);
  if (!file.startsWith((await realpath(root.folder)) + sep)) throw new Refusal(403, `${path}: leads elsewhere`);
  return { file, root };
}
