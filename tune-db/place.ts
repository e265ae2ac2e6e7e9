/** Where the database lies when nobody says: one place per user, by the custom of the system. */
import { nodeModule } from "../ir/index.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

const need = "finding the user's database";
const paths = (): typeof import("node:path") => nodeModule("node:path", need);

/**
 * `QLOOM_DB` where set; else `%LOCALAPPDATA%\qloom` on Windows, `~/Library/Application Support/qloom` on macOS, and
 * `$XDG_DATA_HOME/qloom` or `~/.local/share/qloom` elsewhere (a relative XDG_DATA_HOME is ignored, as the XDG specification asks).
 */
export function defaultPlace(
  environment: Environment = process.env,
  platform: string = process.platform,
  home: string = nodeModule<typeof import("node:os")>("node:os", need).homedir(),
): string {
  const named = environment["QLOOM_DB"];
  if (named) return named;
  return paths()[platform === "win32" ? "win32" : "posix"].join(
    dataFolder(environment, platform, home),
    "qloom",
    "tune.sqlite",
  );
}

function dataFolder(environment: Environment, platform: string, home: string): string {
  if (platform === "win32") return environment["LOCALAPPDATA"] || paths().win32.join(home, "AppData", "Local");
  if (platform === "darwin") return paths().posix.join(home, "Library", "Application Support");
  const xdg = environment["XDG_DATA_HOME"];
  const { posix } = paths();
  return xdg && posix.isAbsolute(xdg) ? xdg : posix.join(home, ".local", "share");
}
