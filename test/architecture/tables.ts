// What the architecture allows, as tables: the one place to edit when a folder or a package joins.
// Not here: how the tables are checked (rules.ts).

/** Which folders a folder may import, apart from itself. `test` may import them all. */
export const layers: Readonly<Record<string, readonly string[]>> = {
  ir: [],
  schedules: ["ir"],
  backends: ["ir"],
  "tune-db": ["ir", "schedules"],
  src: ["ir", "schedules", "backends", "tune-db"],
  examples: ["src"],
};

/** What is loaded in browsers, with all that it imports. */
export const browserEntries: readonly string[] = [
  "src/index.ts",
  "src/runtime/threads/worker.ts",
  "src/tuner/index.ts",
  "src/tuner/engines/worker-web.ts",
  "src/web/page/main.ts",
  "src/bench/page/ort-webgpu.ts",
  "src/bench/page/ours.ts",
  "src/bench/page/ours-attention.ts",
  "examples/decoder-layer/page.ts",
];

export interface PackageRow {
  /** Where it may be imported: folders and files as globs from the root. Tests may import whatever is declared. */
  readonly where: readonly string[];
  /** Only by `import("..")` or `import type`, so that nobody pays for it, or must have it, who doesn't use it. */
  readonly lazy?: true;
  /** Runs in browsers: what is loaded there may import it. */
  readonly browsers?: true;
}

/** The npm packages that the five folders may import, and where. */
export const packages: Readonly<Record<string, PackageRow>> = {
  "@noble/hashes": { where: ["ir/**"], browsers: true },
  "@sparticuz/chromium": { where: ["backends/wgsl/runtime/**", "src/**"], lazy: true },
  chevrotain: { where: ["ir/text/**"], browsers: true },
  "d3-scale": { where: ["src/bench/plot.ts"] },
  "d3-shape": { where: ["src/bench/plot.ts"] },
  deno: { where: ["src/tuner/engines/**"], lazy: true },
  idb: { where: ["tune-db/**"], browsers: true },
  "onnxruntime-node": { where: ["src/bench/**"], lazy: true },
  "onnxruntime-web": { where: ["src/bench/**"], lazy: true },
  "p-queue": { where: ["src/tuner/**"], browsers: true },
  "playwright-core": { where: ["src/**"], lazy: true },
  protobufjs: { where: ["src/bench/**"], lazy: true },
  "ts-morph": { where: ["src/build/**"] },
  webgpu: { where: ["backends/wgsl/runtime/**"], lazy: true },
  zod: { where: ["ir/**", "schedules/**", "tune-db/**", "src/**"], browsers: true },
};

/** Where Node's builtins may be imported. Everything else also runs in browsers. */
export const builtins: PackageRow = {
  where: ["backends/*/runtime.ts", "backends/*/runtime/**", "tune-db/**", "src/**"],
};

/** Lines that a source file may have; golden files are not source. */
export const maxLines = 400;
