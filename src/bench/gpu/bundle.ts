/**
 * The bundle: this program with all that it needs, as one file for a Linux machine (x86-64) without network, Node or npm. It holds Node, Dawn, a Vulkan loader, the
 * build and its packages; drivers are the machine's own. Needs the repository with its development packages. Not here: what runs there (main.ts).
 */
import { execFile, spawn } from "node:child_process";
import { createWriteStream, existsSync, readFileSync } from "node:fs";
import { chmod, copyFile, cp, mkdir, mkdtemp, rename, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { promisify } from "node:util";
import { createGzip } from "node:zlib";
import { findSwiftShader } from "../../../backends/index.ts";
import { stampText } from "../../compile/index.ts";
import { BenchError } from "../errors.ts";

export interface BundleOptions {
  readonly progress: (line: string) => void;
}

/** Bytes that a bundle has at most. */
export const mostBundleBytes = 60e6;
/** The folder that unpacking makes. */
export const bundleFolder = "qloom-bench-gpu";

/** Finds itself and starts the program: a shell is all it needs. */
const runText = `#!/bin/sh
# Measures this machine's GPU and writes report.json into the current folder. Options: run.sh --help
here=\${0%/*}
[ "$here" = "$0" ] && here=.
here=$(CDPATH='' cd -- "$here" && pwd) || exit 1
LD_LIBRARY_PATH="$here/lib\${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
export LD_LIBRARY_PATH
exec "$here/node" "$here/app/dist/src/bench/gpu/main.js" "$@"
`;

/** A package that only writing modules for builds takes, and that is larger than all the others. */
const leftOut = ["ts-morph"];

/**
 * Writes the bundle as a .tar.gz.
 *
 * @returns its size in bytes
 * @throws BenchError where something that it holds is not installed, or it is larger than it may be
 */
export async function writeBundle(file: string, { progress }: BundleOptions): Promise<number> {
  if (process.platform !== "linux" || process.arch !== "x64")
    throw new BenchError(
      `bundle: it is made on Linux x64, for such machines; this is ${process.platform} ${process.arch}`,
    );
  const root = repositoryRoot();
  const staging = await mkdtemp(join(tmpdir(), "qloom-bundle-"));
  try {
    const folder = join(staging, bundleFolder);
    const app = join(folder, "app");
    await mkdir(join(folder, "lib"), { recursive: true });
    progress("bundle: building");
    await build(root, app);
    const packages = await copyPackages(root, app);
    await copyFile(nodeBinary(root), join(folder, "node"));
    await chmod(join(folder, "node"), 0o755);
    await copyFile(await vulkanLoader(), join(folder, "lib/libvulkan.so.1"));
    await writeFile(join(folder, "run.sh"), runText, { mode: 0o755 });
    progress(`bundle: packing node, libvulkan.so.1, qloom, ${packages.join(", ")}`);
    await pack(staging, `${file}.part`);
    const { size } = await stat(`${file}.part`);
    if (size > mostBundleBytes)
      throw new BenchError(`bundle: it has ${size} bytes, more than ${mostBundleBytes}: leave something out`);
    await rename(`${file}.part`, file);
    progress(`bundle: ${file}, ${(size / 1e6).toFixed(1)} MB: tar xzf it there, then ${bundleFolder}/run.sh`);
    return size;
  } finally {
    await rm(`${file}.part`, { force: true });
    await rm(staging, { recursive: true, force: true });
  }
}

/** The folder of this package's sources. */
function repositoryRoot(): string {
  for (let folder = import.meta.dirname; ; folder = dirname(folder)) {
    if (existsSync(join(folder, "tsconfig.build.json"))) return folder;
    if (folder === dirname(folder))
      throw new BenchError(
        "bundle: it is made in qloom's repository, which has the sources; this is an installed package",
      );
  }
}

/** The same as `npm run build`, elsewhere. */
async function build(root: string, app: string): Promise<void> {
  const dist = join(app, "dist");
  const tsc = join(root, locate(root, "typescript", ""), "bin/tsc");
  const project = ["-p", join(root, "tsconfig.build.json"), "--outDir", dist];
  const noTypes = ["--declaration", "false", "--isolatedDeclarations", "false"];
  await promisify(execFile)(process.execPath, [tsc, ...project, ...noTypes], { cwd: root }).catch((error: unknown) => {
    throw new BenchError(`bundle: the build failed: ${(error as { stdout?: string }).stdout || String(error)}`);
  });
  await writeFile(join(dist, "src/compile/generator-stamp.js"), stampText());
  await copyFile(join(root, "package.json"), join(app, "package.json"));
  await copyFile(join(root, "LICENSE"), join(app, "LICENSE"));
}

interface Manifest {
  readonly dependencies?: Readonly<Record<string, string>>;
}

const readManifest = (folder: string): Manifest =>
  JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as Manifest;

/** Copies the packages that the build imports, each to where it stands here; gives their names. */
async function copyPackages(root: string, app: string): Promise<readonly string[]> {
  const own = Object.keys(readManifest(root).dependencies ?? {}).filter((name) => !leftOut.includes(name));
  const copied = new Set<string>();
  const visit = async (name: string, from: string): Promise<void> => {
    const place = locate(root, name, from);
    if (copied.has(place)) return;
    copied.add(place);
    const source = join(root, place);
    await cp(source, join(app, place), {
      recursive: true,
      dereference: true,
      filter: (path) => !/\/node_modules\//.test(path.slice(source.length)) && isRun(path),
    });
    for (const needed of Object.keys(readManifest(source).dependencies ?? {})) await visit(needed, place);
  };
  for (const name of own) await visit(name, "");
  // Of Dawn's binaries one; what its manifest asks for is for its types and its own build.
  const dawn = locate(root, "webgpu", "");
  const binary = "dist/linux-x64/dawn.node";
  await mkdir(join(app, dawn, dirname(binary)), { recursive: true });
  for (const name of ["package.json", "index.js", "LICENSE.md", binary])
    await copyFile(join(root, dawn, name), join(app, dawn, name));
  return [...own, "webgpu"];
}

/** Types, maps and sources are for people. */
const isRun = (path: string): boolean => !/\.([cm]?ts|map)$/.test(path);

/** Where a package is that is imported in `from`, both as paths from the root: the nearest node_modules upwards that has it. */
function locate(root: string, name: string, from: string): string {
  for (let folder = from; ; folder = dirname(folder) === "." ? "" : dirname(folder)) {
    const place = join(folder, "node_modules", name);
    if (existsSync(join(root, place, "package.json"))) return place;
    if (folder === "") throw new BenchError(`bundle: the package ${name} is not installed: npm install`);
  }
}

/** The binary of the npm package `node`, which runs on older systems than a distribution's own; else what runs this. */
function nodeBinary(root: string): string {
  const own = join(root, "node_modules/node/bin/node");
  return existsSync(own) ? own : process.execPath;
}

async function vulkanLoader(): Promise<string> {
  const found = await findSwiftShader();
  const loader = found && join(found.folder, "libvulkan.so.1");
  if (loader === undefined || !existsSync(loader))
    throw new BenchError("bundle: there is no Vulkan loader to take along: npm install @sparticuz/chromium");
  return loader;
}

/** Archives the folder; the same files give the same archive. */
async function pack(staging: string, file: string): Promise<void> {
  const same = ["--sort=name", "--mtime=@0", "--owner=0", "--group=0", "--numeric-owner"];
  const tar = spawn("tar", ["-C", staging, ...same, "-cf", "-", bundleFolder], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = new Promise<void>((resolve, reject) => {
    tar.once("error", reject);
    tar.once("close", (code) => (code === 0 ? resolve() : reject(new BenchError(`bundle: tar ended with ${code}`))));
  });
  await Promise.all([ended, pipeline(tar.stdout, createGzip({ level: 6 }), createWriteStream(file))]);
}
