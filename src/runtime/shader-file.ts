/** Shaders by name as one text, each under a line with its name: a build keeps those of a kernel in a file. */
import { ApiError } from "./errors.ts";
import type { GpuKernelInfo } from "./info.ts";

type Shaders = GpuKernelInfo["shaders"];

const heading = "// shader ";

/** The text of shaders, none of which has such a line of its own. */
export const shaderFile = (shaders: Shaders): string =>
  Object.entries(shaders)
    .map(([name, code]) => `${heading}${name}\n${code}`)
    .join("\n");

/** The shaders of a text. Throws an `ApiError` where it begins with none. */
export function shadersInFile(file: string, text: string): Shaders {
  const [before, ...parts] = `\n${text}`.split(`\n${heading}`);
  if (before !== "" || parts.length === 0)
    throw new ApiError(`${file} holds no shaders; build again, or look at what gives its bytes`);
  return Object.fromEntries(
    parts.map((part) => {
      const end = part.indexOf("\n");
      return [part.slice(0, end), part.slice(end + 1)];
    }),
  );
}
