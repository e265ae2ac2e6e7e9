/** Names that steps give: unique where they must be, and the same thing wherever they mean one. */
import { type Buffer, eachStmt, type Kernel, type Program } from "../ir/index.ts";

/** What two things in the program are named alike and must not be, as a reason; undefined when there is nothing. */
export function clash(program: Program): string | undefined {
  const kernel = repeated(program.kernels.map((k) => k.name));
  if (kernel !== undefined) return `two kernels would be named ${kernel}`;
  const globals = new Map<string, { buffer: Buffer; by: Kernel }>();
  for (const k of program.kernels) {
    const reason = clashIn(k);
    if (reason !== undefined) return `${reason} in ${k.name}`;
    for (const buffer of k.buffers) {
      if (buffer.scope !== "global") continue;
      const known = globals.get(buffer.name);
      if (known === undefined) globals.set(buffer.name, { buffer, by: k });
      else if (!sameShape(known.buffer, buffer))
        return `${buffer.name} would be different buffers in ${known.by.name} and ${k.name}`;
    }
  }
  return undefined;
}

function clashIn(kernel: Kernel): string | undefined {
  const variables = kernel.symbols.map(({ name }) => name);
  eachStmt(kernel.body, (s) => {
    if (s.kind === "for") variables.push(s.loop);
    if (s.kind === "let") variables.push(s.name);
  });
  const variable = repeated(variables);
  if (variable !== undefined) return `two loops would be named ${variable}`;
  const buffer = repeated(kernel.buffers.map(({ name }) => name));
  return buffer === undefined ? undefined : `two buffers would be named ${buffer}`;
}

function repeated(names: readonly string[]): string | undefined {
  const seen = new Set<string>();
  return names.find((name) => seen.size === seen.add(name).size);
}

const sameShape = (a: Buffer, b: Buffer): boolean =>
  a === b || (a.scalar === b.scalar && a.shape.length === b.shape.length && a.shape.every((e, i) => e === b.shape[i]));
