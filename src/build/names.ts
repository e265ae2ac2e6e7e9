// Names of kernels as files and identifiers: `attn-q` is attn-q.wasm, loadAttnQ and AttnQKernel.

/** What a kernel may be called: it becomes a file name everywhere, and part of identifiers. */
export const namePattern: RegExp = /^[a-z][a-z0-9]*(?:[-_][a-z0-9]+)*$/i;
export const nameRule = "letters and digits in words joined by - or _, beginning with a letter";

/** The name in identifiers, without its first letter's case: `attn-q` and `attn_q` give `AttnQ`, `q4_0` gives `Q4_0`. */
export function pascalCase(name: string): string {
  return name
    .split(/[-_]/)
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .reduce((joined, word) => joined + (/\d$/.test(joined) && /^\d/.test(word) ? "_" : "") + word);
}

/** The name of a kernel's loader. */
export const loaderOf = (name: string): string => `load${pascalCase(name)}`;

/** Two names that would share a file (some file systems ignore case) or an identifier. */
export function firstClash(names: readonly string[]): readonly [string, string] | undefined {
  const seen = new Map<string, string>();
  for (const name of names) {
    for (const form of new Set([`file ${name.toLowerCase()}`, `identifier ${pascalCase(name)}`])) {
      const other = seen.get(form);
      if (other !== undefined) return [other, name];
      seen.set(form, name);
    }
  }
  return undefined;
}
