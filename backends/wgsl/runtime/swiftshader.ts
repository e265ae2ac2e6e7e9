/**
 * SwiftShader, a Vulkan driver that runs on the processor: out of npm's `@sparticuz/chromium`, or of an installed Chromium. Node only.
 * Not here: when to use it (environment.ts).
 */
import { nodeFs, nodeModule, nodeOs, nodePath, nodeUtil, nodeZlib } from "./node.ts";
import { filesOfTar } from "./tar.ts";

export interface SwiftShader {
  /** Holds the driver and a Vulkan loader. */
  readonly folder: string;
  /** The file that tells a Vulkan loader of the driver. */
  readonly icd: string;
  /** Where it came from: "npm @sparticuz/chromium 153.0.0". */
  readonly source: string;
}

/** What the search looks at; tests give their own. */
export interface SwiftShaderPlaces {
  /** Folder of npm's `@sparticuz/chromium`; undefined where it is not installed. */
  readonly packageFolder: string | undefined;
  /** Where the package is unpacked to, the first that can be written to. */
  readonly caches: readonly string[];
  /** Folders that browsers are installed in. */
  readonly browsers: readonly string[];
}

const packageName = "@sparticuz/chromium";
const driver = "libvk_swiftshader.so";
const icdFile = "vk_swiftshader_icd.json";
const needed = [driver, "libvulkan.so.1", icdFile];

const browsers = [
  "/usr/lib/chromium",
  "/usr/lib64/chromium",
  "/usr/lib/chromium-browser",
  "/usr/lib64/chromium-browser",
  "/opt/google/chrome",
  "/opt/microsoft/msedge",
];

/** SwiftShader on this machine, unpacked where need be; undefined where there is none, and where its files are not for this system. */
export async function findSwiftShader(places: SwiftShaderPlaces = usualPlaces()): Promise<SwiftShader | undefined> {
  if (process.platform !== "linux") return undefined;
  const { packageFolder } = places;
  // The package's binaries are for one processor only.
  if (packageFolder !== undefined && process.arch === "x64") return unpacked(packageFolder, places.caches);
  for (const folder of places.browsers) {
    const icd = nodePath().join(folder, icdFile);
    if ((await exists(icd)) && (await exists(nodePath().join(folder, driver)))) return { folder, icd, source: folder };
  }
  return undefined;
}

/** Where SwiftShader usually is. */
export function usualPlaces(): SwiftShaderPlaces {
  const path = nodePath();
  const packageFolder = folderOfPackage();
  // Beside the package, else the user's own: a folder that others can write to could hold another's driver.
  const beside = packageFolder === undefined ? [] : [path.join(packageFolder, "../..", ".cache/qloom")];
  return { packageFolder, caches: [...beside, path.join(nodeOs().homedir(), ".cache/qloom")], browsers };
}

function folderOfPackage(): string | undefined {
  try {
    const entry = nodeModule()
      .createRequire(import.meta.url)
      .resolve(packageName);
    return nodePath().dirname(nodePath().dirname(entry));
  } catch {
    return undefined;
  }
}

async function unpacked(packageFolder: string, caches: readonly string[]): Promise<SwiftShader> {
  const fs = nodeFs();
  const path = nodePath();
  const manifest = await fs.readFile(path.join(packageFolder, "package.json"), "utf8");
  const { version } = JSON.parse(manifest) as { version: string };
  const found = (folder: string): SwiftShader => ({
    folder,
    icd: path.join(folder, icdFile),
    source: `npm ${packageName} ${version}`,
  });
  const folders = caches.map((cache) => path.join(cache, `swiftshader-${version}`));
  for (const folder of folders) if (await exists(folder)) return found(folder);
  let refusal: unknown;
  for (const folder of folders) {
    try {
      await unpack(path.join(packageFolder, "bin/swiftshader.tar.br"), folder);
      return found(folder);
    } catch (error) {
      if (!["EACCES", "EPERM", "EROFS", "ENOTDIR"].includes((error as NodeJS.ErrnoException).code ?? "")) throw error;
      refusal ??= error;
    }
  }
  throw refusal;
}

/** Unpacks beside the place and moves the whole: the folder is complete as soon as it is there, whoever else unpacks at the same time. */
async function unpack(archive: string, folder: string): Promise<void> {
  const fs = nodeFs();
  const path = nodePath();
  await fs.mkdir(path.dirname(folder), { recursive: true });
  const partial = await fs.mkdtemp(`${folder}.part-`);
  try {
    const tar = await nodeUtil().promisify(nodeZlib().brotliDecompress)(await fs.readFile(archive));
    for (const [name, data] of filesOfTar(tar, needed))
      await fs.writeFile(path.join(partial, name), data, { mode: 0o755 });
    // mkdtemp keeps it to the user; others that may read the package may read this.
    await fs.chmod(partial, 0o755);
    await fs.rename(partial, folder).catch(async (error: unknown) => {
      // Another process was first, with the same files.
      if (!(await exists(folder))) throw error;
    });
  } finally {
    await fs.rm(partial, { recursive: true, force: true });
  }
}

async function exists(path: string): Promise<boolean> {
  return nodeFs()
    .access(path)
    .then(
      () => true,
      () => false,
    );
}
