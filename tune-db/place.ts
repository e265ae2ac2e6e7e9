/** Where the database lies when nobody says: one place per user, by the custom of the system. */
import { homedir } from "node:os";
import { posix, win32 } from "node:path";

export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * `QLOOM_DB` where set; else `%LOCALAPPDATA%\qloom` on Windows, `~/Library/Application Support/qloom` on macOS, and
 * `$XDG_DATA_HOME/qloom` or `~/.local/share/qloom` elsewhere (a relative XDG_DATA_HOME is ignored, as the XDG specification asks).
 */
export function defaultPlace(
  environment: Environment = process.env,
  platform: string = process.platform,
  home: string = homedir(),
): string {
  const named = environment["QLOOM_DB"];
  if (named) return named;
  const path = platform === "win32" ? win32 : posix;
  return path.join(dataFolder(environment, platform, home), "qloom", "tune.sqlite");
}

function dataFolder(environment: Environment, platform: string, home: string): string {
  if (platform === "win32") return environment["LOCALAPPDATA"] || win32.join(home, "AppData", "Local");
  if (platform === "darwin") return posix.join(home, "Library", "Application Support");
  const xdg = environment["XDG_DATA_HOME"];
  return xdg && posix.isAbsolute(xdg) ? xdg : posix.join(home, ".local", "share");
}
