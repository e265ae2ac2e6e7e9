/** Where the workers' files are. */

/** The file of a worker beside this one, in the sources as in the package. */
export const workerUrl = (name: string): URL =>
  new URL(`./${name}.${import.meta.url.endsWith(".ts") ? "ts" : "js"}`, import.meta.url);
