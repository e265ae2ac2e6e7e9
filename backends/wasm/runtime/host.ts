/**
 * What the host tells about the machine: processor, caches, engine. In Node from the operating system, in browsers from what pages may
 * see. Loads everywhere: Node's modules are asked for at run time.
 */

/** Facts about the machine that no Wasm module can find out. */
export interface HostFacts {
  /** Processor model, or what is known of the platform. */
  readonly cpu: string;
  /** `x86-64`, `arm64`, or what the host calls it. */
  readonly family: string;
  /** Instruction sets of the processor that Wasm engines use, best known first; empty where it can't be seen. */
  readonly cpuFeatures: readonly string[];
  /** Engine with version: `v8 13.6.233`. */
  readonly engine: string;
  /** What runs the engine, for people: `Node 24.2.0`, `Deno 2.9.6`. */
  readonly program: string;
  readonly cores: number;
  /** Sizes in bytes of the data caches that one core sees: `l1d`, `l2`, `l3`; unknown ones are left out. */
  readonly caches: Readonly<Record<string, number>>;
}

/** Facts about this machine. */
export function hostFacts(): HostFacts {
  return typeof process !== "undefined" && typeof process.getBuiltinModule === "function"
    ? nodeFacts()
    : browserFacts();
}

// --------------------------------------------------------------------------------------------------------------- Node

type Fs = typeof import("node:fs");

/** Instruction sets that decide how fast an engine's SIMD code is, as Linux calls them, and our names. */
const interesting: Readonly<Record<string, string>> = {
  avx512_vnni: "avx512-vnni",
  avx_vnni: "avx-vnni",
  avx512f: "avx512",
  avx2: "avx2",
  fma: "fma",
  avx: "avx",
  sse4_2: "sse4.2",
  i8mm: "i8mm",
  asimddp: "dotprod",
  asimd: "neon",
};

function nodeFacts(): HostFacts {
  const os = process.getBuiltinModule("node:os");
  const fs = process.getBuiltinModule("node:fs");
  const flags = new Set(processorFlags(fs));
  const arch = os.arch();
  // Deno and Bun have Node's modules, and say that they are some Node, with its V8.
  const { deno, bun, v8, node } = process.versions;
  return {
    cpu: (os.cpus()[0]?.model ?? "unknown processor").replaceAll(/\s+/g, " ").trim(),
    family: arch === "x64" ? "x86-64" : arch,
    cpuFeatures: Object.entries(interesting).flatMap(([flag, name]) => (flags.has(flag) ? [name] : [])),
    // Bun's JavaScriptCore has no version but a commit: Bun's stands for it.
    engine: bun === undefined ? `v8 ${v8.split("-")[0]}` : `javascriptcore of Bun ${bun}`,
    program: bun !== undefined ? `Bun ${bun}` : deno !== undefined ? `Deno ${deno}` : `Node ${node}`,
    cores: os.availableParallelism(),
    caches: cacheSizes(fs),
  };
}

/** The text of a file, or nothing where it is not there. */
function textOf(fs: Fs, path: string): string {
  try {
    return fs.readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

/** Linux: the flags (x86) or features (Arm) of the first processor. */
function processorFlags(fs: Fs): readonly string[] {
  const line = /^(?:flags|Features)\s*:(.*)$/m.exec(textOf(fs, "/proc/cpuinfo"));
  return line?.[1]?.trim().split(/\s+/) ?? [];
}

/** Linux: the caches of the first core. */
function cacheSizes(fs: Fs): Readonly<Record<string, number>> {
  const sizes: Record<string, number> = {};
  for (let index = 0; index < 8; index++) {
    const folder = `/sys/devices/system/cpu/cpu0/cache/index${index}`;
    const [level, type, size] = ["level", "type", "size"].map((file) => textOf(fs, `${folder}/${file}`).trim());
    const kib = /^(\d+)K$/.exec(size ?? "")?.[1];
    if (kib === undefined || type === "Instruction") continue;
    sizes[level === "1" ? "l1d" : `l${level}`] = Number(kib) * 1024;
  }
  return sizes;
}

// ------------------------------------------------------------------------------------------------------------ browsers

const engines: readonly (readonly [pattern: RegExp, name: string])[] = [
  [/Firefox\/([\d.]+)/, "spidermonkey"],
  [/Chrom(?:e|ium)\/([\d.]+)/, "v8"],
  [/Version\/([\d.]+).*Safari/, "javascriptcore"],
];

function browserFacts(): HostFacts {
  const agent = globalThis.navigator?.userAgent ?? "unknown host";
  const found = engines.flatMap(([pattern, name]) => {
    const version = pattern.exec(agent)?.[1];
    return version === undefined ? [] : [`${name} ${version}`];
  });
  const platform = /\(([^)]*)\)/.exec(agent)?.[1] ?? "unknown platform";
  return {
    cpu: platform,
    family: /arm|aarch64|iPhone|iPad|Android/i.test(platform) ? "arm64" : "x86-64",
    cpuFeatures: [],
    engine: found[0] ?? agent,
    program: found[0] ?? "a browser",
    cores: globalThis.navigator?.hardwareConcurrency ?? 1,
    caches: {},
  };
}
